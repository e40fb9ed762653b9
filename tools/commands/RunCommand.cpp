//===- RunCommand.cpp - quipu run: text from a model ----------------------===//
//
// One prompt, one answer. The answer goes to stdout as it is written; what it
// took goes to stderr.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/Session.h"

#include <nlohmann/json.hpp>

#include <cstdio>

using namespace quipu;

namespace {

struct RunOptions {
  SessionOptions session;
  std::string prompt;
  std::string promptFile;
  bool raw = false;
  bool json = false;
  bool quiet = false;
};

} // namespace

static Result<std::string> readPrompt(const RunOptions &options) {
  if (options.promptFile.empty())
    return options.prompt;
  return readText(options.promptFile);
}

/// The prompt as token ids; sets `chatting` where a chat format was applied.
static Result<std::vector<int32_t>> encodePrompt(const Session &session,
                                                 const RunOptions &options,
                                                 const std::string &prompt,
                                                 bool &chatting) {
  chatting = !options.raw && bool(session.chat());
  if (!chatting) {
    if (!options.raw && !session.package().chatTemplate.empty())
      return session.chat().error(); // a format that we do not know
    return session.tokenizer.encode(prompt);
  }
  std::vector<ChatMessage> messages;
  if (!options.session.system.empty())
    messages.push_back({"system", options.session.system});
  messages.push_back({"user", prompt});
  return session.encodeChat(messages);
}

static void printTimings(const Generation &generation) {
  const GenerationTimings &timings = generation.timings;
  std::fprintf(stderr,
               "prompt: %ld tokens, %.1f tokens/s; answer: %ld tokens, %.1f "
               "tokens/s\n",
               long(timings.promptTokens), timings.promptTokensPerSecond(),
               long(generation.tokens.size()), timings.decodeTokensPerSecond());
}

/// The documented JSON form of an answer: see docs/run.md.
static void printJson(const Answer &answer, size_t promptTokens) {
  const GenerationTimings &timings = answer.generation.timings;
  nlohmann::ordered_json json = {
      {"text", answer.text},
      {"tokens", answer.generation.tokens},
      {"stop", std::string(name(answer.generation.reason))},
      {"prompt_tokens", promptTokens},
      {"prompt_seconds", timings.promptSeconds},
      {"prompt_tokens_per_second", timings.promptTokensPerSecond()},
      {"decode_tokens", timings.decodeTokens},
      {"decode_seconds", timings.decodeSeconds},
      {"decode_tokens_per_second", timings.decodeTokensPerSecond()},
  };
  print(json);
}

static int run(CommandHost &host, const RunOptions &options) {
  Result<std::string> prompt = readPrompt(options);
  if (!prompt)
    return fail(prompt.error());
  if (prompt->empty() && !options.raw)
    return fail(Error{"the prompt is empty; give one with -p"});
  Result<Session> session = Session::open(host, options.session);
  if (!session)
    return fail(session.error());
  bool chatting = false;
  Result<std::vector<int32_t>> ids =
      encodePrompt(*session, options, *prompt, chatting);
  if (!ids)
    return fail(ids.error());
  if (ids->empty())
    return fail(Error{"the prompt is empty; give one with -p"});

  InterruptFlag interrupts;
  Sequence sequence = session->engine.newSequence();
  Result<Answer> answer =
      quipu::answer(*session, sequence, *ids, chatting, options.json);
  if (!answer)
    return fail(answer.error());
  if (options.json)
    printJson(*answer, ids->size());
  else
    std::printf("\n");
  std::fflush(stdout);
  if (!options.quiet && !options.json)
    printTimings(answer->generation);
  return answer->generation.reason == StopReason::cancelled ? 130 : 0;
}

void quipu::setUpRun(CLI::App &app, CommandHost &host) {
  auto options = std::make_shared<RunOptions>();
  auto *prompt =
      app.add_option("-p,--prompt", options->prompt, "what to answer")
          ->type_name("TEXT");
  app.add_option("-f,--file", options->promptFile,
                 "file with the prompt; -: standard input")
      ->type_name("FILE")
      ->excludes(prompt);
  app.add_flag("--raw", options->raw,
               "continue the prompt as it is, without the chat format");
  app.add_flag("--json", options->json,
               "print one JSON object at the end, in place of text");
  app.add_flag("-q,--quiet", options->quiet, "no timings on stderr");
  addSessionOptions(app, host, options->session);
  app.callback([options, &host, &app] {
    // A stub's own callback runs even when a subcommand was named.
    if (app.get_subcommands().empty())
      host.status = run(host, *options);
  });
}

void quipu::addRunCommand(CLI::App &app, CommandHost &host) {
  CLI::App *command =
      app.add_subcommand("run", "write text: answer a prompt, or continue it");
  setUpRun(*command, host);
}
