//===- LineReader.h - Lines from a person or a pipe -------------*- C++ -*-===//
//
// On a terminal, lines can be edited and earlier ones called back (libedit),
// also those of earlier programs; anywhere else, lines are read as they come.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_COMMANDS_LINEREADER_H
#define QUIPU_TOOLS_COMMANDS_LINEREADER_H

#include <optional>
#include <string>

namespace quipu {

class LineReader {
public:
  /// Keeps its history in the file `history`, where that can be written.
  explicit LineReader(std::string history);
  ~LineReader();
  LineReader(const LineReader &) = delete;
  LineReader &operator=(const LineReader &) = delete;

  /// Whether a person types.
  bool interactive() const { return terminal; }

  /// The next line, without its end. None at the end of input, and where a
  /// signal came first.
  std::optional<std::string> read(const char *prompt);

private:
  std::string history;
  bool terminal;
};

} // namespace quipu

#endif // QUIPU_TOOLS_COMMANDS_LINEREADER_H
