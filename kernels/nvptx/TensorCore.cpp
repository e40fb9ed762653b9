//===- TensorCore.cpp - Products of a warp, and what feeds them -----------===//
//
// Goes through the nvvm dialect, which takes bf16 where nvgpu does not.
//
//===----------------------------------------------------------------------===//

#include "kernels/nvptx/TensorCore.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::gpu;
using kernel::Arithmetic;

static SmallVector<Value> fields(KernelFunction &f, Value structure,
                                 int64_t count) {
  SmallVector<Value> values;
  for (int64_t i = 0; i < count; ++i)
    values.push_back(LLVM::ExtractValueOp::create(f.b, structure, i));
  return values;
}

SmallVector<Value> quipu::gpu::packPairs(KernelFunction &f, ValueRange values,
                                         Arithmetic arithmetic, bool fits) {
  constexpr float largestHalf = 65504.0f;
  Type stored = arithmetic == Arithmetic::f16 ? Type(f.b.getF16Type())
                                              : Type(f.b.getBF16Type());
  SmallVector<Value> pairs;
  for (size_t i = 0; i < values.size(); i += 2) {
    Value pair = vector::FromElementsOp::create(
        f.b, VectorType::get({2}, f.b.getF32Type()),
        ValueRange{values[i], values[i + 1]});
    if (arithmetic == Arithmetic::f16 && !fits) { // a NaN stays one
      pair = arith::MinimumFOp::create(f.b, pair, f.f32(largestHalf, 2));
      pair = arith::MaximumFOp::create(f.b, pair, f.f32(-largestHalf, 2));
    }
    pairs.push_back(
        LLVM::BitcastOp::create(f.b, f.b.getI32Type(), f.narrow(pair, stored)));
  }
  return pairs;
}

SmallVector<Value> quipu::gpu::multiply(KernelFunction &f,
                                        Arithmetic arithmetic, ValueRange a,
                                        ValueRange b, ValueRange c) {
  bool half = arithmetic == Arithmetic::f16;
  auto registers = [&](ValueRange values) {
    SmallVector<Value> operands(values);
    if (half)
      for (Value &value : operands)
        value = LLVM::BitcastOp::create(
            f.b, VectorType::get({2}, f.b.getF16Type()), value);
    return operands;
  };
  SmallVector<Type> sums(4, f.b.getF32Type());
  auto result = LLVM::LLVMStructType::getLiteral(f.b.getContext(), sums);
  NVVM::MMATypes type = half ? NVVM::MMATypes::f16 : NVVM::MMATypes::bf16;
  Value product = NVVM::MmaOp::create(
      f.b, result, registers(a), registers(b), c,
      ArrayRef<int64_t>{mmaRows, mmaColumns, mmaDepth}, std::nullopt,
      std::nullopt, std::array<NVVM::MMATypes, 2>{type, type},
      std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row,
                                     NVVM::MMALayout::col});
  return fields(f, product, 4);
}

SmallVector<Value> quipu::gpu::loadMatrices(KernelFunction &f, Value address,
                                            bool transposed) {
  SmallVector<Type> registers(4, f.b.getI32Type());
  auto result = LLVM::LLVMStructType::getLiteral(f.b.getContext(), registers);
  auto shape =
      NVVM::LdStMatrixShapeAttr::get(f.b.getContext(), /*m=*/8, /*n=*/8);
  auto layout = transposed ? NVVM::MMALayout::col : NVVM::MMALayout::row;
  Value matrices = NVVM::LdMatrixOp::create(
      f.b, result, address, 4, layout, shape, NVVM::LdStMatrixEltType::B16);
  return fields(f, matrices, 4);
}

void quipu::gpu::copyAsync(KernelFunction &f, Value shared, Value global,
                           Value bytes, int64_t width) {
  auto cache = width == 16 ? NVVM::LoadCacheModifierKind::CG
                           : NVVM::LoadCacheModifierKind::CA;
  NVVM::CpAsyncOp::create(f.b, shared, global, uint32_t(width), cache, bytes);
}

void quipu::gpu::commitCopies(KernelFunction &f) {
  NVVM::CpAsyncCommitGroupOp::create(f.b);
}

void quipu::gpu::awaitCopies(KernelFunction &f, int64_t pending) {
  NVVM::CpAsyncWaitGroupOp::create(f.b, int32_t(pending));
}
