//===- InputBlock.cpp - A step's inputs in device memory ------------------===//
//
// A decode step of one token is 2 KiB and its pages.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cuda/InputBlock.h"

#include <cassert>
#include <cstring>

namespace quipu::cuda {
namespace {

using plan::Input;

constexpr int64_t alignment = 256;

int64_t aligned(int64_t bytes) {
  return (bytes + alignment - 1) / alignment * alignment;
}

template <typename T> void put(std::byte *target, std::span<const T> source) {
  if (!source.empty())
    std::memcpy(target, source.data(), source.size_bytes());
}

} // namespace

InputBlock InputBlock::of(const plan::Bucket &bucket,
                          const DeviceLimits &limits) {
  InputBlock block;
  block.bytes = aligned(sizeof(KernelDims));
  auto place = [&](Input input, int64_t bytes) {
    block.offsets[static_cast<int>(input)] = block.bytes;
    block.bytes += aligned(bytes);
  };
  for (Input input :
       {Input::tokens, Input::positions, Input::slots, Input::sequences})
    place(input, bucket.maxTokens * 4);
  place(Input::rows, bucket.maxRows * 4);
  // An item has a token at least.
  place(Input::work, bucket.queryTile > 0
                         ? bucket.maxTokens * int64_t(sizeof(WorkItem))
                         : 0);
  place(Input::pages, limits.sequences * limits.pagesPerSequence * 4);
  return block;
}

int64_t InputBlock::fill(std::byte *block, const KernelDims &dims,
                         const StepInputs &inputs) const {
  std::memcpy(block, &dims, sizeof dims);
  put(block + at(Input::tokens), inputs.tokens);
  put(block + at(Input::positions), inputs.positions);
  put(block + at(Input::slots), inputs.slots);
  put(block + at(Input::sequences), inputs.sequences);
  put(block + at(Input::rows), inputs.rows);
  if (at(Input::work) != at(Input::pages))
    put(block + at(Input::work), inputs.work);
  put(block + at(Input::pages), inputs.pages);
  auto used =
      at(Input::pages) + static_cast<int64_t>(inputs.pages.size_bytes());
  assert(used <= bytes);
  return used;
}

} // namespace quipu::cuda
