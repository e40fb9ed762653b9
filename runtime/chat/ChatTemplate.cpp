//===- ChatTemplate.cpp - Conversations as prompts ------------------------===//
//
// Renders the formats of ChatFormats.cpp. Text that the format writes goes into
// trusted pieces, text that a person or a model wrote into others.
//
//===----------------------------------------------------------------------===//

#include "runtime/chat/ChatTemplate.h"

#include <algorithm>
#include <ctime>

namespace quipu {

namespace {

/// Bytes of the white space character at the start of `text`, 0 for another:
/// what Python's str.strip(), and so Jinja's trim, takes away.
size_t whiteSpaceAt(std::string_view text) {
  auto byte = static_cast<uint8_t>(text[0]);
  if (byte == ' ' || (byte >= 0x09 && byte <= 0x0d) ||
      (byte >= 0x1c && byte <= 0x1f))
    return 1;
  for (std::string_view space :
       {"\u0085", "\u00a0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003",
        "\u2004", "\u2005", "\u2006", "\u2007", "\u2008", "\u2009", "\u200a",
        "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"})
    if (text.starts_with(space))
      return space.size();
  return 0;
}

std::string_view trimStart(std::string_view text) {
  while (!text.empty()) {
    size_t length = whiteSpaceAt(text);
    if (length == 0)
      break;
    text.remove_prefix(length);
  }
  return text;
}

std::string_view trimEnd(std::string_view text) {
  while (!text.empty()) {
    size_t last = text.size() - 1; // where the last character begins
    while (last > 0 && (text[last] & 0xc0) == 0x80)
      --last;
    if (whiteSpaceAt(text.substr(last)) == 0)
      break;
    text = text.substr(0, last);
  }
  return text;
}

/// Joins neighbours of one kind and drops what is empty.
class Prompt {
public:
  std::vector<PromptPiece> pieces;

  void trusted(std::string_view text) { add(text, true); }
  void untrusted(std::string_view text) { add(text, false); }

private:
  void add(std::string_view text, bool parseSpecial) {
    if (text.empty())
      return;
    if (pieces.empty() || pieces.back().parseSpecial != parseSpecial)
      pieces.push_back({"", parseSpecial});
    pieces.back().text += text;
  }
};

/// `text` with `{eos}` filled in.
std::string fill(std::string text, const std::string &eos) {
  constexpr std::string_view mark = "{eos}";
  if (size_t at = text.find(mark); at != std::string::npos)
    text.replace(at, mark.size(), eos);
  return text;
}

/// As strftime's "%d %b %Y" prints it in the C locale.
std::string today() {
  std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  char text[32];
  return {text, std::strftime(text, sizeof(text), "%d %b %Y", &local)};
}

std::string tokenOf(const TokenizerSpec &spec, int32_t id) {
  return id >= 0 && id < int64_t(spec.tokens.size()) ? spec.tokens[id] : "";
}

} // namespace

ChatContext ChatContext::of(const TokenizerSpec &spec) {
  ChatContext context;
  context.bosToken = tokenOf(spec, spec.bosId);
  context.eosToken = tokenOf(spec, spec.eosId);
  return context;
}

Result<std::vector<PromptPiece>>
ChatTemplate::render(const std::vector<ChatMessage> &messages,
                     const ChatContext &context) const {
  if (messages.empty())
    return Error{"chat: there are no messages"};
  for (const ChatMessage &message : messages)
    if (message.role != "system" && message.role != "user" &&
        message.role != "assistant")
      return Error{"chat: role '" + message.role +
                   "' is not known (expected system, user or assistant)"};
  if (format.systemInUserTurn)
    return renderLlama2(messages, context);

  Prompt prompt;
  if (format.beginsWithBos)
    prompt.trusted(context.bosToken);
  bool first = true;
  auto write = [&](const ChatMessage &message) {
    const Frame &frame = message.role == "system" ? format.system
                         : message.role == "user" ? format.user
                                                  : format.assistant;
    prompt.trusted(frame.before);
    if (first && format.dates != Dates::none)
      prompt.trusted("Cutting Knowledge Date: December 2023\nToday Date: " +
                     (!context.date.empty()            ? context.date
                      : format.dates == Dates::release ? "26 Jul 2024"
                                                       : today()) +
                     "\n\n");
    first = false;
    prompt.untrusted(format.trims ? trimEnd(trimStart(message.content))
                                  : std::string_view(message.content));
    prompt.trusted(fill(frame.after, context.eosToken));
  };
  if (format.defaultSystem && messages.front().role != "system")
    write({"system", *format.defaultSystem});
  for (const ChatMessage &message : messages)
    write(message);
  if (context.addGenerationPrompt)
    prompt.trusted(format.generationPrompt);
  return std::move(prompt.pieces);
}

Result<std::vector<PromptPiece>>
ChatTemplate::renderLlama2(const std::vector<ChatMessage> &messages,
                           const ChatContext &context) const {
  Prompt prompt;
  size_t begin = messages.front().role == "system" ? 1 : 0;
  for (size_t at = begin; at < messages.size(); ++at) {
    bool isUser = (at - begin) % 2 == 0;
    const ChatMessage &message = messages[at];
    if (message.role != (isUser ? "user" : "assistant"))
      return Error{"chat: message " + std::to_string(at) + " is of role '" +
                   message.role + "', but the llama-2 format expects '" +
                   (isUser ? "user" : "assistant") + "' there"};
    std::string_view content = trimEnd(message.content);
    if (!isUser) {
      prompt.trusted(" ");
      prompt.untrusted(trimStart(content));
      prompt.trusted(" " + context.eosToken);
      continue;
    }
    prompt.trusted(context.bosToken + "[INST] ");
    if (at == 1 && begin == 1) {
      // The model's own template trims the two parts as one text.
      prompt.trusted("<<SYS>>\n");
      prompt.untrusted(messages.front().content);
      prompt.trusted(content.empty() ? "\n<</SYS>>" : "\n<</SYS>>\n\n");
      prompt.untrusted(content);
    } else {
      prompt.untrusted(trimStart(content));
    }
    prompt.trusted(" [/INST]");
  }
  return std::move(prompt.pieces);
}

std::vector<int32_t> ChatTemplate::stopIds(const Tokenizer &tokenizer) const {
  std::vector<int32_t> ids;
  auto add = [&](int32_t id) {
    if (id >= 0 && std::find(ids.begin(), ids.end(), id) == ids.end())
      ids.push_back(id);
  };
  add(tokenizer.eosId());
  for (const std::string &token : format.endTokens)
    add(tokenizer.find(token).value_or(-1));
  return ids;
}

std::vector<std::string>
ChatTemplate::stopStrings(const Tokenizer &tokenizer) const {
  std::vector<std::string> strings = format.stopStrings;
  if (!format.endTokens.empty() && !tokenizer.find(format.endTokens.front()))
    strings.push_back(format.endTokens.front());
  return strings;
}

std::string joined(const std::vector<PromptPiece> &pieces) {
  std::string text;
  for (const PromptPiece &piece : pieces)
    text += piece.text;
  return text;
}

} // namespace quipu
