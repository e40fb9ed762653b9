//===- KernelFunction.h - The function that a CPU kernel is -----*- C++ -*-===//
//
// Makes a function of the kernel ABI (runtime/package/KernelAbi.h) and gives
// emitters its operands, its scratch memory, and the few loads, stores and
// loops that all of them need.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_CPU_KERNELFUNCTION_H
#define QUIPU_KERNELS_CPU_KERNELFUNCTION_H

#include "dialects/kernel/Dialect.h"
#include "kernels/cpu/CpuVariant.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"

namespace quipu::cpu {

/// Fields of KernelDims, in order.
enum class Dim { tokens, rows, work, pagesPerSequence, splits, splitLength };

/// A function of the kernel ABI while it is being filled. Code goes to `b`,
/// which starts in the function's entry block. All integers are i64, pointers
/// are !llvm.ptr, numbers are f32 or vector<n x f32>.
///
///   KernelFunction f(kernel, "", variant, module);
///   mlir::Value x = f.pointer(op.getQuery());
///   mlir::Value buffer = f.scratch(4096);
///   f.loop(f.begin(), f.end(), 1, [&](mlir::Value tile) { ... });
///   f.finish();
class KernelFunction {
public:
  using Value = mlir::Value;

  /// Appends @<kernel><suffix> to `module`; `kernel` holds one skeleton.
  KernelFunction(mlir::func::FuncOp kernel, llvm::StringRef suffix,
                 const CpuVariant &variant, mlir::ModuleOp module);

  /// Ends the function and notes how much scratch it needs.
  void finish();

  mlir::ImplicitLocOpBuilder b;
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

  //===--- Constants and address arithmetic ---===//

  Value i64(int64_t value);
  Value i32(int32_t value);
  /// The constant as f32, or splat over `lanes` > 1.
  Value f32(float value, int64_t lanes = 1);
  Value add(Value left, Value right);
  Value add(Value left, int64_t right);
  Value sub(Value left, Value right);
  Value mul(Value left, Value right);
  Value mul(Value left, int64_t right);
  Value divide(Value left, int64_t right); // of non-negative numbers
  Value modulo(Value left, int64_t right); // of non-negative numbers
  Value minimum(Value left, Value right);
  Value maximum(Value left, Value right);
  Value less(Value left, Value right); // signed
  /// `base` + `bytes`.
  Value at(Value base, Value bytes);
  Value at(Value base, int64_t bytes);
  /// Address of element `index` of an array of `bytesEach`.
  Value element(Value base, Value index, int64_t bytesEach);

  //===--- Loads and stores ---===//

  /// f32 when `lanes` is 1, else vector<lanes x f32>.
  mlir::Type floats(int64_t lanes);
  /// Loads any type; `alignment` in bytes.
  Value load(mlir::Type type, Value pointer, int64_t alignment = 1);
  void store(Value value, Value pointer, int64_t alignment = 1);
  /// The i32 at `index` of an array, as i64.
  Value loadIndex(Value array, Value index);
  /// `lanes` consecutive elements stored as f32, f16 or bf16, as f32. Elements
  /// from `valid` on (a constant below lanes) are not touched and read as 0.
  Value loadFloats(Value pointer, mlir::Type stored, int64_t lanes,
                   std::optional<int64_t> valid = std::nullopt,
                   int64_t alignment = 1);
  /// Stores f32 lanes as f32, f16 or bf16, rounded to nearest even.
  void storeFloats(Value value, Value pointer, mlir::Type stored,
                   int64_t alignment = 1);
  /// f32 lanes rounded to bf16, as lanes of bf16 (native where the variant
  /// has vcvtneps2bf16).
  Value toBf16(Value value);
  /// Lanes of stored floats (f32, f16, bf16) as f32; and back.
  Value widen(Value value);
  Value narrow(Value value, mlir::Type stored);
  /// Fetches the cache line at `pointer` for reading.
  void prefetch(Value pointer);

  //===--- Vectors ---===//

  int64_t lanesOf(Value value);
  Value splat(Value scalar, int64_t lanes);
  /// a * b + c, lane by lane, rounded once.
  Value fma(Value a, Value b, Value c);
  Value shuffle(Value left, Value right, llvm::ArrayRef<int64_t> lanes);
  /// Lanes [offset, offset + count) of a vector; a scalar when count is 1.
  Value slice(Value vector, int64_t offset, int64_t count);
  /// The sum of all lanes (any order), or their largest.
  Value sum(Value vector);
  Value largest(Value vector);
  /// Sums of `vectors` (a power of two, at most their lanes, all of one
  /// type): lane i of the result is the sum of vector i.
  Value sums(llvm::ArrayRef<Value> vectors);
  /// The columns of the square matrix whose rows are `rows`, 8 or 16 vectors
  /// of as many lanes.
  llvm::SmallVector<Value> transpose(llvm::ArrayRef<Value> rows);

  //===--- Control flow ---===//

  void loop(Value from, Value to, int64_t step,
            llvm::function_ref<void(Value)> body);
  /// A loop that carries values; the body returns the next ones.
  llvm::SmallVector<Value>
  loop(Value from, Value to, int64_t step, mlir::ValueRange initial,
       llvm::function_ref<llvm::SmallVector<Value>(Value, mlir::ValueRange)>
           body);
  void when(Value condition, llvm::function_ref<void()> then,
            llvm::function_ref<void()> otherwise = nullptr);

private:
  Value slot(int64_t index);

  mlir::func::FuncOp kernel;
  mlir::func::FuncOp function;
  /// Dims, base addresses and scratch addresses are made before this op.
  mlir::Operation *entry;
  llvm::SmallDenseMap<int64_t, Value> slots;
  llvm::SmallDenseMap<int64_t, Value> dims;
  int64_t scratchBytes = 0;
};

} // namespace quipu::cpu

#endif // QUIPU_KERNELS_CPU_KERNELFUNCTION_H
