//===- ChatFormats.cpp - The built-in chat formats, and their marks -------===//
//
// The formats are facts about the models: each is what the chat template that
// its model was published with prints. Alpaca's is that of Stanford's training
// script, Vicuna's that of FastChat; neither came with a template.
//
//===----------------------------------------------------------------------===//

#include "runtime/chat/ChatTemplate.h"

namespace quipu {

namespace {

constexpr std::string_view smolLmSystem =
    "You are a helpful AI assistant named SmolLM, trained by Hugging Face";

bool holds(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// The system message that a ChatML template falls back to: the literal text
/// between its `<|im_start|>system` and `<|im_end|>`, where there is one.
std::optional<std::string> defaultSystemOf(std::string_view source) {
  constexpr std::string_view begin = "<|im_start|>system", end = "<|im_end|>";
  for (size_t at = source.find(begin); at != std::string_view::npos;
       at = source.find(begin, at + 1)) {
    std::string_view rest = source.substr(at + begin.size());
    if (rest.starts_with("\\n"))
      rest.remove_prefix(2);
    else if (rest.starts_with('\n'))
      rest.remove_prefix(1);
    else
      continue;
    size_t length = rest.find(end);
    std::string_view literal = rest.substr(0, length);
    if (length != std::string_view::npos &&
        literal.find_first_of("'\"{}\\") == std::string_view::npos)
      return std::string(literal);
  }
  return std::nullopt;
}

/// The name of the format that `source` writes; empty: none that we know.
std::string_view recognize(std::string_view source) {
  if (holds(source, "<|start_header_id|>")) {
    if (!holds(source, "Cutting Knowledge Date"))
      return "llama-3";
    return holds(source, "strftime_now") ? "llama-3.2" : "llama-3.1";
  }
  if (holds(source, "<|im_start|>"))
    return "chatml";
  if (holds(source, "[INST]") && holds(source, "<<SYS>>"))
    return "llama-2";
  if (holds(source, "<|user|>") && holds(source, "eos_token") &&
      !holds(source, "<|end|>"))
    return "zephyr";
  if (holds(source, "### Instruction:"))
    return "alpaca";
  if (holds(source, "USER:") && holds(source, "ASSISTANT:"))
    return "vicuna";
  return {};
}

} // namespace

std::vector<ChatTemplate::Format> ChatTemplate::builtIn() {
  Format chatml;
  chatml.name = "chatml";
  chatml.system = {"<|im_start|>system\n", "<|im_end|>\n"};
  chatml.user = {"<|im_start|>user\n", "<|im_end|>\n"};
  chatml.assistant = {"<|im_start|>assistant\n", "<|im_end|>\n"};
  chatml.generationPrompt = "<|im_start|>assistant\n";
  chatml.endTokens = {"<|im_end|>", "<|endoftext|>"};
  Format smollm2 = chatml;
  smollm2.name = "smollm2";
  smollm2.defaultSystem = smolLmSystem;

  Format llama2;
  llama2.name = "llama-2";
  llama2.systemInUserTurn = true;

  Format llama3;
  llama3.name = "llama-3";
  auto header = [](const char *role) {
    return "<|start_header_id|>" + std::string(role) + "<|end_header_id|>\n\n";
  };
  llama3.system = {header("system"), "<|eot_id|>"};
  llama3.user = {header("user"), "<|eot_id|>"};
  llama3.assistant = {header("assistant"), "<|eot_id|>"};
  llama3.generationPrompt = header("assistant");
  llama3.endTokens = {"<|eot_id|>", "<|eom_id|>", "<|end_of_text|>"};
  llama3.beginsWithBos = true;
  llama3.trims = true;
  Format llama31 = llama3;
  llama31.name = "llama-3.1";
  llama31.defaultSystem = "";
  llama31.dates = Dates::release;
  Format llama32 = llama31;
  llama32.name = "llama-3.2";
  llama32.dates = Dates::today;

  Format zephyr;
  zephyr.name = "zephyr";
  zephyr.system = {"<|system|>\n", "{eos}\n"};
  zephyr.user = {"<|user|>\n", "{eos}\n"};
  zephyr.assistant = {"<|assistant|>\n", "{eos}\n"};
  zephyr.generationPrompt = "<|assistant|>\n";
  zephyr.stopStrings = {"<|user|>", "<|system|>"};

  Format alpaca;
  alpaca.name = "alpaca";
  alpaca.defaultSystem =
      "Below is an instruction that describes a task. Write a response that "
      "appropriately completes the request.";
  alpaca.system = {"", "\n\n"};
  alpaca.user = {"### Instruction:\n", "\n\n"};
  alpaca.assistant = {"### Response:", "{eos}\n\n"};
  alpaca.generationPrompt = "### Response:";
  alpaca.stopStrings = {"### Instruction:"};
  alpaca.beginsWithBos = true;

  Format vicuna;
  vicuna.name = "vicuna";
  vicuna.defaultSystem =
      "A chat between a curious user and an artificial intelligence "
      "assistant. The assistant gives helpful, detailed, and polite answers "
      "to the user's questions.";
  vicuna.system = {"", " "};
  vicuna.user = {"USER: ", " "};
  vicuna.assistant = {"ASSISTANT: ", "{eos}"};
  vicuna.generationPrompt = "ASSISTANT:";
  vicuna.stopStrings = {"USER:"};
  vicuna.beginsWithBos = true;

  return {smollm2, chatml, llama2, llama3, llama31,
          llama32, zephyr, alpaca, vicuna};
}

std::optional<ChatTemplate> ChatTemplate::byName(std::string_view name) {
  for (Format &format : builtIn())
    if (format.name == name)
      return ChatTemplate(std::move(format));
  return std::nullopt;
}

std::vector<std::string_view> ChatTemplate::names() {
  return {"smollm2",   "chatml", "llama-2", "llama-3", "llama-3.1",
          "llama-3.2", "zephyr", "alpaca",  "vicuna"};
}

std::optional<ChatTemplate> ChatTemplate::detect(std::string_view jinjaSource) {
  std::optional<ChatTemplate> found = byName(recognize(jinjaSource));
  if (!found)
    return found;
  if (found->name() == "alpaca" && (holds(jinjaSource, "### Response:\n") ||
                                    holds(jinjaSource, "### Response:\\n"))) {
    found->format.assistant.before += '\n';
    found->format.generationPrompt += '\n';
  }
  if (found->name() != "chatml")
    return found;
  found->format.defaultSystem = defaultSystemOf(jinjaSource);
  found->format.beginsWithBos = holds(jinjaSource, "bos_token");
  if (found->format.defaultSystem == smolLmSystem)
    found->format.name = "smollm2";
  return found;
}

Result<ChatTemplate> ChatTemplate::choose(std::string_view name,
                                          std::string_view jinjaSource) {
  std::string known;
  for (std::string_view each : names())
    known += (known.empty() ? "" : ", ") + std::string(each);
  if (!name.empty()) {
    if (std::optional<ChatTemplate> found = byName(name))
      return *found;
    return Error{"--chat-template: '" + std::string(name) +
                 "' is not known (supported: " + known + ")"};
  }
  if (std::optional<ChatTemplate> found = detect(jinjaSource))
    return *found;
  return Error{std::string("the model's chat template is ") +
               (jinjaSource.empty() ? "missing" : "not one that is built in") +
               ": name one with --chat-template (supported: " + known + ")"};
}

} // namespace quipu
