//===- KernelFunction.h - The function that a GPU kernel is -----*- C++ -*-===//
//
// Makes an entry of the GPU kernel ABI (runtime/package/KernelAbi.h) and gives
// emitters its operands, its shared memory, and what threads do together.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_NVPTX_KERNELFUNCTION_H
#define QUIPU_KERNELS_NVPTX_KERNELFUNCTION_H

#include "dialects/kernel/Dialect.h"
#include "kernels/code/CodeBuilder.h"
#include "kernels/code/LaunchSlots.h"
#include "kernels/nvptx/GpuTarget.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace quipu::gpu {

/// Fields of KernelDims, in order.
enum class Dim { tokens, rows, work, pagesPerSequence, splits, splitLength };

constexpr int64_t warpThreads = 32;

/// An entry of the GPU kernel ABI while it is being filled. Code goes to `b`,
/// which starts in the function's entry block, and is run by every thread.
/// Indices are i32; pointers are !llvm.ptr<1> (global) or !llvm.ptr<3>
/// (shared).
///
///   KernelFunction f(kernel, "", threads, target, module);
///   mlir::Value x = f.pointer(op.getQuery());
///   f.forTiles(tiles, [&](mlir::Value tile) { ... });
///   f.finish();
class KernelFunction : public CodeBuilder {
public:
  /// Appends @<kernel><suffix> to `module`, to be run by blocks of `threads`.
  KernelFunction(mlir::func::FuncOp kernel, llvm::StringRef suffix,
                 int64_t threads, const GpuTarget &target,
                 mlir::ModuleOp module);

  /// Asks for `count` blocks to fit a multiprocessor at once: the assembler
  /// then gives a thread what registers that leaves, and no fewer.
  void askForBlocks(int64_t count);
  /// Ends the function and notes how much shared memory a block needs.
  void finish();

  const int64_t threads; // of a block
  const GpuTarget &target;

  //===--- Operands of the launch ---===//

  /// A run-time size as i32, loaded at the function's entry.
  Value dim(Dim field);
  /// Base address of an argument of the kernel function; of the keys for a KV
  /// cache, whose values have their own.
  Value pointer(Value kernelArgument);
  Value valuesPointer(Value kv);
  Value workPointer();
  /// Base address of the skeleton's result `index`, which is not a KV cache.
  Value resultPointer(unsigned index);
  Value partialsPointer();

  //===--- Threads ---===//

  Value thread(); // in its block
  Value warp();   // in its block
  /// In its warp; of `lanes` neighbouring threads of a warp (a power of two),
  /// which of these it is, and which group of a block they are.
  Value lane(int64_t lanes = warpThreads);
  Value group(int64_t lanes);
  int64_t warps() const { return threads / warpThreads; }

  /// Runs `body` for every tile below `tiles` that falls to this block: block
  /// b takes b, b + blocks, ... All threads of a block run the same tiles.
  void forTiles(Value tiles, llvm::function_ref<void(Value tile)> body);
  /// Waits for all threads of the block; makes their writes to shared memory
  /// visible.
  void barrier();
  /// Waits for the lanes of the warp.
  void warpBarrier();
  /// `value` (f32 or i32) of the lane whose number differs by `mask`'s bits.
  Value exchange(Value value, int64_t mask);
  /// The sum (f32) over groups of `lanes` neighbouring lanes (a power of two),
  /// in every one of them; the same order of additions on every lane.
  Value sumOverLanes(Value value, int64_t lanes = warpThreads);
  Value largestOverLanes(Value value, int64_t lanes = warpThreads);
  /// values[index] for an i32 that differs between lanes; where it is none of
  /// them, the first.
  Value pick(mlir::ValueRange values, Value index);
  /// The sum over the block, in every thread. Uses shared memory and barriers:
  /// all threads call it.
  Value sumOverBlock(Value value);

  //===--- Memory ---===//

  /// Address of `bytes` of the block's shared memory, 16-byte aligned, for the
  /// whole kernel. Every request gets its own range.
  Value shared(int64_t bytes);
  /// The i32 at `index` of an array.
  Value loadI32(Value array, Value index);
  Value toBf16(Value value) override; // cvt.rn.bf16

  //===--- Numbers ---===//

  /// 2^x (ex2.approx) and 1 / x (rcp.approx) of an f32: relative error below
  /// 2^-22; subnormal operands and results are flushed to 0.
  Value exp2(Value x);
  Value reciprocal(Value x);
  Value intrinsic(llvm::StringRef name, mlir::Type result,
                  mlir::ValueRange operands);

private:
  Value slot(int64_t index);

  LaunchSlots launchSlots;
  mlir::func::FuncOp function;
  /// Values of the whole kernel are made before this op.
  mlir::Operation *entry;
  llvm::SmallDenseMap<int64_t, Value> dims;
  Value threadIndex, laneIndex, warpIndex, sharedBase, blockSums;
  int64_t sharedBytes = 0;
};

} // namespace quipu::gpu

#endif // QUIPU_KERNELS_NVPTX_KERNELFUNCTION_H
