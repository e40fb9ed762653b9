//===- SmolLm2Test.cpp - A real model from file to text -------------------===//
//
// SmolLM2-135M-Instruct on ten prompts: with its weights dequantized to f32 it
// writes token for token what Hugging Face transformers does, and as stored the
// same up to near-ties; in f16 a GPU writes what a CPU does. Needs the model
// file in QUIPU_TEST_MODEL.
//
//===----------------------------------------------------------------------===//

#include "base/Dequantize.h"
#include "base/MappedFile.h"
#include "base/Quantize.h"
#include "frontends/OpenModel.h"
#include "runtime/generation/Generator.h"
#include "test/e2e/CompiledModel.h"
#include "test/e2e/Golden.h"

#include <cstdlib>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace quipu {
namespace {

/// A file in memory that goes with this object.
class MemoryFile {
public:
  MemoryFile() : descriptor(memfd_create("weights", MFD_CLOEXEC)) {}
  ~MemoryFile() { close(descriptor); }
  MemoryFile(const MemoryFile &) = delete;
  MemoryFile &operator=(const MemoryFile &) = delete;

  std::string path() const {
    return "/proc/self/fd/" + std::to_string(descriptor);
  }
  bool append(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      ssize_t written = write(descriptor, bytes.data(), bytes.size());
      if (written <= 0)
        return false;
      bytes = bytes.subspan(written);
    }
    return true;
  }

private:
  int descriptor;
};

/// `model` with every matrix as `type`, vectors as f32, in `file`.
Result<Model> dequantizeModel(Model model, MemoryFile &file,
                              ElementType type = ElementType::f32) {
  std::vector<MappedFile> stored;
  for (const std::string &path : model.files) {
    Result<MappedFile> mapped = MappedFile::open(path);
    if (!mapped)
      return mapped.error();
    stored.push_back(std::move(*mapped));
  }
  uint64_t offset = 0;
  for (TensorSource &tensor : model.tensors) {
    auto bytes =
        stored[tensor.file].bytes().subspan(tensor.offset, tensor.bytes);
    int64_t stride = rowBytes(tensor.type, tensor.columns);
    std::vector<float> values(tensor.rows * tensor.columns);
    for (int64_t row = 0; row < tensor.rows; ++row)
      dequantizeRow(
          tensor.type, bytes.subspan(row * stride, stride),
          std::span(values).subspan(row * tensor.columns, tensor.columns));
    tensor.type = tensor.rows > 1 ? type : ElementType::f32;
    std::vector<std::byte> written(
        size_t(rowBytes(tensor.type, int64_t(values.size()))));
    quantizeRow(tensor.type, values, written);
    if (!file.append(written))
      return Error{"cannot write dequantized weights"};
    tensor.file = 0;
    tensor.offset = offset;
    tensor.bytes = written.size();
    offset += tensor.bytes;
  }
  model.files = {file.path()};
  return model;
}

/// The `count` tokens after `prompt`, none of which ends the text.
std::vector<int32_t>
greedyTokens(Engine &engine, std::span<const int32_t> prompt, int64_t count) {
  Sequence sequence = engine.newSequence();
  GenerationOptions options;
  options.sampler.temperature = 0;
  options.maxTokens = count;
  Result<Generation> generation = generate(engine, sequence, prompt, options);
  if (!generation) {
    ADD_FAILURE() << generation.error().message;
    return {};
  }
  return generation->tokens;
}

class SmolLm2Test : public testing::Test {
protected:
  static void SetUpTestSuite() {
    const char *path = std::getenv("QUIPU_TEST_MODEL");
    if (!path)
      return;
    Result<Model> opened = openModel(path);
    ASSERT_TRUE(opened) << opened.error().message;
    stored = new Model(std::move(*opened));
    file = new MemoryFile;
    Result<Model> expanded = dequantizeModel(*stored, *file);
    ASSERT_TRUE(expanded) << expanded.error().message;
    dequantized = new Model(std::move(*expanded));
  }
  static void TearDownTestSuite() {
    delete stored;
    delete dequantized;
    delete file;
  }
  void SetUp() override {
    if (!std::getenv("QUIPU_TEST_MODEL"))
      GTEST_SKIP() << "QUIPU_TEST_MODEL does not name the model file";
    Result<std::vector<TextGolden>> read = readSmolLm2Goldens();
    ASSERT_TRUE(read) << read.error().message;
    goldens = std::move(*read);
    ASSERT_TRUE(stored && dequantized);
  }

  void expectTokensOfHuggingFace(const Configuration &configuration,
                                 size_t prompts);
  void expectTokensUpToNearTies(const Configuration &configuration,
                                const Model &model, double rounding = 0,
                                size_t prompts = 10);
  void expectTokensOfType(ElementType type, double rounding = 0,
                          size_t prompts = 10);
  void expectSameInAllSteps(const std::string &cpuTarget);
  void expectTokensOfCpu(const std::string &device);

  /// All prompts and answers one after the other, so often that prefill takes
  /// more than one step.
  std::vector<int32_t> longText() const {
    std::vector<int32_t> text;
    for (const TextGolden &golden : goldens) {
      text.insert(text.end(), golden.ids.begin(), golden.ids.end());
      text.insert(text.end(), golden.greedyIds.begin(), golden.greedyIds.end());
    }
    text.resize(700);
    return text;
  }

  static Model *stored, *dequantized;
  static MemoryFile *file;
  std::vector<TextGolden> goldens;
};

Model *SmolLm2Test::stored = nullptr;
Model *SmolLm2Test::dequantized = nullptr;
MemoryFile *SmolLm2Test::file = nullptr;

void SmolLm2Test::expectTokensOfHuggingFace(const Configuration &configuration,
                                            size_t prompts) {
  std::optional<Engine> engine =
      makeEngine(compile(*dequantized, configuration));
  ASSERT_TRUE(engine);
  for (const TextGolden &golden : std::span(goldens).first(prompts)) {
    SCOPED_TRACE(golden.prompt);
    EXPECT_EQ(greedyTokens(*engine, golden.ids, golden.greedyIds.size()),
              golden.greedyIds);
    Sequence sequence = engine->newSequence();
    std::vector<float> row = logits(*engine, sequence, golden.ids, Rows::last),
                       top;
    ASSERT_FALSE(row.empty());
    for (int32_t id : golden.topIds)
      top.push_back(row[id]);
    EXPECT_LE(relativeDifference(top, golden.topLogits),
              tolerance(ElementType::f32));
  }
}

/// Whether `found` is what Hugging Face wrote, up to a first difference at a
/// near-tie.
void expectUpToNearTie(Engine &engine, const TextGolden &golden,
                       const std::vector<int32_t> &found, double bound) {
  SCOPED_TRACE(golden.prompt);
  ASSERT_EQ(found.size(), golden.greedyIds.size());
  size_t step =
      std::mismatch(found.begin(), found.end(), golden.greedyIds.begin())
          .first -
      found.begin();
  if (step == found.size())
    return;
  std::vector<int32_t> text = golden.ids;
  text.insert(text.end(), found.begin(), found.begin() + int64_t(step));
  Sequence sequence = engine.newSequence();
  EXPECT_TRUE(isNearTie(golden.greedyMargins[step],
                        logits(engine, sequence, text, Rows::last), bound))
      << "token " << step << ", margin " << golden.greedyMargins[step];
}

/// `rounding`: how far the logits of `model` may be from the file's because of
/// its weights.
void SmolLm2Test::expectTokensUpToNearTies(const Configuration &configuration,
                                           const Model &model, double rounding,
                                           size_t prompts) {
  std::optional<Engine> engine = makeEngine(compile(model, configuration));
  ASSERT_TRUE(engine);
  double bound = std::max(rounding, tolerance(model, engine->package(), 64));
  for (const TextGolden &golden : std::span(goldens).first(prompts))
    expectUpToNearTie(
        *engine, golden,
        greedyTokens(*engine, golden.ids, golden.greedyIds.size()), bound);
}

/// The same model with its matrices as `type`.
void SmolLm2Test::expectTokensOfType(ElementType type, double rounding,
                                     size_t prompts) {
  MemoryFile weights;
  Result<Model> model = dequantizeModel(*stored, weights, type);
  ASSERT_TRUE(model) << model.error().message;
  expectTokensUpToNearTies({.kvType = {}, .pageSize = 64}, *model, rounding,
                           prompts);
}

/// The difference of the logits of two tokens after `text`, as `engine` sees
/// it, and whether an error of `tolerance` can hide it.
testing::AssertionResult differsAtNearTie(Engine &engine,
                                          const std::vector<int32_t> &text,
                                          int32_t mine, int32_t other,
                                          double tolerance) {
  Sequence sequence = engine.newSequence();
  std::vector<float> row = logits(engine, sequence, text, Rows::last);
  if (row.empty())
    return testing::AssertionFailure() << "no logits";
  double margin = double(row[mine]) - row[other];
  if (isNearTie(margin, row, tolerance))
    return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << "found " << other << ", expected " << mine << ", margin " << margin;
}

void SmolLm2Test::expectTokensOfCpu(const std::string &device) {
  MemoryFile weights;
  Result<Model> half = dequantizeModel(*stored, weights, ElementType::f16);
  ASSERT_TRUE(half) << half.error().message;
  std::optional<Engine> cpu =
      makeEngine(compile(*half, {.kvType = {}, .pageSize = 64}));
  std::optional<Engine> gpu = makeEngine(
      compile(*half, {.kvType = {}, .device = device, .pageSize = 64}), 1, 2,
      device);
  ASSERT_TRUE(cpu && gpu);
  constexpr int64_t count = 32;
  const TextGolden &golden = goldens.front();
  std::vector<int32_t> expected = greedyTokens(*cpu, golden.ids, count);
  std::vector<int32_t> found = greedyTokens(*gpu, golden.ids, count);
  ASSERT_EQ(found.size(), expected.size());
  size_t step =
      std::mismatch(found.begin(), found.end(), expected.begin()).first -
      found.begin();
  if (step == found.size())
    return;
  std::vector<int32_t> text = golden.ids;
  text.insert(text.end(), expected.begin(), expected.begin() + int64_t(step));
  EXPECT_TRUE(differsAtNearTie(*cpu, text, expected[step], found[step],
                               tolerance(ElementType::f16)))
      << "token " << step;
}

TEST_F(SmolLm2Test, EmulatedF16EqualsCpu) { expectTokensOfCpu("emulator"); }

TEST_F(SmolLm2Test, CudaF16EqualsCpu) {
  if (std::string why = whyNotOn("cuda"); !why.empty())
    GTEST_SKIP() << why;
  expectTokensOfCpu("cuda");
}

TEST_F(SmolLm2Test, FusedF32EqualsHuggingFace) {
  expectTokensOfHuggingFace({.kvType = ElementType::f32, .pageSize = 64}, 10);
}

TEST_F(SmolLm2Test, UnfusedF32EqualsHuggingFace) {
  expectTokensOfHuggingFace(
      {.optLevel = 0, .kvType = ElementType::f32, .pageSize = 64}, 4);
}

TEST_F(SmolLm2Test, Avx2F32EqualsHuggingFace) {
  expectTokensOfHuggingFace(
      {.kvType = ElementType::f32, .cpuTarget = "x86-64-v3", .pageSize = 64},
      4);
}

TEST_F(SmolLm2Test, StoredTypesDifferAtNearTiesAlone) {
  expectTokensUpToNearTies({.kvType = {}, .pageSize = 64}, *stored);
}

TEST_F(SmolLm2Test, UnfusedStoredTypesDifferAtNearTiesAlone) {
  expectTokensUpToNearTies({.optLevel = 0, .kvType = {}, .pageSize = 64},
                           *stored);
}

TEST_F(SmolLm2Test, F16DiffersAtNearTiesAlone) {
  expectTokensOfType(ElementType::f16);
}

TEST_F(SmolLm2Test, Bf16DiffersAtNearTiesAlone) {
  expectTokensOfType(ElementType::bf16);
}

// Its weights are not the file's: of a block's largest, 7 bits are kept, and
// logits after the prompts were up to 1.4 % away (of bf16 0.7 %).
TEST_F(SmolLm2Test, Q8_0DiffersAtNearTiesAlone) {
  expectTokensOfType(ElementType::q8_0, tolerance(ElementType::bf16), 4);
}

// Ten sequences, a token of each in every step after their prompts.
TEST_F(SmolLm2Test, BatchesDifferAtNearTiesAlone) {
  auto count = int64_t(goldens.size());
  std::optional<Engine> engine =
      makeEngine(compile(*stored, {.kvType = {}, .pageSize = 64}), count);
  ASSERT_TRUE(engine);
  std::vector<Sequence> sequences;
  std::vector<std::vector<int32_t>> found(goldens.size());
  for (size_t i = 0; i < goldens.size(); ++i) {
    sequences.push_back(engine->newSequence());
    auto first = engine->prefill(sequences[i], goldens[i].ids, Entry::argmax);
    ASSERT_TRUE(first) << first.error().message;
    found[i].push_back(first->argmax[0]);
  }
  for (size_t step = 1; step < goldens[0].greedyIds.size(); ++step) {
    std::vector<StepRequest> requests;
    for (size_t i = 0; i < goldens.size(); ++i)
      requests.push_back({&sequences[i], {&found[i].back(), 1}, Rows::last});
    auto result = engine->step(requests, Entry::argmax);
    ASSERT_TRUE(result) << result.error().message;
    for (size_t i = 0; i < goldens.size(); ++i)
      found[i].push_back(result->argmax[i]);
  }
  double bound = tolerance(*stored, engine->package(), 64);
  sequences.clear();
  for (size_t i = 0; i < goldens.size(); ++i)
    expectUpToNearTie(*engine, goldens[i], found[i], bound);
}

// 700 tokens: steps of 512 and 188, of 32, and of 1.
void SmolLm2Test::expectSameInAllSteps(const std::string &cpuTarget) {
  std::optional<Engine> engine = makeEngine(
      compile(*stored, {.kvType = {}, .cpuTarget = cpuTarget, .pageSize = 64}));
  ASSERT_TRUE(engine);
  std::vector<int32_t> text = longText();
  Sequence whole = engine->newSequence();
  Result<StepResult> result = engine->prefill(whole, text);
  ASSERT_TRUE(result) << result.error().message;
  std::vector<float> expected(result->logits.begin(), result->logits.end());
  whole.truncate(0);
  for (size_t length : {32, 1}) {
    Sequence sequence = engine->newSequence();
    std::vector<float> found;
    for (size_t at = 0; at < text.size(); at += length)
      found = logits(
          *engine, sequence,
          std::span(text).subspan(at, std::min(length, text.size() - at)),
          Rows::last);
    EXPECT_LE(relativeDifference(found, expected),
              tolerance(*stored, engine->package(), 64))
        << "steps of " << length;
  }
}

TEST_F(SmolLm2Test, LengthOfStepsChangesLittle) { expectSameInAllSteps(""); }

TEST_F(SmolLm2Test, LengthOfAvx2StepsChangesLittle) {
  expectSameInAllSteps("x86-64-v3");
}

} // namespace
} // namespace quipu
