//===- LineReader.cpp - Lines from a person or a pipe ---------------------===//
//
// libedit fed key by key, so that a wait for a key is one for a signal too. It
// wants a UTF-8 locale, which containers often lack, so glibc's own C.UTF-8
// stands in.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/LineReader.h"

#include "tools/commands/Session.h"

#include <clocale>
#include <cstdlib>
#include <cstring>
#include <editline/readline.h>
#include <iostream>
#include <langinfo.h>
#include <poll.h>
#include <sys/ioctl.h>
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

enum class Wake { key, nothing, gone };

/// Waits for a key or a signal, which may come before this begins: its handler
/// leaves a mark. `gone`: the terminal has been closed.
Wake waitForKey() {
  pollfd events[] = {{STDIN_FILENO, POLLIN, 0},
                     {InterruptFlag::event(), POLLIN, 0}};
  if (::poll(events, 2, -1) < 0)
    return Wake::nothing;
  constexpr short closed = POLLHUP | POLLERR | POLLNVAL;
  int keys = 0;
  if (::ioctl(STDIN_FILENO, FIONREAD, &keys) != 0 ||
      (keys == 0 && (events[0].revents & closed)))
    return Wake::gone;
  return keys > 0 ? Wake::key : Wake::nothing;
}

} // namespace

std::optional<std::string> LineReader::read(const char *prompt) {
  std::string line;
  if (!terminal) {
    if (std::getline(std::cin, line))
      return line;
    return std::nullopt;
  }
  // readline() would sleep on where Ctrl-C comes just before it reads.
  typedLine = {};
  ::rl_callback_handler_install(prompt,
                                [](char *text) { typedLine = {true, text}; });
  for (Wake wake = Wake::nothing;
       wake != Wake::gone && !typedLine.ended && !InterruptFlag::raised();) {
    wake = waitForKey();
    if (wake == Wake::key)
      ::rl_callback_read_char();
  }
  ::rl_callback_handler_remove();
  if (!typedLine.text)
    return std::nullopt;
  line = typedLine.text;
  std::free(typedLine.text);
  if (!line.empty())
    add_history(line.c_str());
  return line;
}
