//===- OpenModelTest.cpp --------------------------------------------------===//

#include "frontends/OpenModel.h"

#include <gtest/gtest.h>

namespace quipu {
namespace {

TEST(OpenModel, MissingPathIsNamed) {
  Result<Model> model = openModel("/nonexistent/model.gguf");
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().message, "/nonexistent/model.gguf: no such model");
}

} // namespace
} // namespace quipu
