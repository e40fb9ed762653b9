//===- SampleKernelRun.cpp - The sampling kernel, in the emulator ---------===//
//
// Each array is a buffer of the emulator's that lies where the host has it.
//
//===----------------------------------------------------------------------===//

#include "test/runtime/SampleKernelRun.h"

#include "runtime/devices/cuda/SampleLayout.h"
#include "runtime/devices/cuda/SampleStep.h"
#include "runtime/devices/emulator/Emulator.h"
#include "runtime/package/KernelAbi.h"

namespace quipu::test {

std::vector<std::string> runSampleKernel(std::span<const uint64_t> parameters,
                                         int64_t rows) {
  auto loaded = emulator::Emulator::load(cuda::samplePtx, "sample.ptx");
  if (!loaded)
    return {loaded.error().message};
  emulator::Emulator &gpu = **loaded;
  auto vocabulary = int64_t(parameters[7]), length = int64_t(parameters[8]);
  struct Array {
    const char *name;
    int64_t bytes;
    bool writable, defined;
  };
  const Array arrays[] = {
      {"logits", rows * vocabulary * 4, true, true},
      {"dims", sizeof(KernelDims), false, true},
      {"settings", sizeof(cuda::SampleSettings), false, true},
      {"states", rows * int64_t(sizeof(cuda::SampleState)), true, true},
      {"history", rows * length * 4, true, true},
      {"scratch", rows * length * 4, true, false},
      {"tokens", rows * 4, true, false}};
  std::vector<uint64_t> addresses(parameters.begin(), parameters.end());
  for (size_t i = 0; i < std::size(arrays); ++i) {
    auto made = gpu.addBuffer({arrays[i].name, uint64_t(arrays[i].bytes),
                               arrays[i].writable, arrays[i].defined,
                               reinterpret_cast<std::byte *>(parameters[i])});
    if (!made)
      return {made.error().message};
    addresses[i] = *made;
  }
  emulator::LaunchShape shape;
  shape.grid.x = uint32_t(rows);
  shape.block.x = cuda::sampleThreads;
  auto report = gpu.launch("quipu_sample", shape,
                           std::as_bytes(std::span<const uint64_t>(addresses)));
  if (!report)
    return {report.error().message};
  std::vector<std::string> found;
  for (const emulator::Report &finding : report->reports)
    found.push_back(finding.message);
  return found;
}

} // namespace quipu::test
