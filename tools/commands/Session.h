//===- Session.h - A model that is ready to answer --------------*- C++ -*-===//
//
// What `run` and `chat` start from: package, tokenizer, chat format, engine and
// sampling options, from the command line and the model's own defaults.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_COMMANDS_SESSION_H
#define QUIPU_TOOLS_COMMANDS_SESSION_H

#include "runtime/chat/ChatTemplate.h"
#include "runtime/generation/Generator.h"
#include "runtime/tokenizer/StreamDecoder.h"
#include "runtime/tokenizer/Tokenizer.h"
#include "tools/commands/Command.h"

#include <optional>
#include <string>
#include <vector>

namespace quipu {

/// What the command line says; unset values are the model's.
struct SessionOptions {
  LoadRequest load;
  int threads = 0;
  int64_t context = 0;
  int64_t maxTokens = -1;
  std::optional<float> temperature, topP, minP, repetitionPenalty;
  std::optional<int> topK, penaltyLast;
  std::optional<uint64_t> seed;
  std::optional<uint64_t> randomWeights;
  std::string compat = "llama.cpp";
  std::string chatTemplate;
  std::string system;
  std::vector<std::string> stopStrings;
};

/// Adds all of the above to `app`.
void addSessionOptions(CLI::App &app, const CommandHost &host,
                       SessionOptions &options);

/// A loaded model. Loading says on stderr what takes long and which code runs.
class Session {
public:
  static Result<Session> open(const CommandHost &host,
                              const SessionOptions &options);

  const Package &package() const { return engine.package(); }

  /// The model's chat format, or why there is none.
  const Result<ChatTemplate> &chat() const { return format; }

  /// Token ids of a conversation, ready for the assistant to answer.
  Result<std::vector<int32_t>>
  encodeChat(const std::vector<ChatMessage> &messages) const;

  /// Options for one answer; `chatting` adds what ends an assistant's turn.
  GenerationOptions generation(bool chatting) const;
  StreamOptions streaming(bool chatting) const;

  Tokenizer tokenizer;
  Engine engine;

private:
  Session(Tokenizer tokenizer, Engine engine, Result<ChatTemplate> format,
          GenerationOptions defaults, std::vector<std::string> stopStrings)
      : tokenizer(std::move(tokenizer)), engine(std::move(engine)),
        format(std::move(format)), defaults(std::move(defaults)),
        stopStrings(std::move(stopStrings)) {}

  Result<ChatTemplate> format;
  GenerationOptions defaults;
  std::vector<std::string> stopStrings;
};

/// Set by Ctrl-C while one of these lives; a second Ctrl-C ends the program.
class InterruptFlag {
public:
  InterruptFlag();
  ~InterruptFlag();
  InterruptFlag(const InterruptFlag &) = delete;
  InterruptFlag &operator=(const InterruptFlag &) = delete;

  static const std::atomic<bool> &raised();
  static void clear();
  /// A descriptor that can be read from once it was raised, for those who wait
  /// for input too; -1 before the first of these lived.
  static int event();
};

/// Streams one answer to stdout unless `quiet`; `sequence` grows by it.
struct Answer {
  Generation generation;
  std::string text;
};
Result<Answer> answer(Session &session, Sequence &sequence,
                      std::span<const int32_t> prompt, bool chatting,
                      bool quiet);

} // namespace quipu

#endif // QUIPU_TOOLS_COMMANDS_SESSION_H
