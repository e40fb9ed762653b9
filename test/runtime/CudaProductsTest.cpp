//===- CudaProductsTest.cpp - Launches that cuBLAS takes over -------------===//
//
// A small plan whose products have other extents, inputs and sizes, on the fake
// GPU: the fake cuBLAS checks what it is told, and the answer is that of the
// formula in double precision.
//
//===----------------------------------------------------------------------===//

#include "base/Dequantize.h"
#include "base/Quantize.h"
#include "runtime/devices/cuda/CudaDevice.h"
#include "runtime/devices/cuda/RoundKernel.h"
#include "test/runtime/FakeGpuModel.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <gmock/gmock.h>

namespace quipu {
namespace {

using plan::Argument;
using test::FakeCuda;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr int64_t width = 10, vocabulary = 7, maxTokens = 16, maxRows = 4;
// Arena: embeddings (T, width), hidden (T, width), unused (T, vocabulary),
// logits (R, vocabulary), all f32.
constexpr int64_t hiddenAt = 640, unusedAt = 1280, logitsAt = 1728,
                  arenaBytes = 1856;

Argument arena(int64_t offset) { return {Argument::Kind::arena, offset}; }

float weight(int64_t matrix, int64_t row, int64_t column) {
  return float((matrix * 5 + row * 3 + column * 7) % 11) / 8 - 0.6f;
}
float embedding(int32_t token, int64_t column) {
  return float(std::sin(1.7 * token + 0.3 * double(column)));
}

/// Both matrices as they are stored.
std::vector<std::vector<std::byte>> matrices(ElementType type) {
  std::vector<std::vector<std::byte>> stored;
  for (int64_t matrix = 0; matrix < 2; ++matrix) {
    int64_t rows = matrix == 0 ? width : vocabulary;
    std::vector<std::byte> &bytes = stored.emplace_back();
    for (int64_t row = 0; row < rows; ++row) {
      std::vector<float> values(width);
      for (int64_t i = 0; i < width; ++i)
        values[i] = weight(matrix, row, i);
      std::vector<std::byte> packed(rowBytes(type, width));
      quantizeRow(type, values, packed);
      bytes.insert(bytes.end(), packed.begin(), packed.end());
    }
  }
  return stored;
}

/// Embeddings of the tokens, a product with a matrix of width rows, another of
/// the same input, and logits of the first rows of the first.
std::shared_ptr<Package> productPackage(ElementType type) {
  using Symbol = plan::Grid::Symbol;
  auto package = std::make_shared<Package>();
  plan::Plan &plan = package->plan;
  plan.vocabSize = vocabulary;
  plan.maxContext = 64;
  plan.maxSplits = 1;
  plan.kv = {1, 1, 2, 16, ElementType::f32};
  for (const char *name : {"square", "head"})
    plan.parameters.push_back({name,
                               type,
                               std::string(name) == "head" ? vocabulary : width,
                               width,
                               {plan::Recipe::Kind::identity, name, {}, 1.0f}});
  plan.kernels = {
      {"embed", "rowwise", {0}, {"f32"}, plan::DeviceKind::gpu, 64},
      {"product", "matmul", {0}, {"f32"}, plan::DeviceKind::gpu, 64}};
  const Argument square = {Argument::Kind::parameter, 0},
                 head = {Argument::Kind::parameter, 1},
                 tokens = {Argument::Kind::input, int64_t(plan::Input::tokens)};
  plan::Bucket bucket = {
      "prefill", "logits", maxTokens, maxRows, arenaBytes,
      0,         {},       {},        {},      plan::DeviceKind::gpu};
  plan::Grid grid = {1, {{Symbol::tokens, 1}}};
  bucket.launches = {{0, {tokens, arena(0)}, grid, "embed", {}},
                     {1,
                      {arena(0), square, arena(hiddenAt)},
                      grid,
                      "first",
                      plan::Product{Symbol::tokens, 0, 1, 2}},
                     {1,
                      {arena(0), head, arena(unusedAt)},
                      grid,
                      "second",
                      plan::Product{Symbol::tokens, 0, 1, 2}},
                     {1,
                      {arena(hiddenAt), head, arena(logitsAt)},
                      grid,
                      "head",
                      plan::Product{Symbol::rows, 0, 1, 2}}};
  bucket.outputs = {{"logits", logitsAt, vocabulary}};
  plan.buckets = {bucket};
  EXPECT_TRUE(plan::check(plan)) << plan::check(plan).error().message;
  // One entry for all launches of a kernel: all have three arguments but one.
  auto ptx = std::make_shared<const std::string>(test::fakePtx(plan, "sm_80"));
  package->owners.push_back(ptx);
  package->targets.push_back(
      {"sm_80", {}, std::as_bytes(std::span<const char>(*ptx))});
  return package;
}

class CudaProducts : public test::FakeGpuTest {
protected:
  void SetUp() override {
    FakeGpuTest::SetUp();
    ::setenv("QUIPU_CUBLAS", QUIPU_FAKE_CUDA, 1);
    driver.run = [&](const test::FakeLaunch &launch) {
      return runKernel(launch);
    };
  }
  void TearDown() override {
    ::unsetenv("QUIPU_CUBLAS");
    FakeGpuTest::TearDown();
  }

  cuda::Status runKernel(const test::FakeLaunch &launch);
  Result<std::unique_ptr<CudaDevice>> device(ElementType type,
                                             CudaDeviceOptions options = {});
  /// Logits of the first `rows` of `tokens`.
  std::vector<float> logits(Device &device, std::vector<int32_t> tokens,
                            int64_t rows);
  void expectLogits(ElementType type, std::span<const int32_t> tokens,
                    std::span<const float> found);

  std::shared_ptr<Package> package;
  std::vector<std::vector<std::byte>> weights;
  int64_t roundings = 0;
};

cuda::Status CudaProducts::runKernel(const test::FakeLaunch &launch) {
  const std::vector<uint64_t> &at = launch.parameters;
  if (launch.kernel == "embed") {
    auto *tokens = reinterpret_cast<const int32_t *>(at[0]);
    auto *out = reinterpret_cast<float *>(at[1]);
    auto *dims = reinterpret_cast<const KernelDims *>(at[2]);
    for (int64_t i = 0; i < dims->tokens * width; ++i)
      out[i] = embedding(tokens[i / width], i % width);
    return cuda::Status::success;
  }
  bool half = launch.kernel == cuda::roundKernelName(ElementType::f16);
  if (!half && launch.kernel != cuda::roundKernelName(ElementType::bf16)) {
    ADD_FAILURE() << launch.kernel << " runs beside cuBLAS";
    return cuda::Status::launchFailed;
  }
  ++roundings;
  auto *in = reinterpret_cast<const float *>(at[0]);
  auto *out = reinterpret_cast<uint16_t *>(at[1]);
  EXPECT_GE(launch.blocks * launch.threads * cuda::roundKernelStep, at[2]);
  for (uint64_t i = 0; i < at[2]; ++i)
    out[i] = half ? floatToHalf(in[i]) : floatToBfloat16(in[i]);
  return cuda::Status::success;
}

Result<std::unique_ptr<CudaDevice>>
CudaProducts::device(ElementType type, CudaDeviceOptions options) {
  package = productPackage(type);
  weights = matrices(type);
  auto gpu = cuda::OpenGpu::open(0);
  if (!gpu)
    return gpu.error();
  return CudaDevice::create(*gpu, *package, {weights[0], weights[1]},
                            {64, 1, 4, 4}, options);
}

std::vector<float> CudaProducts::logits(Device &device,
                                        std::vector<int32_t> tokens,
                                        int64_t rows) {
  std::vector<int32_t> zeros(tokens.size()), pages(4);
  KernelDims dims = {int64_t(tokens.size()), rows, 0, 4, 1, 256};
  StepInputs step = {
      tokens, zeros, zeros, zeros, pages, std::span(zeros).first(rows), {}};
  Result<void> done = device.run(0, dims, step);
  if (!done) {
    ADD_FAILURE() << done.error().message;
    return {};
  }
  auto bytes = device.output(0, 0, rows);
  if (!bytes) {
    ADD_FAILURE() << bytes.error().message;
    return {};
  }
  std::vector<float> found(rows * vocabulary);
  if (!found.empty()) // of no rows there are no bytes to point at
    std::memcpy(found.data(), bytes->data(), bytes->size());
  return found;
}

/// Rounded as what cuBLAS multiplies is.
double rounded(double value, ElementType type) {
  float narrow = float(value);
  if (type == ElementType::f16)
    return halfToFloat(floatToHalf(narrow));
  return type == ElementType::bf16 ? bfloat16ToFloat(floatToBfloat16(narrow))
                                   : narrow;
}

void CudaProducts::expectLogits(ElementType type,
                                std::span<const int32_t> tokens,
                                std::span<const float> found) {
  for (size_t r = 0; r < found.size() / vocabulary; ++r) {
    double hidden[width] = {};
    for (int64_t row = 0; row < width; ++row)
      for (int64_t i = 0; i < width; ++i)
        hidden[row] += rounded(embedding(tokens[r], i), type) *
                       rounded(weight(0, row, i), type);
    for (int64_t n = 0; n < vocabulary; ++n) {
      double expected = 0;
      for (int64_t i = 0; i < width; ++i)
        expected += rounded(hidden[i], type) * rounded(weight(1, n, i), type);
      EXPECT_NEAR(found[r * vocabulary + n], expected, 1e-5)
          << name(type) << ", row " << r << ", column " << n;
    }
  }
}

TEST_F(CudaProducts, areThoseOfTheFormula) {
  for (ElementType type :
       {ElementType::f32, ElementType::f16, ElementType::bf16}) {
    driver.products.clear();
    roundings = 0;
    auto device = this->device(type);
    ASSERT_TRUE(device) << device.error().message;
    EXPECT_THAT((*device)->description(), HasSubstr(", with cuBLAS"));
    std::vector<int32_t> tokens = {3, 1, 4, 1, 5};
    expectLogits(type, tokens, logits(**device, tokens, 3));
    // M is what the step has; the second product needs no other rounding.
    using Product = FakeCuda::Product;
    EXPECT_THAT(driver.products, ElementsAre(Product{width, 5, width},
                                             Product{vocabulary, 5, width},
                                             Product{vocabulary, 3, width}));
    EXPECT_EQ(roundings, type == ElementType::f32 ? 0 : 2);
    std::vector<int32_t> more(maxTokens, 9);
    expectLogits(type, more, logits(**device, more, maxRows));
    EXPECT_EQ(logits(**device, {8}, 0).size(), 0u); // no rows: no third
    EXPECT_EQ(driver.products.size(), 3u + 3u + 2u);
  }
  EXPECT_EQ(driver.calls["cuGraphLaunch"], 0);
}

TEST_F(CudaProducts, areTimedAsLaunches) {
  auto device = this->device(ElementType::f16);
  ASSERT_TRUE(device) << device.error().message;
  (*device)->profile(true);
  logits(**device, {1, 2}, 1);
  auto times = (*device)->launchTimes();
  ASSERT_EQ(times.size(), 4u);
  EXPECT_EQ(times[1].calls, 1);
}

TEST_F(CudaProducts, failWithTheCallAndTheLaunch) {
  auto device = this->device(ElementType::bf16);
  ASSERT_TRUE(device) << device.error().message;
  driver.fail("cublasGemmEx", cuda::Status(13), 2);
  std::vector<int32_t> tokens = {1}, zeros = {0}, pages(4);
  auto done = (*device)->run(0, {1, 1, 0, 4, 1, 256},
                             {tokens, zeros, zeros, zeros, pages, zeros, {}});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message,
            "launch 'second' of bucket 'prefill', kernel 'product': "
            "cublasGemmEx failed with CUBLAS_STATUS_EXECUTION_FAILED (13); a "
            "model compiled with --gemm=generated needs no cuBLAS");
  expectLogits(ElementType::bf16, tokens, logits(**device, tokens, 1));
}

/// The library, and each allocation in turn, is not to be had.
TEST_F(CudaProducts, giveEverythingBackAfterAnError) {
  ::setenv("QUIPU_CUBLAS", "/nowhere/libcublas.so", 1);
  auto device = this->device(ElementType::f16);
  ASSERT_FALSE(device);
  EXPECT_THAT(device.error().message, StartsWith("no cuBLAS was found"));
  EXPECT_EQ(driver.unreturned, 0);
  ::setenv("QUIPU_CUBLAS", QUIPU_FAKE_CUDA, 1);
  for (int nth = 1; nth <= 5; ++nth) { // weights, rounded, KV, arena, inputs
    driver.fail("cuMemAlloc", cuda::Status::unknown, nth);
    EXPECT_FALSE(this->device(ElementType::f16)) << nth;
    EXPECT_EQ(driver.unreturned, 0) << nth;
  }
}

} // namespace
} // namespace quipu
