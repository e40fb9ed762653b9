//===- LineReader.cpp - Lines from a person or a pipe ---------------------===//
//
// libedit behind two functions. It wants a UTF-8 locale, which containers often
// lack, so glibc's own C.UTF-8 stands in.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/LineReader.h"

#include <clocale>
#include <cstdlib>
#include <cstring>
#include <editline/readline.h>
#include <iostream>
#include <langinfo.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace quipu;

LineReader::LineReader(std::string historyPath)
    : history(std::move(historyPath)),
      terminal(isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) {
  if (!terminal)
    return;
  std::setlocale(LC_CTYPE, "");
  if (std::strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
    std::setlocale(LC_CTYPE, "C.UTF-8");
  using_history();
  stifle_history(1000);
  if (!history.empty())
    read_history(history.c_str());
}

LineReader::~LineReader() {
  if (!terminal || history.empty())
    return;
  // What people ask a model is theirs alone.
  mode_t previous = umask(0077);
  write_history(history.c_str());
  umask(previous);
}

std::optional<std::string> LineReader::read(const char *prompt) {
  std::string line;
  if (!terminal) {
    if (std::getline(std::cin, line))
      return line;
    return std::nullopt;
  }
  char *typed = ::readline(prompt);
  if (!typed)
    return std::nullopt;
  line = typed;
  std::free(typed);
  if (!line.empty())
    add_history(line.c_str());
  return line;
}
