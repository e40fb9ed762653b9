//===- RoundKernelTest.cpp - The PTX that rounds activations --------------===//
//
// Runs the PTX itself in the emulator, with all of its checks, against the
// rounding that the rest of Quipu uses.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cuda/RoundKernel.h"

#include "base/Dequantize.h"
#include "runtime/devices/emulator/Emulator.h"

#include <bit>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <random>
#include <vector>

namespace quipu {
namespace {

uint16_t rounded(float value, ElementType type) {
  return type == ElementType::f16 ? floatToHalf(value) : floatToBfloat16(value);
}

/// What the kernel makes of `values`, in a grid of `blocks`.
std::vector<uint16_t> run(std::vector<float> values, ElementType type,
                          uint32_t blocks) {
  auto loaded = emulator::Emulator::load(cuda::roundKernelPtx(), "round.ptx");
  if (!loaded) {
    ADD_FAILURE() << loaded.error().message;
    return {};
  }
  emulator::Emulator &gpu = **loaded;
  std::vector<uint16_t> result(values.size());
  auto bytes = [](auto &elements) {
    return reinterpret_cast<std::byte *>(elements.data());
  };
  uint64_t parameters[] = {
      *gpu.addBuffer({"in", values.size() * 4, /*writable=*/false,
                      /*defined=*/true, bytes(values)}),
      *gpu.addBuffer({"out", result.size() * 2, /*writable=*/true,
                      /*defined=*/false, bytes(result)}),
      values.size()};
  emulator::LaunchShape shape;
  shape.grid.x = blocks;
  shape.block.x = cuda::roundKernelThreads;
  auto report = gpu.launch(cuda::roundKernelName(type), shape,
                           std::as_bytes(std::span(parameters)));
  if (!report) {
    ADD_FAILURE() << report.error().message;
    return {};
  }
  for (const emulator::Report &found : report->reports)
    ADD_FAILURE() << found.message;
  return result;
}

class RoundKernel : public testing::TestWithParam<ElementType> {
protected:
  void expectRounded(const std::vector<float> &values, uint32_t blocks) {
    std::vector<uint16_t> found = run(values, GetParam(), blocks);
    ASSERT_EQ(found.size(), values.size());
    for (size_t i = 0; i < values.size(); ++i)
      EXPECT_EQ(found[i], rounded(values[i], GetParam()))
          << values[i] << " at " << i << " of " << values.size();
  }
};

TEST_P(RoundKernel, takesAnyCount) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  // Fewer than a thread takes, no multiple of it, and several rounds.
  for (size_t count : {1, 3, 4, 7, 1023, 1024, 1025, 5003}) {
    std::vector<float> values(count);
    for (float &value : values)
      value = normal(random);
    expectRounded(values, count > 2000 ? 2 : 1);
  }
}

TEST_P(RoundKernel, roundsTiesToEven) {
  // Halfway between neighbours of both types, from both sides, and beyond.
  std::vector<float> values = {0.0f, -0.0f, 65504.0f, 1e-8f, 6e-8f, 1e-40f};
  for (float step : {0x1p-11f, 0x1p-8f})
    for (int i = 0; i < 8; ++i)
      for (float nudge : {-0x1p-23f, 0.0f, 0x1p-23f})
        values.push_back(1.0f + float(i) * step + nudge);
  values.push_back(std::numeric_limits<float>::infinity());
  values.push_back(-1e30f);
  expectRounded(values, 1);
}

INSTANTIATE_TEST_SUITE_P(Types, RoundKernel,
                         testing::Values(ElementType::f16, ElementType::bf16),
                         [](const auto &info) {
                           return std::string(name(info.param));
                         });

} // namespace
} // namespace quipu
