//===- ModelTest.cpp - Small models from file to logits -------------------===//
//
// Every golden model through compiler and runtime, as prefill, decode and mixed
// batches, against Hugging Face and the interpreter.
//
//===----------------------------------------------------------------------===//

#include "frontends/OpenModel.h"
#include "runtime/generation/Generator.h"
#include "test/e2e/CompiledModel.h"
#include "test/e2e/Golden.h"
#include "test/e2e/Reference.h"

#include <gtest/gtest.h>
#include <map>
#include <random>

namespace quipu {
namespace {

struct Case {
  std::string golden;
  std::string label; // of the configuration
  Configuration configuration;
};

void PrintTo(const Case &each, std::ostream *stream) {
  *stream << each.golden << ' ' << each.label;
}

/// What tests of one case share, so that a model is compiled once.
struct Subject {
  LogitsGolden golden;
  std::shared_ptr<const Package> package;
  double decodeTolerance = 0; // steps of few tokens
  double tolerance = 0;       // any steps
};

/// A random sequence over several pages, with what the interpreter says to it.
struct LongSequence {
  std::vector<int32_t> tokens;
  std::vector<float> logits; // (tokens, vocab)
};

class ModelTest : public testing::TestWithParam<Case> {
protected:
  void SetUp() override {
    const Case &wanted = GetParam();
    if (std::string why = whyNotOn(wanted.configuration.device); !why.empty())
      GTEST_SKIP() << why;
    Subject &known = subjects[wanted.golden + wanted.label];
    if (!known.package)
      known = makeSubject(wanted);
    ASSERT_TRUE(known.package);
    subject = &known;
    vocab = known.golden.vocabSize;
    // Nothing was computed from the last token.
    tokens =
        std::span(known.golden.tokens).first(known.golden.tokens.size() - 1);
  }
  static void TearDownTestSuite() {
    subjects.clear();
    longSequences.clear();
  }

  const LogitsGolden &golden() const { return subject->golden; }
  std::optional<Engine> engine(int64_t sequences = 1, int threads = 2) const {
    return makeEngine(subject->package, sequences, threads,
                      GetParam().configuration.device);
  }
  const LongSequence &longSequence() const;

  static Subject makeSubject(const Case &wanted);
  static std::map<std::string, Subject> subjects;
  static std::map<std::string, LongSequence> longSequences;

  const Subject *subject = nullptr;
  int64_t vocab = 0;
  std::span<const int32_t> tokens;
};

std::map<std::string, Subject> ModelTest::subjects;
std::map<std::string, LongSequence> ModelTest::longSequences;

Subject ModelTest::makeSubject(const Case &wanted) {
  Subject subject;
  Result<LogitsGolden> golden = readLogitsGolden(wanted.golden);
  Result<Model> model = golden ? openModel(golden->model) : golden.error();
  if (!model) {
    ADD_FAILURE() << model.error().message;
    return subject;
  }
  subject.golden = std::move(*golden);
  subject.package = compile(*model, wanted.configuration);
  if (subject.package) {
    subject.decodeTolerance = tolerance(*model, *subject.package, 1);
    subject.tolerance = tolerance(*model, *subject.package, 64);
  }
  return subject;
}

const LongSequence &ModelTest::longSequence() const {
  ElementType kvType = subject->package->plan.kv.type;
  LongSequence &sequence =
      longSequences[GetParam().golden + std::string(name(kvType))];
  if (sequence.tokens.empty()) {
    std::mt19937 random(7);
    for (int i = 0; i < 150; ++i)
      sequence.tokens.push_back(random() % vocab);
    Result<Model> model = openModel(golden().model);
    if (model)
      sequence.logits = interpretedLogits(*model, sequence.tokens, kvType);
  }
  return sequence;
}

TEST_P(ModelTest, PrefillEqualsHuggingFace) {
  std::optional<Engine> engine = this->engine();
  ASSERT_TRUE(engine);
  Sequence sequence = engine->newSequence();
  EXPECT_LE(
      relativeDifference(logits(*engine, sequence, tokens), golden().logits),
      subject->tolerance);
}

TEST_P(ModelTest, DecodeEqualsHuggingFace) {
  std::optional<Engine> engine = this->engine();
  ASSERT_TRUE(engine);
  Sequence sequence = engine->newSequence();
  std::vector<float> found;
  for (size_t i = 0; i < tokens.size(); ++i) {
    std::vector<float> row = logits(*engine, sequence, tokens.subspan(i, 1));
    found.insert(found.end(), row.begin(), row.end());
  }
  EXPECT_LE(relativeDifference(found, golden().logits),
            subject->decodeTolerance);
}

TEST_P(ModelTest, GreedyTokensEqualHuggingFace) {
  std::optional<Engine> engine = this->engine();
  ASSERT_TRUE(engine);
  Sequence sequence = engine->newSequence();
  GenerationOptions options;
  options.sampler.temperature = 0;
  std::span<const int32_t> expected = golden().greedy();
  options.maxTokens = expected.size();
  auto generation = generate(*engine, sequence, golden().prompt(), options);
  ASSERT_TRUE(generation) << generation.error().message;
  ASSERT_EQ(generation->tokens.size(), expected.size());
  auto [found, wanted] = std::mismatch(
      generation->tokens.begin(), generation->tokens.end(), expected.begin());
  size_t step = wanted - expected.begin();
  if (step == expected.size())
    return;
  std::span<const float> row = golden().row(golden().promptLength - 1 + step);
  EXPECT_TRUE(isNearTie(golden().greedyMargins[step], row, subject->tolerance))
      << "step " << step << ": found " << *found << ", expected " << *wanted
      << ", margin " << golden().greedyMargins[step];
}

// In every bucket: decode, small, batch and prefill.
TEST_P(ModelTest, ArgmaxIsTheLargestLogit) {
  std::optional<Engine> engine = this->engine(2);
  ASSERT_TRUE(engine);
  Sequence one = engine->newSequence(), two = engine->newSequence();
  std::span<const int32_t> rest = longSequence().tokens;
  for (size_t count : {70, 1, 5, 20, 1, 1}) {
    std::span<const int32_t> part = rest.first(count);
    rest = rest.subspan(count);
    StepRequest request = {&two, part, count > 64 ? Rows::last : Rows::all};
    std::vector<float> found = logits(*engine, one, part, request.rows);
    Result<StepResult> result = engine->step({&request, 1}, Entry::argmax);
    ASSERT_TRUE(result) << result.error().message;
    ASSERT_EQ(int64_t(found.size()), vocab * result->rows);
    ASSERT_EQ(int64_t(result->argmax.size()), result->rows);
    for (int64_t i = 0; i < result->rows; ++i)
      EXPECT_EQ(result->argmax[i],
                indexOfLargest(std::span(found).subspan(i * vocab, vocab)))
          << "row " << i << " of a step of " << count << " tokens";
  }
}

/// How far each of three sequences is after each step: chunks end before, at
/// and behind page boundaries, and steps run in every bucket.
constexpr int64_t mixedEnds[][3] = {
    {15, 1, 0},      {16, 101, 0},    {17, 102, 40},   {18, 103, 41},
    {118, 106, 141}, {119, 107, 142}, {119, 108, 142}, {150, 150, 150},
};

/// Logits of the mixed batches, with the rows of the long sequence that they
/// stand for.
struct MixedLogits {
  std::vector<float> found;
  std::vector<int64_t> rows;
};

MixedLogits runMixedBatches(Engine &engine, std::span<const int32_t> tokens) {
  MixedLogits mixed;
  std::vector<Sequence> sequences;
  for (int i = 0; i < 3; ++i)
    sequences.push_back(engine.newSequence());
  int64_t at[3] = {};
  for (const auto &ends : mixedEnds) {
    int64_t total = 0;
    for (int i = 0; i < 3; ++i)
      total += ends[i] - at[i];
    std::vector<StepRequest> requests;
    for (int i : {2, 0, 1}) {
      if (ends[i] == at[i])
        continue;
      Rows rows = total > 64 ? Rows::last : Rows::all;
      requests.push_back(
          {&sequences[i], tokens.subspan(at[i], ends[i] - at[i]), rows});
      for (int64_t row = rows == Rows::all ? at[i] : ends[i] - 1; row < ends[i];
           ++row)
        mixed.rows.push_back(row);
      at[i] = ends[i];
    }
    Result<StepResult> result = engine.step(requests);
    if (!result) {
      ADD_FAILURE() << result.error().message;
      return mixed;
    }
    mixed.found.insert(mixed.found.end(), result->logits.begin(),
                       result->logits.end());
  }
  return mixed;
}

TEST_P(ModelTest, MixedBatchesEqualInterpreter) {
  std::optional<Engine> engine = this->engine(3);
  ASSERT_TRUE(engine);
  const LongSequence &sequence = longSequence();
  MixedLogits mixed = runMixedBatches(*engine, sequence.tokens);
  ASSERT_EQ(mixed.found.size(), mixed.rows.size() * vocab);
  std::vector<float> expected;
  for (int64_t row : mixed.rows)
    expected.insert(expected.end(), sequence.logits.begin() + row * vocab,
                    sequence.logits.begin() + (row + 1) * vocab);
  EXPECT_LE(relativeDifference(mixed.found, expected), subject->tolerance);
}

TEST_P(ModelTest, ThreadsChangeNoBit) {
  std::optional<Engine> one = engine(3, /*threads=*/1);
  std::optional<Engine> two = engine(3, /*threads=*/2);
  ASSERT_TRUE(one && two);
  std::vector<float> expected =
      runMixedBatches(*one, longSequence().tokens).found;
  EXPECT_EQ(runMixedBatches(*two, longSequence().tokens).found, expected);
}

std::vector<Case> cases(const std::string &label,
                        const Configuration &configuration,
                        const std::vector<std::string> &goldens) {
  std::vector<Case> cases;
  for (const std::string &golden : goldens)
    cases.push_back({golden, label, configuration});
  return cases;
}

std::string caseName(const testing::TestParamInfo<Case> &info) {
  return info.param.golden;
}

// Compiling takes all the time, so each golden runs with the defaults, and what
// else there is to choose meets one of each kind of graph and of block.

INSTANTIATE_TEST_SUITE_P(Fused, ModelTest,
                         testing::ValuesIn(cases("Fused",
                                                 {.kvType = ElementType::f32},
                                                 logitsGoldenNames())),
                         caseName);
const std::vector<std::string> unfusedModels = {
    "gqa",      "stored_f16",  "stored_bf16", "bias",      "odd_sizes",
    "head_dim", "ragged_head", "rope_yarn",   "gguf_q4_1", "gguf_mixed"};
INSTANTIATE_TEST_SUITE_P(Unfused, ModelTest,
                         testing::ValuesIn(cases("Unfused",
                                                 {.optLevel = 0,
                                                  .kvType = ElementType::f32},
                                                 unfusedModels)),
                         caseName);
INSTANTIATE_TEST_SUITE_P(Avx2, ModelTest,
                         testing::ValuesIn(cases("Avx2",
                                                 {.kvType = ElementType::f32,
                                                  .cpuTarget = "x86-64-v3"},
                                                 {"gqa", "odd_sizes",
                                                  "head_dim", "ragged_head",
                                                  "gguf_q4_1", "gguf_q6_k"})),
                         caseName);
INSTANTIATE_TEST_SUITE_P(
    HalfKv, ModelTest,
    testing::ValuesIn(cases("HalfKv", {.kvType = ElementType::f16},
                            {"gqa", "ragged_head", "gguf_q4_1"})),
    caseName);
INSTANTIATE_TEST_SUITE_P(Bfloat16Kv, ModelTest,
                         testing::ValuesIn(cases("Bfloat16Kv",
                                                 {.kvType = ElementType::bf16},
                                                 {"head_dim", "stored_bf16"})),
                         caseName);
// On a GPU, and as the emulator sees it: with and without fusion as on a CPU.
INSTANTIATE_TEST_SUITE_P(Emulated, ModelTest,
                         testing::ValuesIn(cases("Emulated",
                                                 {.device = "emulator"},
                                                 logitsGoldenNames())),
                         caseName);
INSTANTIATE_TEST_SUITE_P(EmulatedUnfused, ModelTest,
                         testing::ValuesIn(cases("EmulatedUnfused",
                                                 {.optLevel = 0,
                                                  .device = "emulator"},
                                                 unfusedModels)),
                         caseName);
INSTANTIATE_TEST_SUITE_P(Cuda, ModelTest,
                         testing::ValuesIn(cases("Cuda", {.device = "cuda"},
                                                 logitsGoldenNames())),
                         caseName);
INSTANTIATE_TEST_SUITE_P(
    CudaUnfused, ModelTest,
    testing::ValuesIn(cases("CudaUnfused", {.optLevel = 0, .device = "cuda"},
                            unfusedModels)),
    caseName);
// Products for cuBLAS, which the emulator leaves to their kernels; where a bias
// or a quantized weight is not for it, those and others side by side.
INSTANTIATE_TEST_SUITE_P(EmulatedProducts, ModelTest,
                         testing::ValuesIn(cases("EmulatedProducts",
                                                 {.device = "emulator",
                                                  .gemm = "cublas"},
                                                 {"stored_bf16", "bias"})),
                         caseName);
INSTANTIATE_TEST_SUITE_P(LargePages, ModelTest,
                         testing::ValuesIn(cases("LargePages",
                                                 {.kvType = {}, .pageSize = 64},
                                                 {"bias", "odd_sizes"})),
                         caseName);

} // namespace
} // namespace quipu
