//===- CodeBuilder.h - Ops that every emitter makes -------------*- C++ -*-===//
//
// Arithmetic, loads, stores and loops in the arith, vector, scf and llvm
// dialects, one or a few ops each: what emitters for CPUs and GPUs share.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_CODE_CODEBUILDER_H
#define QUIPU_KERNELS_CODE_CODEBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <optional>

namespace quipu {

/// A builder of code: ops go to `b`. Integers are i64, or i32 where all
/// operands are; pointers are !llvm.ptr, numbers are f32 or vector<n x f32>.
class CodeBuilder {
public:
  using Value = mlir::Value;

  CodeBuilder(mlir::Location location, mlir::MLIRContext *context)
      : b(location, context) {}
  virtual ~CodeBuilder() = default;

  mlir::ImplicitLocOpBuilder b;

  //===--- Constants and address arithmetic ---===//

  Value i64(int64_t value);
  Value i32(int32_t value);
  /// The constant in the integer type of `other`.
  Value like(Value other, int64_t value);
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
  /// Address of element `index` of an array of `bytesEach`. An i32 index is
  /// extended first, except in a GPU's shared memory.
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
  /// Lanes below `valid`, as a mask.
  Value firstLanes(int64_t lanes, int64_t valid);
  /// Stores f32 lanes as f32, f16 or bf16, rounded to nearest even.
  void storeFloats(Value value, Value pointer, mlir::Type stored,
                   int64_t alignment = 1);
  /// f32 lanes rounded to nearest even bf16, as lanes of bf16; by integer
  /// arithmetic where a device has nothing better.
  virtual Value toBf16(Value value);
  /// Lanes of stored floats (f32, f16, bf16) as f32; and back.
  Value widen(Value value);
  Value narrow(Value value, mlir::Type stored);

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

  //===--- Control flow ---===//

  void loop(Value from, Value to, int64_t step,
            llvm::function_ref<void(Value)> body);
  /// A loop that carries values; the body returns the next ones.
  llvm::SmallVector<Value>
  loop(Value from, Value to, int64_t step, mlir::ValueRange initial,
       llvm::function_ref<llvm::SmallVector<Value>(Value, mlir::ValueRange)>
           body);
  /// The same with a step that is known at run time.
  llvm::SmallVector<Value>
  loop(Value from, Value to, Value step, mlir::ValueRange initial,
       llvm::function_ref<llvm::SmallVector<Value>(Value, mlir::ValueRange)>
           body);
  void when(Value condition, llvm::function_ref<void()> then,
            llvm::function_ref<void()> otherwise = nullptr);
  /// Runs what `body` makes for the case that `index`, below `cases`, is at run
  /// time; the results are of the types of `like`.
  llvm::SmallVector<Value>
  dispatch(Value index, int64_t cases, mlir::ValueRange like,
           llvm::function_ref<llvm::SmallVector<Value>(int64_t)> body);
};

} // namespace quipu

#endif // QUIPU_KERNELS_CODE_CODEBUILDER_H
