//===- LlamaToKernelTest.cpp - Kernels compute what the graph says --------===//
//
// Random models through every fusion and the conversion to kernels: the kernel
// interpreter must give what the llama interpreter gives for the imported
// graph, over prefill, mixed and decode steps with a KV cache in between.
//
//===----------------------------------------------------------------------===//

#include "RandomModel.h"

#include "frontends/graph/GraphBuilder.h"
#include "interpreters/kernel/KernelInterpreter.h"
#include "interpreters/llama/LlamaInterpreter.h"
#include "kernels/schedules/Passes.h"
#include "passes/conversion/Passes.h"
#include "passes/llama/Passes.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "gmock/gmock.h"

using namespace mlir;
using namespace quipu;

namespace {

constexpr int64_t pageSize = 4;

const Shape shapes[] = {
    {.name = "mha"},
    {.name = "gqa_tied_interleaved",
     .kvHeads = 2,
     .tied = true,
     .pairing = RopePairing::interleaved,
     .types = {ElementType::bf16}},
    {.name = "mqa_with_biases",
     .hidden = 40,
     .kvHeads = 1,
     .headDim = 10,
     .attentionBias = true,
     .mlpBias = true,
     .types = {ElementType::f16, ElementType::f32}},
    {.name = "mixed_blocks_of_32",
     .hidden = 64,
     .intermediate = 96,
     .kvHeads = 2,
     .headDim = 16,
     .types = {ElementType::q8_0, ElementType::q4_0, ElementType::q4_1,
               ElementType::q5_0, ElementType::q5_1, ElementType::f16}},
    {.name = "mixed_blocks_of_256",
     .hidden = 256,
     .intermediate = 256,
     .layers = 1,
     .vocab = 20,
     .heads = 8,
     .kvHeads = 1,
     .headDim = 32,
     .types = {ElementType::q6_k, ElementType::q4_k, ElementType::q2_k,
               ElementType::q5_k, ElementType::q3_k, ElementType::q8_0}},
};

RopeScaling scaled(RopeScaling::Kind kind, double factor, int64_t original) {
  RopeScaling scaling = Shape::turning();
  scaling.kind = kind;
  scaling.factor = factor;
  scaling.originalMaxPositionEmbeddings = original;
  return scaling;
}

/// Every kind of RoPE scaling, with numbers that reach each branch of its
/// formula at a head of 12: pairs kept, blended and stretched.
std::vector<std::pair<std::string, RopeScaling>> ropeScalings() {
  using Kind = RopeScaling::Kind;
  RopeScaling yarn = scaled(Kind::yarn, 4, 64);
  yarn.betaFast = 4;
  RopeScaling mscale = scaled(Kind::yarn, 4, 64);
  mscale.truncate = false;
  mscale.mscale = 0.707;
  mscale.mscaleAllDim = 1.2;
  RopeScaling longrope = scaled(Kind::longrope, 4, 16);
  longrope.divisors = {1, 1.25f, 1.5f, 2, 3, 5};
  RopeScaling divided = Shape::turning(); // rope_freqs.weight of a GGUF file
  divided.divisors = longrope.divisors;
  return {{"plain", Shape::turning()},
          {"linear", scaled(Kind::linear, 4, 0)},
          {"llama3", scaled(Kind::llama3, 8, 64)},
          {"yarn", yarn},
          {"yarn_mscale", mscale},
          {"longrope", longrope},
          {"divided", divided}};
}

std::vector<Shape> ropeShapes() {
  std::vector<Shape> shapes;
  for (const auto &[name, scaling] : ropeScalings())
    for (RopePairing pairing : {RopePairing::half, RopePairing::interleaved})
      shapes.push_back(
          {.name =
               name + (pairing == RopePairing::half ? "_half" : "_interleaved"),
           .hidden = 24,
           .intermediate = 32,
           .layers = 1,
           .heads = 2,
           .kvHeads = 1,
           .pairing = pairing,
           .rope = scaling});
  return shapes;
}

/// Fusions by the pass that makes them; `all` is the order of the compiler.
const std::pair<std::string, std::string> fusions[] = {
    {"none", ""},
    {"merge_projections", "llama-merge-projections"},
    {"rope", "llama-fuse-rope"},
    {"swiglu", "llama-fuse-swiglu"},
    {"residual", "llama-fuse-residual"},
    {"norm", "llama-fuse-norm"},
    {"argmax", "llama-fuse-argmax"},
    {"all", "llama-merge-projections,llama-fuse-rope,llama-fuse-swiglu,"
            "llama-fuse-residual,llama-fuse-norm,llama-fuse-argmax"}};

/// Those that RoPE takes part in.
const std::vector<std::pair<std::string, std::string>> ropeFusions = {
    std::begin(fusions)[0], std::begin(fusions)[2], std::begin(fusions)[7]};

/// ||a - b|| / ||b||.
double distance(const DenseTensor &a, const DenseTensor &b) {
  EXPECT_EQ(a.shape, b.shape);
  double difference = 0, size = 0;
  for (size_t i = 0; i < std::min(a.values.size(), b.values.size()); ++i) {
    difference += (a.values[i] - b.values[i]) * (a.values[i] - b.values[i]);
    size += b.values[i] * b.values[i];
  }
  return std::sqrt(difference / (size ? size : 1));
}

void registerPassesOnce() {
  static const bool done = [] {
    llama::registerLlamaPasses();
    registerConversionPasses();
    registerSchedulesPasses();
    return true;
  }();
  (void)done;
}

class LlamaToKernelTest
    : public testing::TestWithParam<
          std::tuple<Shape, std::pair<std::string, std::string>>> {
protected:
  LlamaToKernelTest()
      : shape(std::get<0>(GetParam())), random(shape, 11),
        graph(buildGraph(context, random.model,
                         {.pageSize = pageSize, .kvType = ElementType::f16})),
        kernels(graph->clone()) {
    registerPassesOnce();
    context.loadDialect<kernel::KernelDialect>();
  }

  /// Takes `kernels` through buckets, the fusions of the test and `rest`.
  void lower(const std::string &rest) {
    const std::string &fusion = std::get<1>(GetParam()).second;
    std::string text = "llama-specialize-buckets," +
                       (fusion.empty() ? "" : "func.func(" + fusion + "),") +
                       "func.func(llama-verify-fused),llama-to-kernel" + rest;
    PassManager passes(&context);
    ASSERT_TRUE(succeeded(parsePassPipeline(text, passes))) << text;
    ASSERT_TRUE(succeeded(passes.run(*kernels)));
  }

  /// The clone of the step that runs `inputs`.
  func::FuncOp bucket(const StepIndices &inputs, StringRef entry) {
    size_t tokens = inputs.tokens.size(), rows = inputs.rows.size();
    std::string name = tokens <= 1 && rows <= 1   ? "decode"
                       : tokens <= 8 && rows <= 8 ? "small"
                                                  : "batch";
    return kernels->lookupSymbol<func::FuncOp>((name + "_" + entry).str());
  }

  /// Runs one step both ways and compares logits, argmax and caches, which are
  /// replaced by their successors.
  void compareStep(const StepIndices &inputs, std::vector<KvState> &kv,
                   const kernel::KernelInterpreterOptions &options) {
    auto step = graph->lookupSymbol<func::FuncOp>("step");
    auto expected = llama::interpretLlama(step, stepArguments(inputs, kv),
                                          random.parameters);
    ASSERT_TRUE(succeeded(expected));
    auto logits = kernel::interpretKernels(bucket(inputs, "logits"),
                                           stepArguments(inputs, kv),
                                           random.parameters, options);
    auto argmax = kernel::interpretKernels(bucket(inputs, "argmax"),
                                           stepArguments(inputs, kv),
                                           random.parameters, options);
    ASSERT_TRUE(succeeded(logits) && succeeded(argmax));
    ASSERT_EQ(logits->size(), kv.size() + 1);
    ASSERT_EQ(argmax->size(), kv.size() + 1);
    EXPECT_LE(distance(std::get<DenseTensor>((*logits)[0]),
                       std::get<DenseTensor>((*expected)[0])),
              1e-9);
    EXPECT_EQ(std::get<DenseTensor>((*argmax)[0]).values,
              std::get<DenseTensor>((*expected)[1]).values);
    for (size_t layer = 0; layer < kv.size(); ++layer) {
      const auto &cache = std::get<KvState>((*expected)[layer + 2]);
      for (const auto &results : {*logits, *argmax}) {
        const auto &written = std::get<KvState>(results[layer + 1]);
        EXPECT_LE(distance(written.keys, cache.keys), 1e-9);
        EXPECT_LE(distance(written.values, cache.values), 1e-9);
      }
      kv[layer] = cache;
    }
  }

  void compareConversation(kernel::KernelInterpreterOptions options) {
    options.rounding = KvRounding::exact;
    Conversation conversation(3, 4, pageSize, shape.vocab, 12);
    auto type = llama::KvType::get(&context, shape.kvHeads, shape.headDim,
                                   pageSize, Float16Type::get(&context));
    std::vector<KvState> kv(shape.layers, emptyKv(type, conversation.slots()));
    // Two prompts, one of them beyond a page; then decode over a page's end,
    // then a mixed step with padding.
    compareStep(conversation.step({{1, 7}, {0, 3}}), kv, options);
    compareStep(conversation.step({{1, 1}}), kv, options);
    compareStep(conversation.step({{1, 1}}), kv, options);
    compareStep(conversation.step({{2, 2}, {0, 1}, {1, 2}}, 1), kv, options);
    compareStep(conversation.step({{2, 9}, {0, 1}}, 2), kv, options);
  }

  Shape shape;
  RandomModel random;
  MLIRContext context;
  OwningOpRef<ModuleOp> graph, kernels;
};

TEST_P(LlamaToKernelTest, SkeletonsComputeTheGraph) {
  lower("");
  kernel::KernelInterpreterOptions options;
  options.shuffleSeed = 3;
  compareConversation(options);
}

TEST_P(LlamaToKernelTest, OutlinedKernelsWithSchedulesComputeTheGraph) {
  lower(",kernel-choose-tiles,kernel-outline");
  compareConversation({});
}

std::string
caseName(const testing::TestParamInfo<LlamaToKernelTest::ParamType> &info) {
  return std::get<0>(info.param).name + "_" + std::get<1>(info.param).first;
}

INSTANTIATE_TEST_SUITE_P(RandomModels, LlamaToKernelTest,
                         testing::Combine(testing::ValuesIn(shapes),
                                          testing::ValuesIn(fusions)),
                         caseName);
INSTANTIATE_TEST_SUITE_P(RopeScalings, LlamaToKernelTest,
                         testing::Combine(testing::ValuesIn(ropeShapes()),
                                          testing::ValuesIn(ropeFusions)),
                         caseName);

/// Logits of one prompt, by the llama interpreter.
DenseTensor promptLogits(const Shape &shape) {
  RandomModel random(shape, 11);
  MLIRContext context;
  OwningOpRef<ModuleOp> graph =
      buildGraph(context, random.model,
                 {.pageSize = pageSize, .kvType = ElementType::f16});
  Conversation conversation(1, 4, pageSize, shape.vocab, 12);
  auto type = llama::KvType::get(&context, shape.kvHeads, shape.headDim,
                                 pageSize, Float16Type::get(&context));
  std::vector<KvState> kv(shape.layers, emptyKv(type, conversation.slots()));
  auto results = llama::interpretLlama(
      graph->lookupSymbol<func::FuncOp>("step"),
      stepArguments(conversation.step({{0, 16}}), kv), random.parameters);
  EXPECT_TRUE(succeeded(results));
  return failed(results) ? DenseTensor() : std::get<DenseTensor>((*results)[0]);
}

// Or the comparisons above would pass without the scaling.
TEST(RandomModelTest, EachRopeScalingAndPairingGivesOtherLogits) {
  std::vector<Shape> shapes = ropeShapes();
  std::vector<DenseTensor> logits;
  for (const Shape &shape : shapes)
    logits.push_back(promptLogits(shape));
  for (size_t i = 0; i < shapes.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      EXPECT_GE(distance(logits[i], logits[j]), 1e-3)
          << shapes[i].name << " and " << shapes[j].name;
}

} // namespace
