//===- CublasTest.cpp - What a user is told about cuBLAS ------------------===//
//
// One message for each way in which the library cannot be used; each says how
// to do without.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cuda/Cublas.h"

#include "runtime/devices/cuda/Gpu.h"
#include "test/runtime/FakeGpuModel.h"

#include <cstdlib>
#include <gmock/gmock.h>

namespace quipu {
namespace {

using cuda::CublasStatus;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class Cublas : public test::FakeGpuTest {
protected:
  void SetUp() override {
    FakeGpuTest::SetUp();
    ::setenv("QUIPU_CUBLAS", QUIPU_FAKE_CUDA, 1);
  }
  void TearDown() override {
    ::unsetenv("QUIPU_CUBLAS");
    FakeGpuTest::TearDown();
  }

  /// Why the library cannot be opened, or one product of 1 x 1 be queued.
  std::string refusal() {
    auto gpu = cuda::OpenGpu::open(0);
    if (!gpu || !(*gpu)->context.makeCurrent())
      return "no GPU";
    const cuda::Driver &api = *(*gpu)->driver;
    auto stream = cuda::Stream::create(api);
    auto memory = cuda::DeviceMemory::allocate(api, 768, "a test");
    if (!stream || !memory)
      return "no memory";
    auto cublas = cuda::Cublas::open(api, stream->get());
    if (!cublas)
      return cublas.error().message;
    cuda::DevicePointer x = memory->get();
    Result<void> done =
        cublas->multiply({1, 1, 1, ElementType::f32, x, x + 256, x + 512});
    (void)api.call(api.streamSynchronize, stream->get());
    return done ? "accepted" : done.error().message;
  }
  void fail(const char *function, CublasStatus status) {
    driver.fail(function, cuda::Status(int(status)));
  }
};

constexpr const char *without =
    "; a model compiled with --gemm=generated needs no cuBLAS";

TEST_F(Cublas, isThere) { EXPECT_EQ(refusal(), "accepted"); }

TEST_F(Cublas, isNotThere) {
  ::setenv("QUIPU_CUBLAS", "/nowhere/libcublas.so", 1);
  EXPECT_THAT(refusal(),
              AllOf(StartsWith("no cuBLAS was found (/nowhere/libcublas.so: "
                               "cannot open"),
                    HasSubstr("this model was compiled with --gemm=cublas: "
                              "install libcublas of the CUDA toolkit, or name "
                              "the file with QUIPU_CUBLAS"),
                    EndsWith(without)));
}

TEST_F(Cublas, isAnotherLibrary) {
  ::setenv("QUIPU_CUBLAS", "libm.so.6", 1);
  EXPECT_THAT(refusal(),
              AllOf(StartsWith("libm.so.6 lacks cublasCreate_v2: it is no "
                               "cuBLAS of CUDA 11 or newer"),
                    EndsWith(without)));
}

TEST_F(Cublas, isNotNewerThanTheDriver) {
  ::unsetenv("QUIPU_CUBLAS");
  driver.driverVersion = 10020; // older than every library that is tried
  EXPECT_THAT(refusal(), AllOf(StartsWith("no cuBLAS was found"),
                               HasSubstr("older than CUDA 11"),
                               Not(HasSubstr("libcublas.so."))));
}

TEST_F(Cublas, failsWithTheCall) {
  fail("cublasCreate", CublasStatus::notInitialized);
  EXPECT_EQ(refusal(),
            "cublasCreate failed with CUBLAS_STATUS_NOT_INITIALIZED (1): the "
            "library may be newer than the NVIDIA driver: install another, or "
            "name one with QUIPU_CUBLAS" +
                std::string(without));
  fail("cublasCreate", CublasStatus::allocFailed);
  EXPECT_THAT(refusal(), HasSubstr("CUBLAS_STATUS_ALLOC_FAILED (3): GPU "
                                   "memory is short"));
  fail("cublasSetStream", CublasStatus::mappingError);
  EXPECT_EQ(refusal(),
            "cublasSetStream failed with CUBLAS_STATUS_MAPPING_ERROR (11)" +
                std::string(without));
  fail("cublasGemmEx", CublasStatus::notSupported);
  EXPECT_THAT(refusal(),
              StartsWith("cublasGemmEx failed with "
                         "CUBLAS_STATUS_NOT_SUPPORTED (15): this cuBLAS is too "
                         "old for the GPU"));
}

} // namespace
} // namespace quipu
