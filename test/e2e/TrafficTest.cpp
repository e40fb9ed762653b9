//===- TrafficTest.cpp - Predicted bytes against counted ones -------------===//
//
// What `quipu explain` says that GPU kernels ask memory for is compared with
// what the emulator counts when it runs them: of whole steps, and of weights
// alone, at the start of a context and far into it.
//
//===----------------------------------------------------------------------===//

#include "compiler/Explain.h"
#include "frontends/OpenModel.h"
#include "runtime/devices/emulator/EmulatorDevice.h"
#include "test/e2e/CompiledModel.h"

#include <cstdlib>
#include <gtest/gtest.h>

namespace quipu {
namespace {

constexpr double mostOff = 0.02;

struct Case {
  std::string name;
  std::string model;
  int optLevel = 2;
  std::optional<ElementType> kvType = {};
};

void PrintTo(const Case &each, std::ostream *stream) { *stream << each.name; }

class TrafficTest : public testing::TestWithParam<Case> {
protected:
  void explain(const std::string &path, int optLevel,
               std::optional<ElementType> kvType);
  void expectAsPredicted(int64_t position, int64_t tokens, Entry entry);

  Model model;
  Explanation explanation;
  std::optional<Engine> engine;
};

void TrafficTest::explain(const std::string &path, int optLevel,
                          std::optional<ElementType> kvType) {
  Result<Model> opened = openModel(path);
  ASSERT_TRUE(opened) << opened.error().message;
  model = std::move(*opened);
  model.config.maxPositionEmbeddings = 1024; // room for a few ranges
  CompileOptions options;
  options.pipeline.optLevel = optLevel;
  options.kvType = kvType;
  options.targets = {"sm_80"};
  Result<Explanation> explained = explainModel(model, options);
  ASSERT_TRUE(explained) << explained.error().message;
  explanation = std::move(*explained);
  engine = makeEngine(explanation.package, 1, 2, "emulator");
  ASSERT_TRUE(engine);
}

MemoryBytes countedBytes(const emulator::Counters &counters, bool unique) {
  auto bytes = [&](const emulator::Traffic &traffic) {
    return unique ? traffic.uniqueBytes : traffic.bytes;
  };
  return {bytes(counters.weightLoads()), bytes(counters.otherLoads()),
          bytes(counters.allStores())};
}

KernelTraffic counted(const emulator::Counters &counters) {
  return {countedBytes(counters, false), countedBytes(counters, true)};
}

std::string text(const KernelTraffic &traffic) {
  auto bytes = [](const MemoryBytes &each) {
    return std::to_string(each.weights) + " + " + std::to_string(each.loads) +
           " + " + std::to_string(each.stores);
  };
  return "issued " + bytes(traffic.issued) + ", unique " +
         bytes(traffic.unique);
}

void expectNear(int64_t predicted, int64_t found, const std::string &what) {
  EXPECT_LE(std::abs(double(predicted - found)), mostOff * double(found))
      << what << ": predicted " << predicted << ", counted " << found;
}

void TrafficTest::expectAsPredicted(int64_t position, int64_t tokens,
                                    Entry entry) {
  SCOPED_TRACE(std::to_string(tokens) + " tokens at " +
               std::to_string(position));
  auto &device = static_cast<EmulatorDevice &>(engine->device());
  Sequence sequence = engine->newSequence();
  // Rows of embeddings that share no sector, as those of a text: every second.
  std::vector<int32_t> ids(size_t(position + tokens));
  for (size_t i = 0; i < ids.size(); ++i)
    ids[i] = int32_t(2 * i % size_t(engine->vocabSize()));
  std::span<const int32_t> rest = ids;
  if (position > 0)
    ASSERT_TRUE(engine->prefill(sequence, rest.first(size_t(position))));
  device.profile(true);
  StepRequest request = {&sequence, rest.subspan(size_t(position)), Rows::last};
  Result<StepResult> result = engine->step({&request, 1}, entry);
  ASSERT_TRUE(result) << result.error().message;

  KernelTraffic predicted, found;
  std::string launches;
  for (const auto &done : device.launchCounters()) {
    const plan::Bucket &bucket = explanation.package->plan.buckets[done.bucket];
    const plan::Launch &launch = bucket.launches[done.launch];
    KernelTraffic expected =
        explanation.traffic(bucket, launch, position, tokens);
    predicted += expected;
    found += counted(done.counters);
    launches += launch.label + ": predicted " + text(expected) +
                "\n  counted " + text(counted(done.counters)) + "\n";
  }
  SCOPED_TRACE(launches);
  expectNear(predicted.issued.total(), found.issued.total(), "issued");
  expectNear(predicted.unique.total(), found.unique.total(), "unique");
  expectNear(predicted.issued.weights, found.issued.weights, "issued weights");
  expectNear(predicted.unique.weights, found.unique.weights, "unique weights");
}

TEST_P(TrafficTest, StepsAreAsPredicted) {
  explain("test/e2e/" + GetParam().model, GetParam().optLevel,
          GetParam().kvType);
  ASSERT_TRUE(engine);
  // Decode; the last two positions divide the context into ranges.
  for (int64_t position : {0, 1, 100, 255, 256, 600})
    expectAsPredicted(position, 1, Entry::argmax);
  expectAsPredicted(100, 1, Entry::logits);
  for (int64_t position : {0, 100}) {
    for (int64_t tokens : {2, 8}) // the small bucket
      expectAsPredicted(position, tokens, Entry::argmax);
    for (int64_t tokens : {9, 70}) // of 160 in the vocabulary
      expectAsPredicted(position, tokens, Entry::logits);
  }
}

using RealTrafficTest = TrafficTest;

TEST_P(RealTrafficTest, DecodeIsAsPredicted) {
  const char *path = std::getenv("QUIPU_TEST_MODEL");
  if (!path)
    GTEST_SKIP() << "QUIPU_TEST_MODEL does not name the model file";
  explain(path, 2, {});
  ASSERT_TRUE(engine);
  for (int64_t position : {0, 20})
    expectAsPredicted(position, 1, Entry::argmax);
}

INSTANTIATE_TEST_SUITE_P(SmolLm2, RealTrafficTest,
                         testing::Values(Case{"", ""}),
                         [](const auto &) { return "stored"; });

INSTANTIATE_TEST_SUITE_P(Models, TrafficTest,
                         testing::Values(Case{"f32", "models/gqa"},
                                         Case{"f32_kv", "models/gqa", 2,
                                              ElementType::f32},
                                         Case{"f16", "models/stored_f16"},
                                         Case{"bf16", "models/stored_bf16"},
                                         Case{"q8_0", "quantized/q8_0.gguf"},
                                         Case{"q4_1", "quantized/q4_1.gguf"},
                                         Case{"q6_k", "quantized/q6_k.gguf"},
                                         Case{"odd_sizes", "models/odd_sizes"},
                                         Case{"unfused", "models/bias", 0}),
                         [](const auto &info) { return info.param.name; });

} // namespace
} // namespace quipu
