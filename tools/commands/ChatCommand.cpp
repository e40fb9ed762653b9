//===- ChatCommand.cpp - quipu chat: a conversation -----------------------===//
//
// A loop of lines. What was said stays in the sequence's KV cache, so that a
// turn costs its own tokens only; Ctrl-C ends the answer and not the program.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/LineReader.h"
#include "tools/commands/Session.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

using namespace quipu;

namespace {

class Conversation {
public:
  Conversation(Session &session, const SessionOptions &options)
      : session(session), sequence(session.engine.newSequence()) {
    if (!options.system.empty())
      messages.push_back({"system", options.system});
    systemMessages = messages.size();
  }

  /// Answers `text`; an error leaves the conversation as it was.
  Result<void> say(const std::string &text);

  void reset() {
    messages.resize(systemMessages);
    sequence.truncate(0);
  }

  /// Takes back the last question and its answer.
  bool undo() {
    if (messages.size() < systemMessages + 2)
      return false;
    messages.resize(messages.size() - 2);
    return true;
  }

  int64_t used() const { return sequence.length(); }

private:
  Session &session;
  Sequence sequence;
  std::vector<ChatMessage> messages;
  size_t systemMessages;
};

} // namespace

Result<void> Conversation::say(const std::string &text) {
  messages.push_back({"user", text});
  Result<std::vector<int32_t>> ids = session.encodeChat(messages);
  if (!ids) {
    messages.pop_back();
    return ids.error();
  }
  if (static_cast<int64_t>(ids->size()) >= session.engine.context()) {
    messages.pop_back();
    return Error{"the conversation takes " + std::to_string(ids->size()) +
                 " tokens of a context of " +
                 std::to_string(session.engine.context()) +
                 "; /reset begins anew, and -c makes the context longer"};
  }
  Result<Answer> answer = quipu::answer(session, sequence, *ids,
                                        /*chatting=*/true, /*quiet=*/false);
  if (!answer) {
    messages.pop_back();
    return answer.error();
  }
  std::printf("\n");
  messages.push_back({"assistant", answer->text});
  if (answer->generation.reason == StopReason::contextFull)
    std::fprintf(stderr, "(the context is full; /reset begins anew)\n");
  return {};
}

static const char *const help =
    "  /reset  forget the conversation\n"
    "  /undo   take back the last question and its answer\n"
    "  /info   how much of the context is used\n"
    "  /exit   leave (so does Ctrl-D); Ctrl-C ends an answer\n";

/// Runs a line that begins with a slash; false leaves the program.
static bool runSlashCommand(const std::string &line, Conversation &talk,
                            const Session &session) {
  if (line == "/exit" || line == "/quit" || line == "/bye")
    return false;
  if (line == "/reset") {
    talk.reset();
    std::fprintf(stderr, "(forgotten)\n");
  } else if (line == "/undo") {
    std::fprintf(stderr, talk.undo() ? "(taken back)\n" : "(nothing said)\n");
  } else if (line == "/info") {
    std::fprintf(stderr, "(%ld of %ld tokens)\n", long(talk.used()),
                 long(session.engine.context()));
  } else {
    std::fputs(help, stderr);
  }
  return true;
}

/// Where lines typed in earlier conversations are kept; empty: nowhere.
static std::string historyPath() {
  const char *state = std::getenv("XDG_STATE_HOME");
  const char *home = std::getenv("HOME");
  std::filesystem::path folder;
  if (state && *state)
    folder = state;
  else if (home && *home)
    folder = std::filesystem::path(home) / ".local" / "state";
  else
    return {};
  std::error_code error;
  std::filesystem::create_directories(folder / "quipu", error);
  return error ? std::string() : (folder / "quipu" / "chat_history").string();
}

static int chat(CommandHost &host, const SessionOptions &options) {
  Result<Session> session = Session::open(host, options);
  if (!session)
    return fail(session.error());
  if (!session->chat())
    return fail(session->chat().error());
  LineReader lines(historyPath());
  if (lines.interactive())
    std::fprintf(stderr, "%s. /help lists the commands.\n",
                 session->package().model.name.c_str());
  InterruptFlag interrupts;
  Conversation talk(*session, options);
  while (true) {
    InterruptFlag::clear();
    std::optional<std::string> line = lines.read("\n> ");
    if (!line && InterruptFlag::raised()) {
      std::fprintf(stderr, "\n(/exit or Ctrl-D leaves)");
      continue;
    }
    if (!line)
      break;
    if (line->find_first_not_of(" \t\r") == std::string::npos)
      continue;
    if (line->front() == '/') {
      if (!runSlashCommand(*line, talk, *session))
        break;
      continue;
    }
    if (Result<void> said = talk.say(*line); !said)
      fail(said.error());
  }
  if (lines.interactive())
    std::fprintf(stderr, "\n");
  return 0;
}

void quipu::addChatCommand(CLI::App &app, CommandHost &host) {
  CLI::App *command = app.add_subcommand("chat", "hold a conversation");
  auto options = std::make_shared<SessionOptions>();
  addSessionOptions(*command, host, *options);
  command->callback([options, &host] { host.status = chat(host, *options); });
}
