//===- GpuMachine.cpp - Kernels in the emulator, for tests ----------------===//
//
// Each launch buffer becomes one of the emulator's, of exactly its size, so
// that a kernel which leaves it is found out.
//
//===----------------------------------------------------------------------===//

#include "test/kernels/nvptx/GpuMachine.h"

#include "compiler/nvptx/GeneratePtx.h"
#include "dialects/kernel/Tiling.h"
#include "kernels/nvptx/Emitter.h"
#include "kernels/schedules/GpuSchedules.h"
#include "runtime/devices/emulator/Emulator.h"

#include "mlir/IR/Verifier.h"
#include "gtest/gtest.h"

#include <cstring>

using namespace mlir;
using namespace quipu;
using namespace quipu::test;

[[noreturn]] static void fail(const llvm::Twine &message) {
  llvm::errs() << message << "\n";
  abort();
}

void GpuMachine::registerDialects(DialectRegistry &registry) const {
  registerGpuBackend(registry);
}

void GpuMachine::schedule(Operation *skeleton, int64_t maxTokens) const {
  if (!kernel::getSchedule(skeleton))
    kernel::setSchedule(
        skeleton, chooseGpuSchedule(skeleton, maxTokens, leastLimits(&target)));
}

std::string test::compileToPtx(func::FuncOp function, const GpuTarget &target,
                               llvm::SmallVectorImpl<int64_t> &sharedBytes) {
  OwningOpRef<ModuleOp> emitted = ModuleOp::create(function.getLoc());
  if (failed(emitGpuKernel(function, target, *emitted)))
    fail("cannot emit " + function.getName());
  if (failed(verify(*emitted))) {
    emitted->dump();
    fail("emitted code of " + function.getName() + " is invalid");
  }
  std::string name = function.getName().str(),
              merge = name + kernel::mergeSuffix.str();
  llvm::SmallVector<llvm::StringRef> entries = {name};
  if (kernel::hasMerge(skeletonOf(function)))
    entries.push_back(merge);
  auto code = generatePtx(*emitted, target, entries);
  if (!code)
    fail(llvm::toString(code.takeError()));
  sharedBytes.assign(code->sharedBytes.begin(), code->sharedBytes.end());
  return code->ptx;
}

namespace {
/// Addresses of a launch's buffers in the emulator.
struct Launch {
  std::unique_ptr<emulator::Emulator> device;
  std::vector<uint64_t> parameters; // the buffers', then the dims'
  int64_t threads;

  void add(const emulator::BufferSpec &spec);
  emulator::Counters run(const std::string &entry, int64_t blocks,
                         int64_t sharedBytes);
};
} // namespace

void Launch::add(const emulator::BufferSpec &spec) {
  Result<uint64_t> address = device->addBuffer(spec);
  if (!address)
    fail(address.error().message);
  parameters.push_back(*address);
}

emulator::Counters Launch::run(const std::string &entry, int64_t blocks,
                               int64_t sharedBytes) {
  emulator::LaunchShape shape;
  shape.grid.x = uint32_t(blocks);
  shape.block.x = uint32_t(threads);
  shape.dynamicSharedBytes = uint32_t(sharedBytes);
  auto report =
      device->launch(entry, shape, std::as_bytes(std::span(parameters)));
  if (!report)
    fail(entry + ": " + report.error().message);
  for (const emulator::Report &each : report->reports)
    ADD_FAILURE() << each.message;
  return report->counters;
}

void GpuMachine::run(func::FuncOp function, ArrayRef<LaunchBuffer> buffers,
                     const KernelDims &dims, int64_t tiles, int calls) const {
  llvm::SmallVector<int64_t> sharedBytes;
  std::string ptx = compileToPtx(function, target, sharedBytes);
  // Warps take turns in order, or at random where several blocks share tiles.
  emulator::Options options;
  options.seed = uint64_t(calls - 1);
  auto device = emulator::Emulator::load(ptx, "kernel.ptx", options);
  if (!device)
    fail(device.error().message + "\n" + ptx);
  Launch launch{std::move(*device), {}, 0};
  launch.threads = kernel::getSchedule(skeletonOf(function)).getThreads();
  for (auto [i, buffer] : llvm::enumerate(buffers)) {
    emulator::BufferSpec spec;
    spec.name = "buffer " + std::to_string(i);
    spec.bytes = uint64_t(buffer.bytes);
    spec.writable = buffer.writable;
    spec.defined = !buffer.writable;
    spec.memory = buffer.data;
    if (!buffer.writable)
      spec.role = buffer.isWeight ? emulator::BufferRole::weights
                                  : emulator::BufferRole::constants;
    launch.add(spec);
  }
  KernelDims held = dims;
  emulator::BufferSpec spec;
  spec.name = "dims";
  spec.bytes = sizeof(KernelDims);
  spec.writable = false;
  spec.defined = true;
  spec.memory = reinterpret_cast<std::byte *>(&held);
  spec.role = emulator::BufferRole::constants;
  launch.add(spec);
  std::string name = function.getName().str();
  counted = {launch.run(name, std::min<int64_t>(tiles, calls), sharedBytes[0])};
  if (sharedBytes.size() > 1)
    counted.push_back(launch.run(name + kernel::mergeSuffix.str(), dims.tokens,
                                 sharedBytes[1]));
}
