//===- OpenModelTest.cpp --------------------------------------------------===//

#include "frontends/OpenModel.h"

#include <gtest/gtest.h>

namespace quipu {
namespace {

TEST(OpenModel, MissingPathIsNamed) {
  Result<Model> model = openModel("/nonexistent/model.gguf");
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().message,
            "/nonexistent/model.gguf: no such file or folder, "
            "and not the id of a model in the Hugging Face cache");
}

TEST(OpenModel, HuggingFaceFolder) {
  Result<Model> model = openModel("test/e2e/models/gqa");
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->kind, "huggingface");
  EXPECT_EQ(model->architecture, "LlamaForCausalLM");
  EXPECT_EQ(model->name, "gqa");
  EXPECT_EQ(model->config.numKeyValueHeads, 2);
  EXPECT_EQ(model->config.headDim, 16);
  EXPECT_EQ(model->config.rope.pairing, RopePairing::half);
  EXPECT_EQ(parameterCount(*model), 69952);
  EXPECT_EQ(model->tensors.front().name, "tok_embed");
  EXPECT_EQ(model->tensors.back().name, "lm_head");
  EXPECT_EQ(model->generation.endOfSequenceIds, std::vector<int32_t>{2});
  EXPECT_FALSE(model->tokenizer);
}

TEST(OpenModel, FilesOfAFolderStandForIt) {
  for (const char *name : {"config.json", "model.safetensors.index.json",
                           "model-00002-of-00003.safetensors"}) {
    Result<Model> model =
        openModel("test/e2e/models/sharded/" + std::string(name));
    ASSERT_TRUE(model) << model.error().message;
    EXPECT_EQ(model->files.size(), 3u) << name;
  }
}

TEST(OpenModel, ShardedFolderNamesAllFiles) {
  Result<Model> model = openModel("test/e2e/models/sharded");
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->files.size(), 3u);
  EXPECT_EQ(parameterCount(*model), 69952);
}

} // namespace
} // namespace quipu
