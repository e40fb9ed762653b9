//===- TomlModelsTest.cpp - The configs that come with Quipu --------------===//

#include "frontends/OpenModel.h"

#include <gtest/gtest.h>

namespace quipu {
namespace {

struct Published {
  const char *name;
  int64_t parameters;
};

class TomlModels : public testing::TestWithParam<Published> {};

TEST_P(TomlModels, HaveThePublishedParameterCount) {
  Result<Model> model = openModel("frontends/toml/models/" +
                                  std::string(GetParam().name) + ".toml");
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(parameterCount(*model), GetParam().parameters);
  EXPECT_EQ(model->kind, "toml");
  EXPECT_EQ(model->name, GetParam().name);
  EXPECT_TRUE(model->files.empty());
  for (const TensorSource &tensor : model->tensors)
    ASSERT_EQ(tensor.file, -1) << tensor.name;
  EXPECT_EQ(model->find("tok_embed")->type, ElementType::bf16);
  EXPECT_EQ(model->find("out_norm")->type, ElementType::f32);
}

INSTANTIATE_TEST_SUITE_P(
    All, TomlModels,
    testing::Values(Published{"llama-7b", 6'738'415'616},
                    Published{"llama-13b", 13'015'864'320},
                    Published{"llama-33b", 32'528'943'616},
                    Published{"llama-65b", 65'285'660'672},
                    Published{"llama-2-7b", 6'738'415'616},
                    Published{"llama-2-13b", 13'015'864'320},
                    Published{"llama-2-70b", 68'976'648'192},
                    Published{"llama-3-8b", 8'030'261'248},
                    Published{"llama-3-70b", 70'553'706'496},
                    Published{"llama-3.1-8b", 8'030'261'248},
                    Published{"llama-3.1-70b", 70'553'706'496},
                    Published{"llama-3.2-1b", 1'235'814'400},
                    Published{"llama-3.2-3b", 3'212'749'824},
                    Published{"smollm2-135m", 134'515'008},
                    Published{"smollm2-360m", 361'821'120},
                    Published{"smollm2-1.7b", 1'711'376'384}),
    [](const auto &info) {
      std::string name = info.param.name;
      for (char &c : name)
        c = isalnum(static_cast<unsigned char>(c)) ? c : '_';
      return name;
    });

} // namespace
} // namespace quipu
