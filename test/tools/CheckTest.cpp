//===- CheckTest.cpp - quipu check on a model of plain functions ----------===//
//
// Which goldens are read, and that each comparison finds a fault of its kind.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/check/Check.h"

#include "test/runtime/FakeGpuModel.h"

#include <cmath>
#include <fstream>
#include <gmock/gmock.h>
#include <optional>

namespace quipu {
namespace {

using test::fakeNext;
using test::fakeVocabulary;
using testing::HasSubstr;

const std::vector<int32_t> prompt = {3, 14, 15, 92, 65, 35};

/// What the fake model says to `prompt`, with all its logits.
GoldenAnswer fakeGolden(size_t count) {
  GoldenAnswer golden;
  golden.prompt = prompt;
  std::vector<int32_t> text = prompt;
  for (size_t i = 0; i < count; ++i)
    text.push_back(fakeNext(text));
  golden.greedy.assign(text.begin() + int64_t(prompt.size()), text.end());
  golden.margins.assign(count, 0.5f);
  for (size_t i = 1; i < text.size(); ++i) {
    int32_t best = fakeNext(std::span(text).first(i));
    for (int32_t token = 0; token < fakeVocabulary; ++token)
      golden.logits.push_back(-0.5f * float((token - best) * (token - best)));
  }
  return golden;
}

class CheckGolden : public testing::Test {
protected:
  void SetUp() override {
    auto made = test::fakeEngine();
    ASSERT_TRUE(made) << made.error().message;
    engine.emplace(std::move(*made));
  }
  Likeness compare(double tolerance = 1e-4) {
    auto likeness = compareWithGolden(*engine, {&golden, 1}, tolerance);
    EXPECT_TRUE(likeness) << likeness.error().message;
    return likeness ? *likeness : Likeness{.error = INFINITY};
  }
  std::optional<Engine> engine;
  GoldenAnswer golden = fakeGolden(8);
};

TEST_F(CheckGolden, passesWhereAllIsEqual) {
  Likeness likeness = compare();
  EXPECT_EQ(likeness.error, 0);
  EXPECT_EQ(likeness.tokens, 8);
  EXPECT_EQ(likeness.sameTokens, 8);
  EXPECT_TRUE(likeness.passes(1e-4));
}

TEST_F(CheckGolden, findsALogitOfThePromptAndOneOfTheAnswer) {
  for (size_t row : {1, 9}) {
    golden = fakeGolden(8);
    golden.logits[row * fakeVocabulary + 40] += 100;
    EXPECT_GT(compare().error, 1e-3) << row;
    golden.logits[row * fakeVocabulary + 40] = NAN;
    EXPECT_FALSE(compare().passes(1e9)) << row;
  }
}

TEST_F(CheckGolden, findsATopLogit) {
  golden.logits.clear();
  int32_t best = golden.greedy[0];
  golden.topIds = {best, best + 1, best + 2};
  golden.topLogits = {0, -0.5, -2};
  EXPECT_EQ(compare().error, 0);
  golden.topLogits[2] = -3;
  EXPECT_NEAR(compare().error, 1 / std::sqrt(9.25), 1e-6);
}

TEST_F(CheckGolden, allowsAnotherTokenAtANearTieAlone) {
  golden.greedy[5] += 1;
  golden.logits.clear();
  Likeness likeness = compare();
  EXPECT_EQ(likeness.sameTokens, 5);
  EXPECT_EQ(likeness.margin, 0.5f);
  EXPECT_FALSE(likeness.passes(1e-4));
  golden.margins[5] = 1e-6f;
  EXPECT_TRUE(compare().passes(1e-4));
}

TEST_F(CheckGolden, anUnlikelyTokenCountsAmongNearTies) {
  std::vector<GoldenAnswer> answers(3, golden);
  for (GoldenAnswer &answer : answers) {
    answer.logits.clear();
    answer.greedy[5] += 1;
    answer.margins[5] = 1e-6f;
  }
  answers[1].margins[5] = 0.5f;
  auto likeness = compareWithGolden(*engine, answers, 1e-4);
  ASSERT_TRUE(likeness) << likeness.error().message;
  EXPECT_EQ(likeness->tokens, 24);
  EXPECT_FALSE(likeness->passes(1e-4));
}

TEST_F(CheckGolden, oneStepAloneCanFailAgainstTheCpu) {
  Likeness likeness = {.error = 5e-3, .worstStep = 1e-2};
  EXPECT_TRUE(likeness.passes(2e-2));
  EXPECT_FALSE(likeness.passes(2e-3));
  likeness.worstStep = 3e-2;
  EXPECT_FALSE(likeness.passes(2e-2));
  EXPECT_TRUE(likeness.passes(5e-2)); // as was asked for
}

TEST_F(CheckGolden, toleranceFollowsTheNarrowestType) {
  EXPECT_EQ(logitsTolerance(*engine), 1e-4);
  Package silent = *test::fakePackage();
  silent.plan.kernels.front().arithmetic.clear();
  EXPECT_EQ(logitsTolerance(silent, silent.targets.front().name,
                            plan::DeviceKind::cpu),
            2e-2);
  for (auto [products, kv, expected] :
       {std::tuple("f32", ElementType::f32, 1e-4),
        std::tuple("f32", ElementType::f16, 2e-3),
        std::tuple("f16", ElementType::f32, 2e-3),
        std::tuple("bf16", ElementType::f16, 2e-2)}) {
    auto package = std::make_shared<Package>(*test::fakePackage());
    for (plan::Kernel &kernel : package->plan.kernels)
      kernel.arithmetic.assign(package->targets.size(), "f32");
    package->plan.kernels.back().arithmetic.back() = products;
    package->plan.kv.type = kv;
    EXPECT_EQ(logitsTolerance(*package, package->targets.back().name,
                              plan::DeviceKind::cpu),
              expected)
        << products;
  }
}

class CheckDraws : public test::FakeGpuTest {
protected:
  /// Enough temperature that the fake model's answers differ.
  static SamplerOptions drawing() {
    return {.temperature = 40,
            .topP = 1,
            .minP = 0,
            .repetitionPenalty = 1.1f,
            .seed = 3};
  }
};

TEST_F(CheckDraws, areTheHosts) {
  auto engine = this->engine();
  ASSERT_TRUE(engine) << engine.error().message;
  auto draws = compareDraws(*engine, prompt, 70, drawing());
  ASSERT_TRUE(draws) << draws.error().message;
  EXPECT_EQ(draws->tokens, 70);
  EXPECT_EQ(draws->same, 70);
}

TEST_F(CheckDraws, endWhereTheDeviceDrawsAnotherToken) {
  auto run = driver.run;
  int64_t draw = 0;
  driver.run = [&](const test::FakeLaunch &launch) {
    cuda::Status status = run(launch);
    if (launch.kernel == "quipu_sample" && ++draw == 7) {
      auto *token = reinterpret_cast<int32_t *>(launch.parameters[6]);
      *token = (*token + 1) % int32_t(fakeVocabulary);
    }
    return status;
  };
  auto engine = this->engine();
  ASSERT_TRUE(engine) << engine.error().message;
  auto draws = compareDraws(*engine, prompt, 20, drawing());
  ASSERT_TRUE(draws) << draws.error().message;
  EXPECT_EQ(draws->tokens, 20);
  EXPECT_EQ(draws->same, 7); // the host draws the first
}

TEST(CheckDrawsOfCpu, areNone) {
  auto engine = test::fakeEngine();
  ASSERT_TRUE(engine) << engine.error().message;
  auto draws = compareDraws(*engine, prompt, 20, {});
  ASSERT_TRUE(draws) << draws.error().message;
  EXPECT_EQ(draws->tokens, 0);
}

class GoldenFile : public testing::Test {
protected:
  std::string write(const std::string &name, const std::string &text) {
    std::string path = testing::TempDir() + name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  std::string errorOf(const std::string &text) {
    auto golden = readGolden(write("golden.json", text), 2);
    return golden ? "" : golden.error().message;
  }
};

const char *const tokensGolden =
    R"({"format": 1, "tokens": [0, 1, 1], "prompt_length": 2,
        "logits": "golden.bin", "logits_shape": [2, 2],
        "greedy_margins": [0.25]})";

TEST_F(GoldenFile, holdsTokensWithLogitsBesideThem) {
  const float logits[] = {1, 2, 3, 4};
  write("golden.bin",
        std::string(reinterpret_cast<const char *>(logits), sizeof logits));
  auto golden = readGolden(write("golden.json", tokensGolden), 2);
  ASSERT_TRUE(golden) << golden.error().message;
  ASSERT_EQ(golden->size(), 1u);
  EXPECT_THAT(golden->front().prompt, testing::ElementsAre(0, 1));
  EXPECT_THAT(golden->front().greedy, testing::ElementsAre(1));
  EXPECT_THAT(golden->front().margins, testing::ElementsAre(0.25f));
  EXPECT_THAT(golden->front().logits, testing::ElementsAre(1, 2, 3, 4));
  write("golden.bin", "short");
  EXPECT_THAT(errorOf(tokensGolden), HasSubstr("expected 16 bytes, found 5"));
}

TEST_F(GoldenFile, holdsAnswersToTexts) {
  auto golden = readGolden(
      write("golden.json",
            R"({"format": 1, "answers": [{"ids": [0], "greedy_ids": [1, 0],
                "greedy_margins": [1, 2], "top_ids": [1],
                "top_logits": [3]}]})"),
      2);
  ASSERT_TRUE(golden) << golden.error().message;
  ASSERT_EQ(golden->size(), 1u);
  EXPECT_THAT(golden->front().greedy, testing::ElementsAre(1, 0));
  EXPECT_THAT(golden->front().topLogits, testing::ElementsAre(3));
  EXPECT_TRUE(golden->front().logits.empty());
}

TEST_F(GoldenFile, isRefusedWhereItIsWrong) {
  auto without = [](const std::string &part, const std::string &other) {
    std::string text = tokensGolden;
    return text.replace(text.find(part), part.size(), other);
  };
  EXPECT_THAT(errorOf("{}"), HasSubstr("lacks 'format'"));
  EXPECT_THAT(errorOf(without("\"format\": 1", "\"format\": 2")),
              HasSubstr("$.format: expected"));
  EXPECT_THAT(errorOf(without("[0, 1, 1]", "[0, 1, 2]")),
              HasSubstr("$.tokens[2]: expected"));
  EXPECT_THAT(errorOf(without("[0, 1, 1]", "[]")), HasSubstr("expected"));
  EXPECT_THAT(errorOf(without("h\": 2", "h\": 3")),
              HasSubstr("$.prompt_length: expected"));
  EXPECT_THAT(errorOf(without("[2, 2]", "[2, 3]")),
              HasSubstr("$.logits_shape[1]: expected"));
  EXPECT_THAT(errorOf(without("[0.25]", "[]")),
              HasSubstr("expected a margin for each of 1 tokens, found 0"));
  EXPECT_THAT(errorOf(without("golden.bin", "../golden.bin")),
              HasSubstr("expected the name of a file beside it"));
  EXPECT_THAT(errorOf(R"({"format": 1, "answers": []})"),
              HasSubstr("$.answers: expected an answer, found none"));
}

} // namespace
} // namespace quipu
