//===- LibraryProducts.cpp - Launches that cuBLAS takes over --------------===//
//
// A product is one kernel of our own, where activations have to be rounded, and
// one call of cuBLAS.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cuda/LibraryProducts.h"

#include "runtime/devices/cuda/RoundKernel.h"

#include <algorithm>

namespace quipu::cuda {

std::optional<int64_t> roundedBytes(const plan::Plan &plan) {
  std::optional<int64_t> most;
  for (const plan::Bucket &bucket : plan.buckets) {
    if (bucket.device != plan::DeviceKind::gpu)
      continue;
    for (const plan::Launch &launch : bucket.launches) {
      if (!launch.product)
        continue;
      const plan::Argument &weights = launch.arguments[launch.product->weights];
      const plan::Parameter &parameter = plan.parameters[weights.index];
      int64_t m = launch.product->extent == plan::Grid::Symbol::rows
                      ? bucket.maxRows
                      : bucket.maxTokens;
      bool rounds = parameter.type != ElementType::f32;
      most = std::max(most.value_or(0), rounds ? m * parameter.columns * 2 : 0);
    }
  }
  return most;
}

Result<LibraryProducts> LibraryProducts::create(const OpenGpu &gpu,
                                                StreamHandle stream,
                                                int64_t bytes) {
  auto cublas = Cublas::open(*gpu.driver, stream);
  if (!cublas)
    return cublas.error();
  auto code = GpuCode::load(gpu, "rounding activations", roundKernelPtx());
  if (!code)
    return code.error();
  LibraryProducts products(std::move(*cublas), std::move(*code));
  for (auto [type, kernel] :
       {std::pair(ElementType::f16, &products.roundF16),
        std::pair(ElementType::bf16, &products.roundBf16)}) {
    auto found = products.code.kernel(gpu, roundKernelName(type),
                                      roundKernelParameters, roundKernelThreads,
                                      /*sharedBytes=*/0);
    if (!found)
      return found.error();
    *kernel = *found;
  }
  auto memory =
      DeviceMemory::allocate(*gpu.driver, bytes, "rounded activations");
  if (!memory)
    return memory.error();
  products.rounded = std::move(*memory);
  return products;
}

Result<void> LibraryProducts::round(const Driver &driver, StreamHandle stream,
                                    const Gemm &gemm) const {
  const GpuKernel &kernel =
      gemm.type == ElementType::f16 ? roundF16 : roundBf16;
  int64_t count = gemm.m * gemm.k;
  int64_t each = roundKernelThreads * roundKernelStep;
  int64_t blocks = std::min((count + each - 1) / each, kernel.blocks);
  uint64_t arguments[roundKernelParameters] = {gemm.x, rounded.get(),
                                               static_cast<uint64_t>(count)};
  return launch(driver, stream, kernel, blocks, arguments);
}

Result<void> LibraryProducts::queue(const Driver &driver, StreamHandle stream,
                                    Gemm gemm, bool sameInput) const {
  if (gemm.m == 0) // a step that asks for no rows
    return {};
  if (gemm.type != ElementType::f32) {
    if (!sameInput)
      if (Result<void> done = round(driver, stream, gemm); !done)
        return done;
    gemm.x = rounded.get();
  }
  return cublas.multiply(gemm);
}

} // namespace quipu::cuda
