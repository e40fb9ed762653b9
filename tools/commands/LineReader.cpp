//===- LineReader.cpp - Lines from a person or a pipe ---------------------===//
//
// libedit fed key by key, so that a signal is let in only while nothing else
// happens than waiting for a key. It wants a UTF-8 locale, which containers
// often lack, so glibc's own C.UTF-8 stands in.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/LineReader.h"

#include "tools/commands/Session.h"

#include <clocale>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <editline/readline.h>
#include <iostream>
#include <langinfo.h>
#include <poll.h>
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

namespace {

/// What libedit made of the keys; its callback takes nothing along.
struct TypedLine {
  bool ended = false;
  char *text = nullptr; // null: the end of input
};
TypedLine typedLine;

/// Keeps SIGINT waiting while one of these lives.
class InterruptsHeld {
public:
  InterruptsHeld() {
    sigset_t interrupt;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    ::pthread_sigmask(SIG_BLOCK, &interrupt, &before);
  }
  ~InterruptsHeld() { ::pthread_sigmask(SIG_SETMASK, &before, nullptr); }
  InterruptsHeld(const InterruptsHeld &) = delete;
  InterruptsHeld &operator=(const InterruptsHeld &) = delete;

  /// Lets signals in until there is something to read; false where one came.
  bool waitForKey() const {
    pollfd input = {STDIN_FILENO, POLLIN, 0};
    return ::ppoll(&input, 1, nullptr, &before) > 0;
  }

private:
  sigset_t before;
};

} // namespace

std::optional<std::string> LineReader::read(const char *prompt) {
  std::string line;
  if (!terminal) {
    if (std::getline(std::cin, line))
      return line;
    return std::nullopt;
  }
  // readline() would sleep on where Ctrl-C comes just before it reads.
  InterruptsHeld interrupts;
  typedLine = {};
  ::rl_callback_handler_install(prompt,
                                [](char *text) { typedLine = {true, text}; });
  while (!typedLine.ended && !InterruptFlag::raised())
    if (interrupts.waitForKey())
      ::rl_callback_read_char();
  ::rl_callback_handler_remove();
  if (!typedLine.text)
    return std::nullopt;
  line = typedLine.text;
  std::free(typedLine.text);
  if (!line.empty())
    add_history(line.c_str());
  return line;
}
