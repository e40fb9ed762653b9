//===- FakeGpuModel.cpp - The fake model on the fake GPU ------------------===//
//
// Blocks run in descending order, because a GPU promises none.
//
//===----------------------------------------------------------------------===//

#include "test/runtime/FakeGpuModel.h"

#include "runtime/devices/cuda/AdvanceKernel.h"
#include "runtime/generation/Batch.h"
#include "test/runtime/SampleKernelRun.h"

#include <algorithm>
#include <cstdlib>
#include <gmock/gmock.h>
#include <map>

namespace quipu::test {
namespace {

int64_t tilesOf(const plan::Grid &grid, const KernelDims &dims) {
  using Symbol = plan::Grid::Symbol;
  int64_t tiles = grid.count;
  for (const plan::Grid::Factor &factor : grid.factors) {
    int64_t extent = factor.symbol == Symbol::tokens   ? dims.tokens
                     : factor.symbol == Symbol::rows   ? dims.rows
                     : factor.symbol == Symbol::work   ? dims.work
                     : factor.symbol == Symbol::splits ? dims.splits
                                                       : 1;
    tiles *= (extent + factor.divisor - 1) / factor.divisor;
  }
  return tiles;
}

/// What the PTX of AdvanceKernel.h does, from its description.
void advance(const std::vector<uint64_t> &parameters) {
  auto array = [&](int i) {
    return reinterpret_cast<int32_t *>(parameters[i]);
  };
  int32_t *tokens = array(0), *positions = array(1), *slots = array(2);
  const int32_t *sequences = array(3), *pages = array(4), *rows = array(5),
                *argmax = array(6);
  auto *dims = reinterpret_cast<KernelDims *>(parameters[7]);
  int32_t *found = array(8);
  auto pageSize = static_cast<int32_t>(parameters[9]);
  BatchShape shape;
  shape.pageSize = pageSize;
  shape.maxSplits = static_cast<int64_t>(parameters[10]);
  int64_t longest = 1;
  for (int64_t r = 0; r < dims->rows; ++r) {
    int32_t i = rows[r];
    found[i] = argmax[r];
    bool isToken = argmax[r] >= 0 && uint64_t(argmax[r]) < parameters[11];
    tokens[i] = isToken ? argmax[r] : 0;
    int32_t page = ++positions[i] / pageSize;
    slots[i] =
        page >= dims->pagesPerSequence
            ? -1
            : pages[sequences[i] * dims->pagesPerSequence + page] * pageSize +
                  positions[i] % pageSize;
    longest = std::max<int64_t>(longest, positions[i] + 1);
  }
  dims->splitLength = splitLength(longest, shape);
  dims->splits = (longest + dims->splitLength - 1) / dims->splitLength;
}

/// The kernels of the fake model, by name.
class FakeKernels {
public:
  FakeKernels() : image(fakeImage()), plan(fakePackage()->plan) {
    for (const plan::Bucket &bucket : plan.buckets)
      for (const plan::Launch &launch : bucket.launches)
        grids[plan.kernels[launch.kernel].name] = {launch.kernel, launch.grid};
  }

  cuda::Status run(const FakeLaunch &launch) const {
    if (launch.kernel == cuda::advanceKernelName) {
      advance(launch.parameters);
      return cuda::Status::success;
    }
    if (launch.kernel == "quipu_sample")
      return runSampleKernel(launch.parameters).empty()
                 ? cuda::Status::success
                 : cuda::Status::launchFailed;
    auto found = grids.find(launch.kernel);
    if (found == grids.end())
      return cuda::Status::launchFailed;
    auto &[kernel, grid] = found->second;
    auto *dims = reinterpret_cast<const KernelDims *>(launch.parameters.back());
    auto *arguments = reinterpret_cast<void *const *>(launch.parameters.data());
    int64_t tiles = tilesOf(grid, *dims);
    std::vector<std::byte> shared(launch.sharedBytes);
    for (int64_t block = launch.blocks - 1; block >= 0; --block)
      for (int64_t tile = block; tile < tiles; tile += launch.blocks)
        image.kernel(kernel)(arguments, dims, shared.data(), tile, tile + 1);
    return cuda::Status::success;
  }

private:
  CodeImage image;
  plan::Plan plan;
  std::map<std::string, std::pair<int64_t, plan::Grid>> grids;
};

} // namespace

std::string fakePtx(const plan::Plan &plan, const std::string &target,
                    const std::string &version) {
  std::map<std::string, size_t> arguments;
  for (const plan::Bucket &bucket : plan.buckets)
    for (const plan::Launch &launch : bucket.launches)
      arguments[plan.kernels[launch.kernel].name] = launch.arguments.size();
  std::string ptx = "//\n// Made by a test\n//\n\n.version " + version +
                    "\n.target " + target + "\n.address_size 64\n";
  for (auto &[name, count] : arguments) {
    ptx += "\n.visible .entry " + name + "(\n";
    for (size_t i = 0; i <= count; ++i)
      ptx += "\t.param .u64 .ptr .align 1 " + name + "_param_" +
             std::to_string(i) + (i < count ? ",\n" : "\n");
    ptx += ")\n.maxntid 64\n{\n\tret;\n}\n";
  }
  return ptx;
}

std::shared_ptr<Package>
fakeGpuPackage(const std::vector<std::string> &targets) {
  auto package = std::make_shared<Package>(*fakePackage());
  package->targets.clear();
  for (plan::Bucket &bucket : package->plan.buckets)
    bucket.device = plan::DeviceKind::gpu;
  for (plan::Kernel &kernel : package->plan.kernels) {
    kernel.device = plan::DeviceKind::gpu;
    kernel.threads = 64;
    kernel.scratchBytes.assign(targets.size(), fakeVocabulary * 4);
  }
  for (const std::string &name : targets) {
    auto ptx =
        std::make_shared<const std::string>(fakePtx(package->plan, name));
    package->owners.push_back(ptx);
    package->targets.push_back(
        {name, {}, std::as_bytes(std::span<const char>(*ptx))});
  }
  return package;
}

void runFakeModel(FakeCuda &driver) {
  auto kernels = std::make_shared<FakeKernels>();
  driver.run = [kernels](const FakeLaunch &launch) {
    return kernels->run(launch);
  };
}

void FakeGpuTest::SetUp() {
  driver.reset();
  runFakeModel(driver);
  ::setenv("QUIPU_CUDA_DRIVER", QUIPU_FAKE_CUDA, 1);
}

void FakeGpuTest::TearDown() {
  ::unsetenv("QUIPU_CUDA_DRIVER");
  ::unsetenv("QUIPU_CUDA_SYNC");
  EXPECT_THAT(driver.violations, testing::IsEmpty());
  if (checksEnd) {
    EXPECT_EQ(driver.unreturned, 0);
    EXPECT_EQ(driver.retained, 0);
  }
}

Result<Engine> FakeGpuTest::engine(EngineOptions options,
                                   std::shared_ptr<const Package> package) {
  return Engine::create(std::move(package), options);
}

} // namespace quipu::test
