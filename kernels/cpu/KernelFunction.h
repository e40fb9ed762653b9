//===- KernelFunction.h - The function that a CPU kernel is -----*- C++ -*-===//
//
// Makes a function of the kernel ABI (runtime/package/KernelAbi.h) and gives
// emitters its operands, its scratch memory and what CPUs do with vectors.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_CPU_KERNELFUNCTION_H
#define QUIPU_KERNELS_CPU_KERNELFUNCTION_H

#include "dialects/kernel/Dialect.h"
#include "kernels/code/CodeBuilder.h"
#include "kernels/code/LaunchSlots.h"
#include "kernels/cpu/CpuVariant.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace quipu::cpu {

/// Fields of KernelDims, in order.
enum class Dim { tokens, rows, work, pagesPerSequence, splits, splitLength };

/// A function of the kernel ABI while it is being filled. Code goes to `b`,
/// which starts in the function's entry block.
///
///   KernelFunction f(kernel, "", variant, module);
///   mlir::Value x = f.pointer(op.getQuery());
///   mlir::Value buffer = f.scratch(4096);
///   f.loop(f.begin(), f.end(), 1, [&](mlir::Value tile) { ... });
///   f.finish();
class KernelFunction : public CodeBuilder {
public:
  /// Appends @<kernel><suffix> to `module`; `kernel` holds one skeleton.
  KernelFunction(mlir::func::FuncOp kernel, llvm::StringRef suffix,
                 const CpuVariant &variant, mlir::ModuleOp module);

  /// Ends the function and notes how much scratch it needs.
  void finish();

  const CpuVariant &variant;

  //===--- Operands of the launch ---===//

  /// First tile of this call and the one after its last.
  Value begin() { return function.getArgument(3); }
  Value end() { return function.getArgument(4); }
  /// A run-time size, loaded at the function's entry.
  Value dim(Dim field);
  /// Base address of an argument of the kernel function; of the keys for a KV
  /// cache, whose values have their own.
  Value pointer(Value kernelArgument);
  Value valuesPointer(Value kv);
  /// The attention_prefill work list (WorkItem array).
  Value workPointer();
  /// Base address of the skeleton's result `index`, which is not a KV cache.
  Value resultPointer(unsigned index);
  /// The partial results of a kernel with a merge.
  Value partialsPointer();
  /// `bytes` of this thread's scratch memory, 64-byte aligned, for the whole
  /// call. Every request gets its own range.
  Value scratch(int64_t bytes);

  //===--- Loads and stores ---===//

  Value toBf16(Value value) override; // vcvtneps2bf16 where there is one
  /// Fetches the cache line at `pointer` for reading.
  void prefetch(Value pointer);

  //===--- Vectors ---===//

  /// Sums of `vectors` (a power of two, at most their lanes, all of one
  /// type): lane i of the result is the sum of vector i, added up in an order
  /// that does not depend on how many vectors there are.
  Value sums(llvm::ArrayRef<Value> vectors);
  /// The columns of the square matrix whose rows are `rows`, 8 or 16 vectors
  /// of as many lanes.
  llvm::SmallVector<Value> transpose(llvm::ArrayRef<Value> rows);

private:
  Value slot(int64_t index);

  LaunchSlots launchSlots;
  mlir::func::FuncOp function;
  /// Dims, base addresses and scratch addresses are made before this op.
  mlir::Operation *entry;
  llvm::SmallDenseMap<int64_t, Value> slots;
  llvm::SmallDenseMap<int64_t, Value> dims;
  int64_t scratchBytes = 0;
};

} // namespace quipu::cpu

#endif // QUIPU_KERNELS_CPU_KERNELFUNCTION_H
