//===- KernelFunction.cpp - The function that a CPU kernel is -------------===//
//
// Everything here is one or a few ops; the header says what each piece means.
//
//===----------------------------------------------------------------------===//

#include "kernels/cpu/KernelFunction.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::cpu;

KernelFunction::KernelFunction(func::FuncOp kernel, StringRef suffix,
                               const CpuVariant &variant, ModuleOp module)
    : CodeBuilder(kernel.getLoc(), kernel.getContext()), variant(variant),
      launchSlots(kernel) {
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  Type integer = b.getI64Type();
  b.setInsertionPointToEnd(module.getBody());
  function = func::FuncOp::create(
      b, (kernel.getName() + suffix).str(),
      b.getFunctionType({pointer, pointer, pointer, integer, integer}, {}));
  b.setInsertionPointToStart(function.addEntryBlock());
  // Values of the whole call are made before this op, the body follows it.
  entry = arith::ConstantOp::create(b, b.getI64IntegerAttr(0));
}

void KernelFunction::finish() {
  func::ReturnOp::create(b);
  function->setAttr("quipu.scratch_bytes", b.getI64IntegerAttr(scratchBytes));
}

//===----------------------------------------------------------------------===//
// Operands of the launch
//===----------------------------------------------------------------------===//

Value KernelFunction::dim(Dim field) {
  Value &value = dims[int64_t(field)];
  if (!value) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(entry);
    value =
        load(b.getI64Type(), at(function.getArgument(1), int64_t(field) * 8),
             /*alignment=*/8);
  }
  return value;
}

Value KernelFunction::slot(int64_t index) {
  Value &value = slots[index];
  if (!value) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(entry);
    value = load(LLVM::LLVMPointerType::get(b.getContext()),
                 at(function.getArgument(0), index * 8), /*alignment=*/8);
  }
  return value;
}

Value KernelFunction::pointer(Value kernelArgument) {
  return slot(launchSlots.argument(kernelArgument));
}

Value KernelFunction::valuesPointer(Value kv) {
  return slot(launchSlots.argument(kv) + 1);
}

Value KernelFunction::workPointer() { return slot(launchSlots.work()); }

Value KernelFunction::resultPointer(unsigned index) {
  return slot(launchSlots.result(index));
}

Value KernelFunction::partialsPointer() { return slot(launchSlots.partials()); }

Value KernelFunction::scratch(int64_t bytes) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(entry);
  Value base = at(function.getArgument(2), scratchBytes);
  scratchBytes += (bytes + 63) / 64 * 64;
  return base;
}

void KernelFunction::prefetch(Value pointer) {
  LLVM::Prefetch::create(b, pointer, /*rw=*/0, /*hint=*/3, /*cache=*/1);
}

Value KernelFunction::toBf16(Value value) {
  int64_t lanes = lanesOf(value);
  if (!variant.dotBf16 || lanes != 16)
    return CodeBuilder::toBf16(value);
  return LLVM::CallIntrinsicOp::create(
             b, VectorType::get({lanes}, b.getBF16Type()),
             b.getStringAttr("llvm.x86.avx512bf16.cvtneps2bf16.512"),
             ValueRange{value})
      .getResult(0);
}
