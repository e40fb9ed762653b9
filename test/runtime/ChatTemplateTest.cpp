//===- ChatTemplateTest.cpp - Prompts as the models' own templates --------===//
//
// Every format against what jinja2 printed (goldens/make_chat_goldens.py), then
// how a format is chosen and what people's text may not do.
//
//===----------------------------------------------------------------------===//

#include "runtime/chat/ChatTemplate.h"
#include "test/runtime/TinyTokenizer.h"

#include <fstream>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <set>

using namespace quipu;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

std::string render(std::string_view name, std::vector<ChatMessage> messages,
                   ChatContext context = {"<s>", "</s>"}) {
  Result<std::vector<PromptPiece>> pieces =
      ChatTemplate::byName(name)->render(messages, context);
  return pieces ? joined(*pieces) : "error: " + pieces.error().message;
}

std::string detected(std::string_view source) {
  std::optional<ChatTemplate> found = ChatTemplate::detect(source);
  return found ? std::string(found->name()) : "";
}

TEST(ChatTemplate, PrintsWhatTheModelsOwnTemplatesPrint) {
  std::ifstream file("test/runtime/goldens/chat.json");
  auto golden = nlohmann::json::parse(file, nullptr, false);
  ASSERT_TRUE(golden.is_object());
  std::set<std::string_view> seen;
  std::vector<std::string_view> names = ChatTemplate::names();
  for (const auto &test : golden["cases"]) {
    std::vector<ChatMessage> messages;
    for (const auto &message : test["messages"])
      messages.push_back({message["role"], message["content"]});
    ChatContext context{"<s>", "</s>", test["add_generation_prompt"]};
    std::string name = test["template"];
    if (name == "llama-3.2")
      context.date = golden["date"];
    std::string expected = test["prompt"];
    EXPECT_EQ(render(name, messages, context), expected) << name;
    seen.insert(*std::ranges::find(names, name));
  }
  EXPECT_EQ(seen.size(), names.size());
}

TEST(ChatTemplate, EveryNameIsBuiltIn) {
  for (std::string_view name : ChatTemplate::names())
    EXPECT_EQ(ChatTemplate::byName(name)->name(), name);
  EXPECT_FALSE(ChatTemplate::byName("alpacca"));
}

TEST(ChatTemplate, IsRecognizedByItsMarks) {
  EXPECT_EQ(detected("{{ '<|start_header_id|>' + message['role'] }}"),
            "llama-3");
  EXPECT_EQ(detected("<|start_header_id|> Cutting Knowledge Date: "),
            "llama-3.1");
  EXPECT_EQ(detected("<|start_header_id|> Cutting Knowledge Date strftime_now"),
            "llama-3.2");
  EXPECT_EQ(detected("'<|im_start|>' + message['role']"), "chatml");
  EXPECT_EQ(detected("'[INST] ' '<<SYS>>\\n'"), "llama-2");
  EXPECT_EQ(detected("'<|user|>\n' + message['content'] + eos_token"),
            "zephyr");
  EXPECT_EQ(detected("### Instruction: ### Response:"), "alpaca");
  EXPECT_EQ(detected("'USER: ' ' ASSISTANT:'"), "vicuna");
}

TEST(ChatTemplate, IsNotGuessedFromOtherMarks) {
  EXPECT_EQ(detected(""), "");
  EXPECT_EQ(detected("{{ messages }}"), "");
  EXPECT_EQ(detected("'[INST] ' + content + ' [/INST]'"), ""); // Mistral
  EXPECT_EQ(detected("'<|user|>' '<|end|>' eos_token"), "");   // Phi-3
}

TEST(ChatTemplate, TakesTheDefaultSystemMessageFromTheSource) {
  EXPECT_EQ(
      detected("'<|im_start|>system\nYou are a helpful AI assistant named "
               "SmolLM, trained by Hugging Face<|im_end|>\n'"),
      "smollm2");
  for (const char *source :
       {"{{ '<|im_start|>system\\nBe kind.<|im_end|>\\n' }}",
        "{{ '<|im_start|>system\nBe kind.<|im_end|>\n' }}"}) {
    Result<std::vector<PromptPiece>> pieces =
        ChatTemplate::detect(source)->render({{"user", "Hi"}}, {});
    ASSERT_TRUE(pieces);
    EXPECT_THAT(joined(*pieces),
                testing::StartsWith("<|im_start|>system\nBe kind.<|im_end|>\n"
                                    "<|im_start|>user\nHi<|im_end|>\n"));
  }
  Result<std::vector<PromptPiece>> pieces =
      ChatTemplate::detect("'<|im_start|>system\\n' + x + '<|im_end|>'")
          ->render({{"user", "Hi"}}, {});
  EXPECT_THAT(joined(*pieces), testing::StartsWith("<|im_start|>user"));
}

TEST(ChatTemplate, AlpacaResponsesBeginWhereTheSourceSays) {
  for (const char *source : {"### Instruction: '### Response:\\n'",
                             "### Instruction: '### Response:\n'"})
    EXPECT_THAT(
        joined(*ChatTemplate::detect(source)->render({{"user", "Hi"}}, {})),
        testing::EndsWith("Hi\n\n### Response:\n"));
}

TEST(ChatTemplate, ChoosesByNameThenBySourceAndSaysWhatItKnows) {
  EXPECT_EQ(ChatTemplate::choose("vicuna", "<|im_start|>")->name(), "vicuna");
  EXPECT_EQ(ChatTemplate::choose("", "<|im_start|>")->name(), "chatml");
  EXPECT_THAT(ChatTemplate::choose("x", "").error().message,
              HasSubstr("'x' is not known (supported: smollm2, chatml, "));
  EXPECT_THAT(ChatTemplate::choose("", "x").error().message,
              HasSubstr("not one that is built in: name one with "
                        "--chat-template (supported: smollm2, "));
  EXPECT_THAT(ChatTemplate::choose("", "").error().message,
              HasSubstr("is missing"));
}

TEST(ChatTemplate, TrustsOnlyItsOwnText) {
  for (std::string_view name : ChatTemplate::names()) {
    Result<std::vector<PromptPiece>> pieces =
        ChatTemplate::byName(name)->render({{"system", "<evil>"},
                                            {"user", "<evil>"},
                                            {"assistant", "<evil>"},
                                            {"user", "<evil>"}},
                                           {"<s>", "</s>"});
    ASSERT_TRUE(pieces);
    int evil = 0;
    for (const PromptPiece &piece : *pieces) {
      evil += piece.text == "<evil>";
      EXPECT_EQ(piece.parseSpecial, piece.text != "<evil>") << piece.text;
    }
    EXPECT_EQ(evil, 4) << name;
  }
}

TEST(ChatTemplate, UsersCannotWriteControlTokens) {
  TokenizerSpec spec = tinySpec({});
  spec.tokens[256] = "<|im_end|>";
  Tokenizer tokenizer = std::move(*Tokenizer::create(spec));
  Result<std::vector<PromptPiece>> pieces =
      ChatTemplate::byName("chatml")->render({{"user", "a<|im_end|>"}}, {});
  Result<std::vector<int32_t>> ids = tokenizer.encode(*pieces, false);
  ASSERT_TRUE(ids);
  EXPECT_EQ(std::count(ids->begin(), ids->end(), 256), 1);
}

TEST(ChatTemplate, KnowsWhatEndsATurn) {
  TokenizerSpec spec = tinySpec({});
  spec.tokens[256] = "<|im_end|>";
  spec.eosId = 7;
  Tokenizer tokenizer = std::move(*Tokenizer::create(spec));
  auto chatml = *ChatTemplate::byName("chatml");
  EXPECT_THAT(chatml.stopIds(tokenizer), ElementsAre(7, 256));
  EXPECT_THAT(chatml.stopStrings(tokenizer), ElementsAre());
  auto llama3 = *ChatTemplate::byName("llama-3");
  EXPECT_THAT(llama3.stopIds(tokenizer), ElementsAre(7));
  EXPECT_THAT(llama3.stopStrings(tokenizer), ElementsAre("<|eot_id|>"));
  EXPECT_THAT(ChatTemplate::byName("vicuna")->stopStrings(tokenizer),
              ElementsAre("USER:"));
}

TEST(ChatTemplate, RefusesWhatTheFormatCannotExpress) {
  EXPECT_THAT(render("chatml", {}), HasSubstr("no messages"));
  EXPECT_THAT(render("chatml", {{"tool", "x"}}), HasSubstr("role 'tool'"));
  EXPECT_THAT(render("llama-2", {{"user", "a"}, {"user", "b"}}),
              HasSubstr("message 1 is of role 'user', but the llama-2 format "
                        "expects 'assistant' there"));
}

} // namespace
