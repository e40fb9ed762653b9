//===- MemoryTest.cpp - A real model takes what the plan says -------------===//
//
// SmolLM2 with its context filled, against the numbers of `quipu plan`: weights
// are pages of the file, all else is anonymous. Memory of the program itself
// (tokenizer, libraries) is there before and left out.
//
//===----------------------------------------------------------------------===//

#include "compiler/Compile.h"
#include "frontends/OpenModel.h"
#include "runtime/devices/cpu/CpuFeatures.h"
#include "runtime/generation/Engine.h"
#include "runtime/generation/MemoryPlan.h"
#include "runtime/memory/ResidentMemory.h"

#include <cstdlib>
#include <gtest/gtest.h>
#include <malloc.h>

namespace quipu {
namespace {

TEST(Memory, ofSmolLm2IsWhatThePlanSays) {
  const char *path = std::getenv("QUIPU_TEST_MODEL");
  if (!path)
    GTEST_SKIP() << "no $QUIPU_TEST_MODEL";
  Result<Model> model = openModel(path);
  ASSERT_TRUE(model) << model.error().message;
  auto package = compileModel(*model, {});
  ASSERT_TRUE(package) << package.error().message;
  auto target = chooseCpuTarget((*package)->targets, cpuFeatures(), "");
  ASSERT_TRUE(target) << target.error().message;
  malloc_trim(0); // the compiler's, which the engine would grow into

  ResidentMemory before = residentMemory();
  if (before.anonymous == 0)
    GTEST_SKIP() << "no smaps_rollup here, or a sanitizer's memory in it";
  EngineOptions options;
  options.threads = 2;
  options.context = 1024;
  Result<Engine> engine = Engine::create(*package, options);
  ASSERT_TRUE(engine) << engine.error().message;
  Sequence sequence = engine->newSequence();
  std::vector<int32_t> tokens(options.context);
  for (size_t i = 0; i < tokens.size(); ++i)
    tokens[i] = int32_t(i * 7919 % engine->vocabSize());
  // The last step asks for as many logits as any bucket gives, so that all of
  // the arena is used; one answer alone needs less.
  constexpr size_t rows = 64;
  auto fresh = std::span<const int32_t>(tokens);
  ASSERT_TRUE(engine->prefill(sequence, fresh.first(tokens.size() - rows)));
  StepRequest all = {&sequence, fresh.last(rows), Rows::all};
  ASSERT_TRUE(engine->step({&all, 1}));
  ResidentMemory after = residentMemory();

  MemoryPlan plan = planMemory(**package, *target, options.threads,
                               options.context, options.sequences);
  EXPECT_NEAR(after.anonymous - before.anonymous, plan.anonymous(),
              0.05 * plan.anonymous());
  EXPECT_NEAR(after.file - before.file, plan.weights, 0.05 * plan.weights);
}

} // namespace
} // namespace quipu
