//===- Attention.cpp - Attention skeletons as CPU code --------------------===//
//
// Not written yet: both report that.
//
//===----------------------------------------------------------------------===//

#include "kernels/cpu/Attention.h"

using namespace mlir;
using namespace quipu;

LogicalResult cpu::emitAttentionDecode(kernel::AttentionDecodeOp op,
                                       func::FuncOp kernel,
                                       const CpuVariant &variant,
                                       ModuleOp module) {
  return op.emitOpError() << "has no CPU emitter yet";
}

LogicalResult cpu::emitAttentionPrefill(kernel::AttentionPrefillOp op,
                                        func::FuncOp kernel,
                                        const CpuVariant &variant,
                                        ModuleOp module) {
  return op.emitOpError() << "has no CPU emitter yet";
}
