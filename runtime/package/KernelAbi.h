//===- KernelAbi.h - How the runtime calls a CPU kernel ---------*- C++ -*-===//
//
// The binary interface between a flat CPU code image and the runtime. The
// compiler emits code against it; changing it means a new abiVersion.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_PACKAGE_KERNELABI_H
#define QUIPU_RUNTIME_PACKAGE_KERNELABI_H

#include <cstdint>

namespace quipu {

/// Version of everything a package relies on: this file, Plan.h, the file
/// format. Independent of the compiler's version.
inline constexpr int64_t abiVersion = 3;

/// The run-time sizes of one step, read by kernels. All fields are i64, in this
/// order.
struct KernelDims {
  int64_t tokens;           // T: tokens in this step, <= the bucket's maxTokens
  int64_t rows;             // R: rows of logits asked for
  int64_t work;             // W: items in the attention work list
  int64_t pagesPerSequence; // row length of the page table
  int64_t splits;           // KV ranges that attention_decode is split into
  int64_t splitLength;      // tokens of context in each split but the last
};

/// One item of the prefill-attention work list: `count` consecutive tokens of
/// one sequence, `first` being an index into the step's tokens.
struct WorkItem {
  int32_t first;
  int32_t count;
  int32_t sequence; // row of the page table
  int32_t kvLength; // context the last of these tokens sees, itself included
};

/// A kernel runs tiles [begin, end) of a launch on one thread. `arguments` are
/// buffer base addresses in the order of the launch; a KV cache takes two
/// (keys, values). `scratch` is this thread's own, 64-byte aligned, with at
/// least the launch's scratchBytes. begin < end: a launch without tiles is not
/// called. R may be 0 (all but the last step of a long prompt), so a grid that
/// does not count rows must bear it. Subnormals are flushed (FTZ and DAZ).
using KernelFunction = void (*)(void *const *arguments, const KernelDims *dims,
                                void *scratch, int64_t begin, int64_t end);

/// A flat image begins with this table: `count` byte offsets from the start of
/// the image to kernel entries, by kernel index; 0 where the image lacks one.
struct ImageHeader {
  uint64_t magic; // imageMagic
  uint64_t count;
  // uint64_t offsets[count];
};
inline constexpr uint64_t imageMagic = 0x31474d4955504951; // "QIPUIMG1"

// On a GPU a kernel is an entry of the target's PTX, called as the plan's
// kernel. Its parameters are 64-bit addresses in global memory: one for each
// pointer of the launch, in order, then that of the step's KernelDims. A block
// has Kernel::threads threads and scratchBytes of dynamic shared memory. The
// grid has one dimension and any number of blocks: block b runs tiles b,
// b + blocks, ... of as many as there are for these dims, so that one launch
// can be replayed for every step of its bucket. Buffers start at multiples of
// 256 bytes.

} // namespace quipu

#endif // QUIPU_RUNTIME_PACKAGE_KERNELABI_H
