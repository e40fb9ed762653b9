//===- MemoryPlan.cpp - How much memory a model takes ---------------------===//
//
// The same sums that WeightStore and the devices allocate by, but of a CPU's
// arena, which is as large as what steps touch of it.
//
//===----------------------------------------------------------------------===//

#include "runtime/generation/MemoryPlan.h"

#include "runtime/package/KernelAbi.h"
#include "runtime/weights/WeightStore.h"

#include <algorithm>
#include <vector>

namespace quipu {
namespace {

int64_t roundUp(int64_t bytes, int64_t multiple) {
  return (bytes + multiple - 1) / multiple * multiple;
}

/// Stands for whatever is larger, more than any machine has: what a package or
/// a user asks for need not be within reason, and sums must not overflow.
constexpr int64_t unreasonable = INT64_MAX / 16;

int64_t times(int64_t factor, int64_t bytes) {
  int64_t product;
  return __builtin_mul_overflow(factor, bytes, &product)
             ? unreasonable
             : std::min(product, unreasonable);
}

int64_t scratchBytes(const plan::Plan &plan, int64_t target) {
  int64_t most = 0;
  for (const plan::Kernel &kernel : plan.kernels)
    if (target < int64_t(kernel.scratchBytes.size()))
      most = std::max(most, kernel.scratchBytes[target]);
  return roundUp(most, 4096);
}

/// Bytes of the arena that steps of at most `tokens` tokens, with logits of at
/// most `rows` rows, touch. A GPU takes all of it; of a CPU's, pages come as
/// they are used.
int64_t touchedArena(const plan::Plan &plan, plan::DeviceKind kind,
                     int64_t tokens, int64_t rows) {
  std::vector<std::pair<int64_t, int64_t>> parts; // begin, end
  for (const plan::Bucket &bucket : plan.buckets) {
    if (bucket.device != kind)
      continue;
    if (kind != plan::DeviceKind::cpu || bucket.buffers.empty())
      parts.push_back({0, bucket.arenaBytes});
    else
      for (const plan::Buffer &buffer : bucket.buffers)
        parts.push_back(
            {buffer.offset,
             buffer.offset + usedBytes(buffer,
                                       std::min(tokens, bucket.maxTokens),
                                       std::min(rows, bucket.maxRows))});
  }
  std::ranges::sort(parts);
  int64_t touched = 0, end = 0;
  for (auto [begin, partEnd] : parts) {
    touched += std::max<int64_t>(0, partEnd - std::max(begin, end));
    end = std::max(end, partEnd);
  }
  return touched;
}

} // namespace

MemoryPlan planMemory(const Package &package, int64_t target, int threads,
                      int64_t context, int64_t sequences) {
  const plan::Plan &plan = package.plan;
  MemoryPlan memory;
  memory.context = context;
  memory.sequences = sequences;
  for (const plan::Parameter &parameter : plan.parameters) {
    bool stored = parameter.recipe.kind == plan::Recipe::Kind::identity;
    int64_t &sum = stored ? memory.weights : memory.tables;
    sum = std::min(unreasonable, sum + parameterBytes(parameter, context));
  }
  memory.kvPerToken = 2 * plan.kv.layers * plan.kv.kvHeads *
                      rowBytes(plan.kv.type, plan.kv.headDim);
  memory.kv = times(
      sequences, times(roundUp(context, plan.kv.pageSize), memory.kvPerToken));
  int64_t maxTokens = 0, maxRows = 0;
  auto kind = target < int64_t(package.targets.size())
                  ? package.targets[target].kind()
                  : plan::DeviceKind::cpu;
  for (const plan::Bucket &bucket : plan.buckets) {
    if (bucket.device != kind)
      continue;
    maxTokens = std::max(maxTokens, bucket.maxTokens);
    maxRows = std::max(maxRows, bucket.maxRows);
  }
  memory.arena = touchedArena(plan, kind, times(sequences, context), sequences);
  memory.scratch = times(threads, scratchBytes(plan, target));
  int64_t pages = (context + plan.kv.pageSize - 1) / plan.kv.pageSize;
  memory.inputs = 4 * (4 * maxTokens + maxRows) + times(sequences, 4 * pages) +
                  maxTokens * int64_t(sizeof(WorkItem));
  if (target < int64_t(package.targets.size()))
    memory.code = static_cast<int64_t>(package.targets[target].code.size());
  return memory;
}

int64_t largestContext(const Package &package, int64_t target, int threads,
                       int64_t sequences, int64_t available) {
  auto fits = [&](int64_t context) {
    MemoryPlan memory =
        planMemory(package, target, threads, context, sequences);
    return memory.anonymous() <= available &&
           memory.weights <= available - memory.anonymous();
  };
  int64_t pageSize = package.plan.kv.pageSize;
  int64_t low = 0, high = package.plan.maxContext;
  if (fits(high))
    return high;
  while (high - low > pageSize) { // low fits or is 0, high does not
    int64_t middle = low + (high - low) / 2;
    (fits(middle) ? low : high) = middle;
  }
  return low / pageSize * pageSize;
}

int64_t defaultContext(const Package &package, int64_t target, int threads,
                       int64_t sequences, int64_t available) {
  int64_t context =
      largestContext(package, target, threads, sequences, available);
  return std::clamp<int64_t>(
      context, std::min(package.plan.kv.pageSize, package.plan.maxContext),
      package.plan.maxContext);
}

} // namespace quipu
