//===- Payload.h - Payload regions as code ----------------------*- C++ -*-===//
//
// Inlines the regions of kernel.prologue and kernel.segment, on scalars or on
// vectors of the caller's width.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_CODE_PAYLOAD_H
#define QUIPU_KERNELS_CODE_PAYLOAD_H

#include "kernels/code/CodeBuilder.h"

namespace quipu {

/// Clones `region` (one block ending in kernel.yield) at `f.b`, with
/// `arguments` for its block arguments, and returns what it yields. Arguments
/// are all f32, or all vector<lanes x f32>: then every op is cloned with vector
/// types and constants become splats. `lanes` is needed where there are no
/// arguments.
llvm::SmallVector<mlir::Value> inlinePayload(CodeBuilder &f,
                                             mlir::Region &region,
                                             mlir::ValueRange arguments,
                                             int64_t lanes);

} // namespace quipu

#endif // QUIPU_KERNELS_CODE_PAYLOAD_H
