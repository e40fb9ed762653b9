//===- ChatTemplate.h - Conversations as prompts ----------------*- C++ -*-===//
//
// The prompt formats of chat models, built in. Model files carry a Jinja
// program for it: which format it writes is recognized, the program is not run.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_CHAT_CHATTEMPLATE_H
#define QUIPU_RUNTIME_CHAT_CHATTEMPLATE_H

#include "runtime/tokenizer/Tokenizer.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quipu {

struct ChatMessage {
  std::string role; // "system", "user" or "assistant"
  std::string content;
};

/// What a template needs to know besides the conversation.
struct ChatContext {
  std::string bosToken; // as written in the vocabulary; empty: none
  std::string eosToken;
  bool addGenerationPrompt = true; // end where the assistant begins to speak
  std::string date = {};           // "23 Nov 2025"; empty: the format's own

  /// The tokens that `spec` names.
  static ChatContext of(const TokenizerSpec &spec);
};

/// One built-in format.
class ChatTemplate {
public:
  /// The format that a model file's Jinja source writes, where it is one of
  /// the built-in ones.
  static std::optional<ChatTemplate> detect(std::string_view jinjaSource);

  /// The format of that name: see names().
  static std::optional<ChatTemplate> byName(std::string_view name);
  static std::vector<std::string_view> names();

  /// byName(name) where a name is given, else detect(jinjaSource). The Error
  /// says what is supported and how to ask for it.
  static Result<ChatTemplate> choose(std::string_view name,
                                     std::string_view jinjaSource);

  std::string_view name() const { return format.name; }

  /// The prompt. What the template writes is trusted and what people wrote is
  /// not, so encode it with Tokenizer::encode(pieces, /*addSpecial=*/false):
  /// the bos token is in it where the format has one. Fails where the format
  /// cannot express the conversation.
  Result<std::vector<PromptPiece>>
  render(const std::vector<ChatMessage> &messages,
         const ChatContext &context) const;

  /// Ids of the tokens that end the assistant's turn, the eos token included.
  std::vector<int32_t> stopIds(const Tokenizer &tokenizer) const;

  /// Strings that end it as well: the next turn's beginning, and end tokens
  /// that this vocabulary spells out.
  std::vector<std::string> stopStrings(const Tokenizer &tokenizer) const;

private:
  /// What stands around the content of a message of one role.
  struct Frame {
    std::string before;
    std::string after;
  };
  enum class Dates { none, release, today };

  /// Everything that differs between the formats that go message by message.
  /// `{eos}` stands for the eos token.
  struct Format {
    std::string name;
    Frame system, user, assistant;
    std::string generationPrompt;
    std::vector<std::string> endTokens;
    std::vector<std::string> stopStrings;
    std::optional<std::string> defaultSystem; // where the first is not one
    bool beginsWithBos = false;
    bool trims = false;            // white space around contents is taken away
    Dates dates = Dates::none;     // LLaMA 3.1's lines in the first message
    bool systemInUserTurn = false; // LLaMA-2
  };

  explicit ChatTemplate(Format format) : format(std::move(format)) {}
  static std::vector<Format> builtIn();
  Result<std::vector<PromptPiece>>
  renderLlama2(const std::vector<ChatMessage> &messages,
               const ChatContext &context) const;

  Format format;
};

/// The text of `pieces`, for people to read.
std::string joined(const std::vector<PromptPiece> &pieces);

} // namespace quipu

#endif // QUIPU_RUNTIME_CHAT_CHATTEMPLATE_H
