//===- SampleKernelRun.h - The sampling kernel, in the emulator -*- C++ -*-===//
//
// Runs the PTX that the CUDA device launches, on host memory, with all of the
// emulator's checks.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TEST_RUNTIME_SAMPLEKERNELRUN_H
#define QUIPU_TEST_RUNTIME_SAMPLEKERNELRUN_H

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace quipu::test {

/// One launch of `rows` blocks, with the parameters of SampleLayout.h being
/// host addresses. What was found wrong; empty: nothing.
std::vector<std::string> runSampleKernel(std::span<const uint64_t> parameters,
                                         int64_t rows = 1);

} // namespace quipu::test

#endif // QUIPU_TEST_RUNTIME_SAMPLEKERNELRUN_H
