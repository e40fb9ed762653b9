//===- CudaErrorsTest.cpp - What a user is told about a GPU ---------------===//
//
// One message for each way in which a GPU cannot be used, and what is done
// where none was asked for.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cuda/Gpu.h"
#include "runtime/devices/cuda/TargetChoice.h"
#include "runtime/devices/cuda/Upload.h"
#include "test/runtime/FakeGpuModel.h"

#include <cstring>
#include <gmock/gmock.h>

namespace quipu {
namespace {

using test::fakeGpuPackage;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class CudaErrors : public test::FakeGpuTest {
protected:
  std::string refusal(std::shared_ptr<const Package> package = fakeGpuPackage(),
                      const std::string &device = "cuda") {
    EngineOptions options;
    options.device = device;
    options.context = test::fakeContext;
    auto engine = this->engine(options, std::move(package));
    return engine ? "accepted" : engine.error().message;
  }
};

TEST_F(CudaErrors, noDriver) {
  ::setenv("QUIPU_CUDA_DRIVER", "/nowhere/libcuda.so", 1);
  EXPECT_THAT(refusal(), StartsWith("no NVIDIA driver was found "
                                    "(/nowhere/libcuda.so: cannot open"));
}

TEST_F(CudaErrors, aLibraryThatIsNoDriver) {
  ::setenv("QUIPU_CUDA_DRIVER", "libm.so.6", 1);
  EXPECT_THAT(refusal(),
              StartsWith("libm.so.6 lacks cuInit: the NVIDIA driver is too "
                         "old; one for CUDA 12.0 (525.60) or newer"));
}

TEST_F(CudaErrors, noGpu) {
  driver.gpus = 0;
  EXPECT_EQ(refusal(),
            "cuInit failed with CUDA_ERROR_NO_DEVICE (100): no GPU is "
            "visible: see what nvidia-smi lists and whether "
            "CUDA_VISIBLE_DEVICES hides it");
}

TEST_F(CudaErrors, notSoManyGpus) {
  driver.gpus = 2;
  EXPECT_EQ(refusal(fakeGpuPackage(), "cuda:2"),
            "device: expected cuda:0 to cuda:1, found cuda:2");
  EXPECT_EQ(refusal(fakeGpuPackage(), "cuda:1"), "accepted");
}

TEST_F(CudaErrors, aDriverTooOldForThePtx) {
  driver.newestPtx = 7.4;
  driver.driverVersion = 11040;
  EXPECT_EQ(refusal(),
            "code for sm_80 cannot be loaded on cuda:0 (Fake GPU, compute "
            "capability 9.0): cuModuleLoadDataEx failed with "
            "CUDA_ERROR_UNSUPPORTED_PTX_VERSION (222): words of the driver; "
            "the code is PTX 8.0, the driver supports CUDA 11.4; install a "
            "newer NVIDIA driver");
}

TEST_F(CudaErrors, ptxThatTheDriverRefuses) {
  driver.refusedPtx = "store";
  EXPECT_THAT(refusal(),
              AllOf(HasSubstr("CUDA_ERROR_INVALID_PTX (218)"),
                    HasSubstr("its compiler says: ptxas application ptx input, "
                              "line 3; fatal : Parsing error near 'store'")));
}

TEST_F(CudaErrors, outOfMemoryWithTheNumbers) {
  driver.memoryBytes = int64_t(256) << 20;
  auto package = fakeGpuPackage();
  package->plan.kv.layers = 40000; // of 16 KiB for 1024 tokens
  EXPECT_THAT(
      refusal(package),
      AllOf(StartsWith("GPU memory: expected"),
            HasSubstr("for the KV cache, found 256.0 MiB free of 256.0 MiB; "
                      "ask for a shorter context (-c)"),
            HasSubstr("CUDA_ERROR_OUT_OF_MEMORY (2)")));
}

TEST_F(CudaErrors, aPackageWithoutGpuCode) {
  EXPECT_EQ(refusal(test::fakePackage()),
            "the package has no code for a GPU; compile the model with "
            "--target sm_80, or run with --device cpu");
}

TEST_F(CudaErrors, aGpuOlderThanEveryTarget) {
  driver.computeCapability = 75;
  EXPECT_EQ(refusal(fakeGpuPackage({"sm_80", "sm_90a"})),
            "the package has code for sm_80, sm_90a, none of which runs on "
            "cuda:0 (Fake GPU, compute capability 7.5); compile the model for "
            "it, or run with --device cpu");
}

TEST_F(CudaErrors, launchesThatDoNotFitTheCode) {
  auto package = fakeGpuPackage();
  package->plan.buckets[0].launches[0].arguments.pop_back();
  EXPECT_EQ(refusal(package),
            "launch 'store' of bucket 'decode': code for sm_80, kernel "
            "'store': expected 4 parameters, found 5");
  package = fakeGpuPackage();
  package->plan.kernels[0].name = "other";
  EXPECT_THAT(refusal(package),
              HasSubstr("kernel 'other': there is no such entry"));
  package = fakeGpuPackage();
  package->plan.kernels[0].scratchBytes = {300 * 1024};
  EXPECT_THAT(refusal(package),
              HasSubstr("expected at most 232448 bytes of shared memory"));
}

TEST_F(CudaErrors, whatNobodyAskedForGivesWayToTheCpu) {
  auto package = fakeGpuPackage();
  package->targets.push_back({"cpu-any", {}, {}});
  for (plan::Kernel &kernel : package->plan.kernels)
    kernel.scratchBytes.push_back(0);
  driver.gpus = 0;
  auto chosen = chooseDevice(*package, {});
  ASSERT_TRUE(chosen) << chosen.error().message;
  EXPECT_EQ(chosen->target, 1);
  EXPECT_THAT(chosen->reason, HasSubstr("no GPU is visible"));
  ::setenv("QUIPU_CUDA_DRIVER", "/nowhere", 1);
  chosen = chooseDevice(*package, {});
  ASSERT_TRUE(chosen) << chosen.error().message;
  EXPECT_EQ(chosen->reason, "no NVIDIA driver was found");
  ::setenv("QUIPU_CUDA_DRIVER", QUIPU_FAKE_CUDA, 1);
  driver.gpus = 1;
  chosen = chooseDevice(*package, {});
  ASSERT_TRUE(chosen) << chosen.error().message;
  EXPECT_EQ(chosen->target, 0);
  EXPECT_TRUE(chosen->mayFallBack);
  EXPECT_EQ(chosen->availableMemory, (int64_t(1) << 30) - (int64_t(256) << 20));
}

// What was compiled for this run has no code for a GPU that cannot be used.
TEST_F(CudaErrors, noCodeForAGpuHasAReason) {
  auto package = fakeGpuPackage();
  package->targets = {{"cpu-any", {}, {}}};
  auto reason = [&] {
    auto chosen = chooseDevice(*package, {});
    return chosen ? chosen->reason : chosen.error().message;
  };
  EXPECT_EQ(reason(), "the package has no code for a GPU");
  driver.computeCapability = 75;
  EXPECT_EQ(reason(), "the GPU is older than compute capability 8.0");
  driver.gpus = 0;
  EXPECT_THAT(reason(), HasSubstr("no GPU is visible"));
  ::setenv("QUIPU_CUDA_DRIVER", "/nowhere", 1);
  EXPECT_EQ(reason(), "no NVIDIA driver was found");
}

TEST_F(CudaErrors, aGpuIsCompiledForWhereThereIsOne) {
  EXPECT_EQ(targetsToRun("auto")->size(), 2u);
  EXPECT_THAT(*targetsToRun("cuda"), ElementsAre("sm_80"));
  driver.computeCapability = 75;
  EXPECT_EQ(targetsToRun("auto")->size(), 1u);
  ::setenv("QUIPU_CUDA_DRIVER", "/nowhere", 1);
  EXPECT_EQ(targetsToRun("auto")->size(), 1u);
  EXPECT_THAT(targetsToRun("cuda").error().message,
              StartsWith("no NVIDIA driver was found"));
}

TEST(TargetChoice, theNewestCodeThatRunsComesFirst) {
  const std::byte cubin[] = {std::byte(0x7f), std::byte('E'), std::byte('L'),
                             std::byte('F')};
  std::vector<Target> targets = {{"cpu-x86-64-v3", {}, {}}, {"sm_80", {}, {}},
                                 {"sm_89", {}, {}},         {"sm_90a", {}, {}},
                                 {"sm_80", {}, cubin},      {"sm_x", {}, {}}};
  auto usable = [&](int capability) {
    return *cuda::usableTargets(targets, capability, "gpu");
  };
  EXPECT_THAT(usable(80), ElementsAre(4, 1));
  EXPECT_THAT(usable(86), ElementsAre(4, 1));
  EXPECT_THAT(usable(89), ElementsAre(2, 4, 1));
  EXPECT_THAT(usable(90), ElementsAre(3, 2, 1));
  EXPECT_THAT(usable(100), ElementsAre(2, 1));
  EXPECT_THAT(usable(120), ElementsAre(2, 1));
}

TEST_F(CudaErrors, uploadsCutLargeParametersAndShareSmallOnes) {
  auto gpu = cuda::OpenGpu::open(0);
  ASSERT_TRUE(gpu) << gpu.error().message;
  const cuda::Driver &api = *(*gpu)->driver;
  std::vector<std::byte> bytes(5000);
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = std::byte(i * 7 % 251);
  std::span<const std::byte> all = bytes;
  ParameterBytes parameters = {all.subspan(0, 3), all.subspan(10, 4000),
                               all.subspan(0, 3), all.subspan(0, 0),
                               all.subspan(100, 600)};
  auto layout = cuda::ParameterLayout::of(parameters);
  EXPECT_THAT(layout.offsets, ElementsAre(0, 256, 0, 4352, 4352));
  auto stream = cuda::Stream::create(api);
  auto memory = cuda::DeviceMemory::allocate(api, layout.bytes, "weights");
  ASSERT_TRUE(stream && memory);
  std::vector<int64_t> progress;
  auto done = cuda::upload(
      api, stream->get(), parameters, layout, memory->get(),
      [&](int64_t done, int64_t total) {
        EXPECT_EQ(total, layout.bytes);
        progress.push_back(done);
      },
      1000);
  ASSERT_TRUE(done) << done.error().message;
  auto *device = reinterpret_cast<const std::byte *>(memory->get());
  for (size_t i = 0; i < parameters.size(); ++i)
    EXPECT_TRUE(std::equal(parameters[i].begin(), parameters[i].end(),
                           device + layout.offsets[i]))
        << i;
  EXPECT_GE(progress.size(), 5u);
  EXPECT_TRUE(std::is_sorted(progress.begin(), progress.end()));
}

} // namespace
} // namespace quipu
