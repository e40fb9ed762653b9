//===- GpuAttention.cpp - Attention in the emulator, for tests ------------===//

#include "test/kernels/nvptx/GpuAttention.h"

#include "test/kernels/nvptx/GpuMachine.h"

#include "mlir/Parser/Parser.h"

using namespace quipu;
using namespace quipu::test;

/// `skeleton` on `batch`.
static AttentionRun run(const AttentionCase &batch, const std::string &skeleton,
                        const std::string &schedule, const KernelDims &dims,
                        std::vector<WorkItem> items = {}) {
  const AttentionShape &shape = batch.shape;
  GpuMachine machine;
  auto context = createKernelContext(machine);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(
      attentionModule(shape, skeleton, schedule), context.get());
  std::vector<LaunchBuffer> buffers;
  auto add = [&](void *data, int64_t bytes, bool writable) {
    buffers.push_back({static_cast<std::byte *>(data), bytes, writable});
  };
  for (const GuardedBuffer *buffer : batch.buffers())
    add(buffer->data(), int64_t(buffer->size()), false);
  if (!items.empty())
    add(items.data(), int64_t(items.size() * sizeof(WorkItem)), false);
  int64_t heads = batch.tokens * shape.queryHeads();
  GuardedBuffer result(heads * shape.headDim * 4);
  GuardedBuffer partials(heads * dims.splits * (shape.headDim + 2) * 4);
  add(result.data(), int64_t(result.size()), true);
  bool decodes = skeleton == "decode";
  if (decodes)
    add(partials.data(), int64_t(partials.size()), true);
  auto function = scheduledKernel(*module, machine, batch.tokens);
  int64_t tiles =
      (decodes ? batch.tokens * dims.splits : dims.work) * shape.kvHeads;
  machine.run(function, buffers, dims, tiles, 3);
  return {batch.errorOf(result.as<float>()), machine.counters()};
}

AttentionRun test::decodeOnGpu(const AttentionCase &batch, int64_t splits,
                               int64_t splitLength,
                               const std::string &schedule) {
  KernelDims dims = batch.dims();
  dims.splits = splits;
  dims.splitLength = splitLength;
  return run(batch, "decode", schedule, dims);
}

AttentionRun test::prefillOnGpu(const AttentionCase &batch, int64_t tokenTile,
                                const std::string &schedule) {
  std::vector<WorkItem> items = batch.workList(tokenTile);
  KernelDims dims = batch.dims();
  dims.work = int64_t(items.size());
  return run(batch, "prefill", schedule, dims, items);
}
