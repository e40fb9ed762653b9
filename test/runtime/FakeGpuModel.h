//===- FakeGpuModel.h - The fake model on the fake GPU ----------*- C++ -*-===//
//
// The plan of FakeModel.h as one for a GPU, with PTX that has the right entries
// and no code: the fake driver calls the C++ functions in its place.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TEST_RUNTIME_FAKEGPUMODEL_H
#define QUIPU_TEST_RUNTIME_FAKEGPUMODEL_H

#include "test/runtime/FakeModel.h"
#include "test/runtime/fakecuda/FakeCuda.h"

#include <gtest/gtest.h>

namespace quipu::test {

/// Its targets are empty PTX of the given names.
std::shared_ptr<Package>
fakeGpuPackage(const std::vector<std::string> &targets = {"sm_80"});

/// PTX with the entries of `plan`, of a version and a target.
std::string fakePtx(const plan::Plan &plan, const std::string &target,
                    const std::string &version = "8.0");

/// Lets the fake driver run the fake model's kernels.
void runFakeModel(FakeCuda &driver);

/// Names the fake driver in the environment, and checks at the end of a test
/// that nothing was left and no rule was broken.
class FakeGpuTest : public testing::Test {
protected:
  void SetUp() override;
  void TearDown() override;

  Result<Engine>
  engine(EngineOptions options = {},
         std::shared_ptr<const Package> package = fakeGpuPackage());
  FakeCuda &driver = FakeCuda::get();
  bool checksEnd = true; // a test that loses the context cannot
};

} // namespace quipu::test

#endif // QUIPU_TEST_RUNTIME_FAKEGPUMODEL_H
