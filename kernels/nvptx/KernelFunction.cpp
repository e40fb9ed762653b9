//===- KernelFunction.cpp - The function that a GPU kernel is -------------===//
//
// Everything here is one or a few ops; the header says what each piece means.
//
//===----------------------------------------------------------------------===//

#include "kernels/nvptx/KernelFunction.h"

#include "dialects/kernel/Tiling.h"
#include "kernels/nvptx/Emitter.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::gpu;

static constexpr StringLiteral sharedName = "quipu_shared";

/// The one symbol of dynamic shared memory in `module`.
static LLVM::GlobalOp sharedMemory(ModuleOp module) {
  if (auto known = module.lookupSymbol<LLVM::GlobalOp>(sharedName))
    return known;
  auto b = OpBuilder::atBlockBegin(module.getBody());
  auto bytes = LLVM::LLVMArrayType::get(b.getI8Type(), 0);
  return LLVM::GlobalOp::create(b, module.getLoc(), bytes, /*isConstant=*/false,
                                LLVM::Linkage::External, sharedName,
                                Attribute(), /*alignment=*/16,
                                /*addrSpace=*/3);
}

KernelFunction::KernelFunction(func::FuncOp kernel, StringRef suffix,
                               int64_t threads, const GpuTarget &target,
                               ModuleOp module)
    : CodeBuilder(kernel.getLoc(), kernel.getContext()), threads(threads),
      target(target), launchSlots(kernel) {
  sharedMemory(module);
  bool merges = kernel::hasMerge(&kernel.getBody().front().front());
  SmallVector<Type> operands(launchSlots.count(merges) + 1,
                             LLVM::LLVMPointerType::get(b.getContext(), 1));
  b.setInsertionPointToEnd(module.getBody());
  function = func::FuncOp::create(b, (kernel.getName() + suffix).str(),
                                  b.getFunctionType(operands, {}));
  function->setAttr(blockThreadsAttrName,
                    b.getI32IntegerAttr(int32_t(threads)));
  b.setInsertionPointToStart(function.addEntryBlock());
  // Values of the whole kernel are made before this op, the body follows it.
  entry = arith::ConstantOp::create(b, b.getI32IntegerAttr(0));
}

void KernelFunction::askForBlocks(int64_t count) {
  function->setAttr(leastBlocksAttrName, b.getI32IntegerAttr(int32_t(count)));
}

void KernelFunction::finish() {
  func::ReturnOp::create(b);
  function->setAttr(sharedBytesAttrName, b.getI64IntegerAttr(sharedBytes));
}

//===----------------------------------------------------------------------===//
// Operands of the launch
//===----------------------------------------------------------------------===//

Value KernelFunction::dim(Dim field) {
  Value &value = dims[int64_t(field)];
  if (!value) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(entry);
    Value all = function.getArguments().back();
    value = load(b.getI32Type(), at(all, int64_t(field) * 8), /*alignment=*/8);
  }
  return value;
}

Value KernelFunction::slot(int64_t index) {
  return function.getArgument(unsigned(index));
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

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

Value KernelFunction::thread() {
  if (!threadIndex) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(entry);
    threadIndex = NVVM::ThreadIdXOp::create(b, b.getI32Type());
  }
  return threadIndex;
}

Value KernelFunction::lane(int64_t lanes) {
  if (lanes < warpThreads)
    return modulo(lane(), lanes);
  if (!laneIndex) {
    Value number = thread();
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(entry);
    laneIndex = modulo(number, warpThreads);
  }
  return laneIndex;
}

Value KernelFunction::warp() {
  if (!warpIndex) {
    Value number = thread();
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(entry);
    warpIndex = divide(number, warpThreads);
  }
  return warpIndex;
}

Value KernelFunction::group(int64_t lanes) {
  return lanes == warpThreads ? warp() : divide(thread(), lanes);
}

void KernelFunction::forTiles(Value tiles,
                              llvm::function_ref<void(Value)> body) {
  Type i32 = b.getI32Type();
  Value first = NVVM::BlockIdXOp::create(b, i32);
  Value blocks = NVVM::GridDimXOp::create(b, i32);
  loop(first, tiles, blocks, {}, [&](Value tile, ValueRange) {
    body(tile);
    return SmallVector<Value>();
  });
}

void KernelFunction::barrier() { NVVM::Barrier0Op::create(b); }

void KernelFunction::warpBarrier() { NVVM::SyncWarpOp::create(b, i32(-1)); }

Value KernelFunction::exchange(Value value, int64_t mask) {
  return NVVM::ShflOp::create(b, value.getType(), i32(-1), value,
                              i32(int32_t(mask)), i32(warpThreads - 1),
                              NVVM::ShflKind::bfly, UnitAttr());
}

Value KernelFunction::sumOverLanes(Value value, int64_t lanes) {
  for (int64_t mask = lanes / 2; mask > 0; mask /= 2)
    value = arith::AddFOp::create(b, value, exchange(value, mask));
  return value;
}

Value KernelFunction::largestOverLanes(Value value, int64_t lanes) {
  for (int64_t mask = lanes / 2; mask > 0; mask /= 2)
    value = arith::MaxNumFOp::create(b, value, exchange(value, mask));
  return value;
}

Value KernelFunction::pick(ValueRange values, Value index) {
  Value chosen = values[0];
  for (auto [i, value] : llvm::drop_begin(llvm::enumerate(values))) {
    Value is = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, index,
                                     i32(int32_t(i)));
    chosen = arith::SelectOp::create(b, is, value, chosen);
  }
  return chosen;
}

Value KernelFunction::sumOverBlock(Value value) {
  value = sumOverLanes(value);
  if (warps() == 1)
    return value;
  if (!blockSums)
    blockSums = shared(warps() * 4);
  barrier(); // the sums of a call before this one have been read
  Value first =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lane(), i32(0));
  when(first, [&] { store(value, element(blockSums, warp(), 4), 4); });
  barrier();
  Value sum = load(floats(1), blockSums, 4);
  for (int64_t other = 1; other < warps(); ++other)
    sum = arith::AddFOp::create(b, sum,
                                load(floats(1), at(blockSums, other * 4), 4));
  return sum;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value KernelFunction::shared(int64_t bytes) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(entry);
  if (!sharedBase)
    sharedBase = LLVM::AddressOfOp::create(
        b, LLVM::LLVMPointerType::get(b.getContext(), 3), sharedName);
  Value base = at(sharedBase, sharedBytes);
  sharedBytes += (bytes + 15) / 16 * 16;
  return base;
}

Value KernelFunction::loadI32(Value array, Value index) {
  return load(b.getI32Type(), element(array, index, 4), 4);
}

Value KernelFunction::toBf16(Value value) {
  Type type = b.getBF16Type();
  if (lanesOf(value) > 1)
    type = VectorType::get({lanesOf(value)}, type);
  return arith::TruncFOp::create(b, type, value);
}

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

Value KernelFunction::intrinsic(StringRef name, Type result,
                                ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(b, result, b.getStringAttr(name),
                                       operands)
      .getResult(0);
}

Value KernelFunction::exp2(Value x) {
  return intrinsic("llvm.nvvm.ex2.approx.ftz", b.getF32Type(), x);
}

Value KernelFunction::reciprocal(Value x) {
  return intrinsic("llvm.nvvm.rcp.approx.ftz.f", b.getF32Type(), x);
}
