//===- ExplainTest.cpp - Packages that there is little to explain of ------===//
//
// Which target is explained, and packages that have none. What quipu explain
// prints is tested in test/tools.
//
//===----------------------------------------------------------------------===//

#include "compiler/Explain.h"

#include "gtest/gtest.h"

namespace quipu {
namespace {

std::shared_ptr<Package> packageFor(const std::vector<std::string> &targets) {
  auto package = std::make_shared<Package>();
  package->path = "p";
  for (const std::string &name : targets)
    package->targets.emplace_back().name = name;
  return package;
}

TEST(ExplainPackage, takesTheFirstGpuWhereNoTargetIsAsked) {
  auto explain = [](const std::vector<std::string> &targets) {
    return explainPackage(packageFor(targets), "")->target;
  };
  EXPECT_EQ(explain({"cpu-x86-64-v3", "sm_80", "sm_90a"}), 1u);
  EXPECT_EQ(explain({"cpu-x86-64-v3", "cpu-x86-64-v4"}), 0u);
}

TEST(ExplainPackage, namesTheTargetsThatThereAre) {
  Result<Explanation> wrong =
      explainPackage(packageFor({"cpu-x86-64-v3", "sm_80"}), "sm_90a");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message,
            "p: --target: expected one of cpu-x86-64-v3, sm_80, found "
            "'sm_90a'");
}

TEST(ExplainPackage, refusesAPackageWithoutTargets) {
  for (const char *asked : {"", "sm_80"}) {
    Result<Explanation> none = explainPackage(packageFor({}), asked);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().message,
              "p: targets: expected at least one, found none");
  }
}

} // namespace
} // namespace quipu
