//===- GraphBuilderTest.cpp -----------------------------------------------===//

#include "frontends/graph/GraphBuilder.h"

#include "dialects/llama/Dialect.h"
#include "frontends/ModelChecks.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"

#include <gtest/gtest.h>

namespace quipu {
namespace {

Model smallModel() {
  Model model;
  ModelConfig &config = model.config;
  config.hiddenSize = 64;
  config.intermediateSize = 96;
  config.numHiddenLayers = 1;
  config.numAttentionHeads = 4;
  config.numKeyValueHeads = 2;
  config.headDim = 16;
  config.vocabSize = 128;
  config.maxPositionEmbeddings = 256;
  config.rope.inverseFrequencies = {1, 0.5, 0.25, 0.125, 0.1, 0.05, 0.02, 0.01};
  return model;
}

std::string print(mlir::ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream, mlir::OpPrintingFlags().printNameLocAsPrefix());
  return text;
}

TEST(GraphBuilder, LayerReadsAsTheArchitecture) {
  Model model = smallModel();
  ASSERT_TRUE(completeWithoutWeights(model, ElementType::q4_1));
  mlir::MLIRContext context;
  auto module = buildGraph(context, model, {.pageSize = 32});
  ASSERT_TRUE(succeeded(verify(*module)));
  std::string text = print(*module);
  // clang-format off
  const char *inOrder[] = {
      "module attributes {llama.max_context = 256 : i64, llama.vocab_size = 128 : i64}",
      "llama.rope_table @rope",
      "llama.param @tok_embed : tensor<128x64x!llama.q4_1>",
      "llama.param @layers.0.attn_norm : tensor<64xf32>",
      "llama.param @layers.0.attn.wk : tensor<32x64x!llama.q4_1>",
      "llama.param @lm_head",
      "func.func @step(",
      "%embed = llama.embedding %tokens, @tok_embed",
      "%layers.0.attn_norm = llama.rms_norm %embed, @layers.0.attn_norm",
      "%layers.0.attn.q = llama.linear %layers.0.attn_norm, [@layers.0.attn.wq]",
      "%layers.0.attn.k = llama.linear %layers.0.attn_norm, [@layers.0.attn.wk]",
      "%layers.0.attn.v = llama.linear %layers.0.attn_norm, [@layers.0.attn.wv]",
      "%layers.0.attn.q_rope = llama.rope %layers.0.attn.q, %positions, @rope half head_dim 16",
      "%layers.0.attn.k_rope = llama.rope %layers.0.attn.k, %positions, @rope half head_dim 16",
      "%layers.0.attn.kv = llama.kv_append %kv.0, %layers.0.attn.k_rope, %layers.0.attn.v, %slots : !llama.kv<2, 16, page 32, f16>",
      "%layers.0.attn.attention = llama.attention %layers.0.attn.q_rope, %layers.0.attn.kv, %positions, %sequences, %pages scale 2.500000e-01",
      "%layers.0.attn.o = llama.linear %layers.0.attn.attention",
      "%layers.0.attn.residual = llama.add %embed, %layers.0.attn.o",
      "%layers.0.mlp_norm = llama.rms_norm %layers.0.attn.residual",
      "%layers.0.mlp.gate = llama.linear %layers.0.mlp_norm",
      "%layers.0.mlp.up = llama.linear %layers.0.mlp_norm",
      "%layers.0.mlp.silu = llama.silu %layers.0.mlp.gate",
      "%layers.0.mlp.mul = llama.mul %layers.0.mlp.silu, %layers.0.mlp.up",
      "%layers.0.mlp.down = llama.linear %layers.0.mlp.mul",
      "%layers.0.mlp.residual = llama.add %layers.0.attn.residual, %layers.0.mlp.down",
      "%select_rows = llama.select_rows %layers.0.mlp.residual, %rows",
      "%out_norm = llama.rms_norm %select_rows, @out_norm",
      "%lm_head = llama.linear %out_norm, [@lm_head]",
      "%argmax = llama.argmax %lm_head",
      "return %lm_head, %argmax, %layers.0.attn.kv",
  };
  // clang-format on
  size_t position = 0;
  for (const char *expected : inOrder) {
    size_t found = text.find(expected, position);
    ASSERT_NE(found, std::string::npos) << expected << "\nin\n" << text;
    position = found;
  }
}

TEST(GraphBuilder, TiedModelReadsTheEmbeddingTwice) {
  Model model = smallModel();
  model.config.tieWordEmbeddings = true;
  ASSERT_TRUE(completeWithoutWeights(model, ElementType::f16));
  mlir::MLIRContext context;
  auto module = buildGraph(context, model, {});
  std::string text = print(*module);
  EXPECT_NE(text.find("%lm_head = llama.linear %out_norm, [@tok_embed]"),
            std::string::npos);
  EXPECT_EQ(module->lookupSymbol("lm_head"), nullptr);
}

TEST(GraphBuilder, BiasesAndOptionsReachTheGraph) {
  Model model = smallModel();
  model.config.attentionBias = true;
  model.config.rope.pairing = RopePairing::interleaved;
  ASSERT_TRUE(completeWithoutWeights(model, ElementType::f32));
  mlir::MLIRContext context;
  auto module = buildGraph(context, model,
                           {.kvType = ElementType::bf16, .maxContext = 4096});
  std::string text = print(*module);
  for (const char *expected :
       {"llama.max_context = 4096",
        "llama.param @layers.0.attn.bq : tensor<64xf32>",
        "bias [@layers.0.attn.bq]", "@rope interleaved head_dim 16",
        "!llama.kv<2, 16, page 64, bf16>"})
    EXPECT_NE(text.find(expected), std::string::npos) << expected;
}

} // namespace
} // namespace quipu
