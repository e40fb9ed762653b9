//===- LaunchReader.h - Reads a launch file ---------------------*- C++ -*-===//
//
// Checks a launch description key by key and keeps what is read so far:
// parameters and outputs name buffers that stand before them.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_COMMANDS_EMULATE_LAUNCHREADER_H
#define QUIPU_TOOLS_COMMANDS_EMULATE_LAUNCHREADER_H

#include "tools/commands/emulate/LaunchFile.h"

#include <initializer_list>

namespace quipu {

/// Reads one file; for one read().
class LaunchReader {
public:
  explicit LaunchReader(const std::string &path) { file.path = path; }

  Result<LaunchFile> read();

private:
  Error wrong(const std::string &where, const std::string &what) const {
    return Error{file.path + ": " + where + ": " + what};
  }
  /// `value`, or its beginning, for messages.
  static std::string shown(const nlohmann::json &value);
  Result<void> checkKeys(const nlohmann::json &object, const std::string &where,
                         std::initializer_list<std::string_view> known) const;
  Result<void> readRole(const nlohmann::json &description,
                        const std::string &where,
                        LaunchFile::Buffer &buffer) const;
  Result<void> readBuffers(const nlohmann::json &document);
  Result<void> readLaunch(const nlohmann::json &launch,
                          const std::string &where);
  Result<void> readOutput(const nlohmann::json &output,
                          const std::string &where);
  Result<emulator::Extent> readExtent(const nlohmann::json &value,
                                      const std::string &where) const;
  Result<LaunchFile::Parameter> readParameter(const nlohmann::json &value,
                                              const std::string &where,
                                              int depth) const;
  Result<LaunchFile::Parameter> readPointer(const nlohmann::json &value,
                                            const std::string &where) const;
  Result<LaunchFile::Parameter> readTyped(const nlohmann::json &value,
                                          const std::string &where) const;
  Result<LaunchFile::Parameter> readFields(const nlohmann::json &list,
                                           const std::string &where,
                                           int depth) const;
  Result<int> findBuffer(const nlohmann::json &name,
                         const std::string &where) const;
  Result<NumberType> readType(const nlohmann::json &object,
                              const std::string &where,
                              NumberType otherwise) const;
  Result<uint64_t> readCount(const nlohmann::json &object, const char *key,
                             const std::string &where, uint64_t most,
                             uint64_t otherwise) const;

  LaunchFile file;
};

} // namespace quipu

#endif // QUIPU_TOOLS_COMMANDS_EMULATE_LAUNCHREADER_H
