//===- GgufModelTest.cpp - GGUF files as models ---------------------------===//

#include "base/Dequantize.h"
#include "base/MappedFile.h"
#include "frontends/OpenModel.h"
#include "frontends/TokenizerSource.h"
#include "test/frontends/ModelFiles.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace quipu {
namespace {

using test::GgufWriter;
using test::smallGguf;
using test::SmallModel;
using test::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(GgufModel, Small) {
  TemporaryFolder folder;
  Result<Model> model =
      openModel(folder.write("m.gguf", smallGguf({}).finish()));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->kind, "gguf");
  EXPECT_EQ(model->architecture, "llama");
  EXPECT_EQ(model->name, "small");
  EXPECT_EQ(model->config.hiddenSize, 64);
  EXPECT_EQ(model->config.vocabSize, 40);
  EXPECT_FLOAT_EQ(model->config.rmsNormEps, 1e-5f);
  EXPECT_EQ(model->config.rope.pairing, RopePairing::interleaved);
  EXPECT_EQ(model->config.rope.inverseFrequencies.size(), 8u);
  EXPECT_FALSE(model->config.tieWordEmbeddings);
  EXPECT_EQ(model->tensors.size(), 21u);
  EXPECT_EQ(model->find("layers.1.mlp.w_down")->nameInFile,
            "blk.1.ffn_down.weight");
  EXPECT_EQ(model->find("layers.2.mlp.w_down"), nullptr);
  ASSERT_TRUE(model->tokenizer);
  EXPECT_EQ(model->tokenizer->splitPatterns.size(), 2u);
  EXPECT_THAT(model->tokenizer->merges,
              ElementsAre(std::pair<std::string, std::string>("a", "b")));
  EXPECT_THAT(model->generation.endOfSequenceIds, ElementsAre(0));
}

TEST(GgufModel, TiedAndBiasedModels) {
  SmallModel tied;
  tied.tied = true;
  tied.attentionBias = tied.mlpBias = true;
  TemporaryFolder folder;
  Result<Model> model =
      openModel(folder.write("m.gguf", smallGguf(tied).finish()));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_TRUE(model->config.tieWordEmbeddings);
  EXPECT_EQ(model->find("lm_head"), nullptr);
  EXPECT_NE(model->find("layers.0.attn.bo"), nullptr);
  EXPECT_NE(model->find("layers.1.mlp.b_gate"), nullptr);
}

// The same weights in both formats: rows differ by the pairing's permutation.
TEST(GgufModel, HoldsTheNumbersOfTheFolder) {
  TemporaryFolder folder;
  test::writeSmallFolder({}, folder);
  Result<Model> left =
      openModel(folder.write("m.gguf", smallGguf({}).finish()));
  Result<Model> right = openModel(folder.path());
  ASSERT_TRUE(left && right);
  ASSERT_EQ(left->tensors.size(), right->tensors.size());
  Result<MappedFile> leftFile = MappedFile::open(left->files[0]);
  Result<MappedFile> rightFile = MappedFile::open(right->files[0]);
  for (size_t i = 0; i < left->tensors.size(); ++i) {
    const TensorSource &a = left->tensors[i], &b = right->tensors[i];
    EXPECT_EQ(a.name, b.name);
    auto row = [](const MappedFile &file, const TensorSource &tensor,
                  int64_t row) {
      size_t stride = size_t(rowBytes(tensor.type, tensor.columns));
      auto bytes =
          file.bytes().subspan(tensor.offset + size_t(row) * stride, stride);
      return std::vector<std::byte>(bytes.begin(), bytes.end());
    };
    bool rotated = a.name.ends_with(".wq") || a.name.ends_with(".wk");
    for (int64_t r = 0; r < a.rows; ++r) {
      int64_t head = r / 16 * 16, pair = r % 16;
      int64_t there = rotated ? head + pair % 2 * 8 + pair / 2 : r;
      ASSERT_EQ(row(*leftFile, a, r), row(*rightFile, b, there)) << a.name;
    }
  }
}

TEST(GgufModel, EveryStoredTypeOpens) {
  for (ElementType type :
       {ElementType::f32, ElementType::f16, ElementType::bf16,
        ElementType::q8_0, ElementType::q4_0, ElementType::q4_1,
        ElementType::q5_0, ElementType::q5_1, ElementType::q2_k,
        ElementType::q3_k, ElementType::q4_k, ElementType::q5_k,
        ElementType::q6_k}) {
    SmallModel small;
    small.hiddenSize = small.intermediateSize = 256;
    small.headDim = 64;
    small.layers = 1;
    small.type = [type](const std::string &) { return type; };
    TemporaryFolder folder;
    Result<Model> model =
        openModel(folder.write("m.gguf", smallGguf(small).finish()));
    ASSERT_TRUE(model) << model.error().message;
    EXPECT_EQ(model->find("layers.0.mlp.w_up")->type, type);
  }
}

TEST(GgufModel, SplitFiles) {
  GgufWriter whole = smallGguf({}), first = whole, second;
  std::string embedding(64 * 40 * 4, '\0');
  first.eraseTensor("token_embd.weight")
      .u32("split.count", 2)
      .u32("split.no", 0);
  second.u32("split.count", 2).u32("split.no", 1);
  second.tensor("token_embd.weight", ElementType::f32, {64, 40}, embedding);
  TemporaryFolder folder;
  folder.write("m-00001-of-00002.gguf", first.finish());
  std::string last = folder.write("m-00002-of-00002.gguf", second.finish());
  for (std::string path : {folder.path() + "/m-00001-of-00002.gguf", last}) {
    Result<Model> model = openModel(path);
    ASSERT_TRUE(model) << model.error().message;
    EXPECT_EQ(model->files.size(), 2u);
    EXPECT_EQ(model->find("tok_embed")->file, 1);
    EXPECT_EQ(model->find("out_norm")->file, 0);
  }
  second.erase("split.no").u32("split.no", 0);
  folder.write("m-00002-of-00002.gguf", second.finish());
  EXPECT_THAT(openModel(last).error().message,
              HasSubstr("split.no is 0, expected 1"));
  EXPECT_THAT(openModel(folder.write("m-00001-of-00003.gguf", first.finish()))
                  .error()
                  .message,
              HasSubstr("split.count is 2, which does not agree"));
  EXPECT_THAT(
      openModel(folder.write("one.gguf", first.finish())).error().message,
      HasSubstr("split.count is 2"));
  std::filesystem::remove(last);
  EXPECT_THAT(
      openModel(folder.path() + "/m-00001-of-00002.gguf").error().message,
      HasSubstr("m-00002-of-00002.gguf: cannot open"));
}

TEST(GgufModel, RopeVariants) {
  auto open = [](auto change) {
    GgufWriter writer = smallGguf({});
    change(writer);
    TemporaryFolder folder;
    Result<Model> model = openModel(folder.write("m.gguf", writer.finish()));
    EXPECT_TRUE(model) << model.error().message;
    return model->config.rope;
  };
  Rope plain = open([](GgufWriter &) {});
  Rope linear = open([](GgufWriter &writer) {
    writer.string("llama.rope.scaling.type", "linear")
        .f32("llama.rope.scaling.factor", 4);
  });
  Rope old = open([](GgufWriter &w) { w.f32("llama.rope.scale_linear", 4); });
  EXPECT_EQ(linear.inverseFrequencies[3], plain.inverseFrequencies[3] / 4);
  EXPECT_EQ(old.inverseFrequencies, linear.inverseFrequencies);
  Rope yarn = open([](GgufWriter &writer) {
    writer.string("llama.rope.scaling.type", "yarn")
        .f32("llama.rope.scaling.factor", 4)
        .u32("llama.rope.scaling.original_context_length", 32);
  });
  EXPECT_FLOAT_EQ(yarn.attentionFactor, 1.1386294f);
  EXPECT_EQ(yarn.inverseFrequencies[7], plain.inverseFrequencies[7] / 4);
  Rope factors = open([](GgufWriter &writer) {
    std::string data;
    for (int i = 0; i < 8; ++i)
      data += test::bytesOf(float(i + 1));
    writer.tensor("rope_freqs.weight", ElementType::f32, {8}, data);
  });
  EXPECT_EQ(factors.inverseFrequencies[2], plain.inverseFrequencies[2] / 3);
}

TEST(GgufModel, RealModel) {
  const char *path = std::getenv("QUIPU_TEST_MODEL");
  if (!path)
    GTEST_SKIP() << "QUIPU_TEST_MODEL names no SmolLM2-135M-Instruct Q4_1 file";
  Result<Model> model = openModel(path);
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(parameterCount(*model), 134'515'008);
  EXPECT_EQ(model->tokenizer->tokens.size(), 49152u);
  Result<MappedFile> file = MappedFile::open(path);
  for (const TensorSource &tensor : model->tensors) {
    size_t stride = size_t(rowBytes(tensor.type, tensor.columns));
    std::vector<float> row(size_t(tensor.columns));
    for (int64_t r = 0; r < tensor.rows; r += 61) {
      dequantizeRow(
          tensor.type,
          file->bytes().subspan(tensor.offset + size_t(r) * stride, stride),
          std::span<float>(row));
      for (float value : row)
        ASSERT_LT(std::fabs(value), 100.0f) << tensor.name; // finite, too
    }
  }
}

} // namespace
} // namespace quipu
