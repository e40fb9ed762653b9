//===- Decoders.h - The decoders of quantized formats -----------*- C++ -*-===//
//
// Gives a module the kernel.decoder of each quantized type that its kernels
// read. Their text is Decoders.mlir, which is embedded in this library.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_DIALECTS_KERNEL_DECODERS_H
#define QUIPU_DIALECTS_KERNEL_DECODERS_H

#include "base/ElementType.h"
#include "dialects/kernel/Dialect.h"

#include "mlir/IR/BuiltinOps.h"

namespace quipu::kernel {

/// The decoder of quantized `type` in `module`: symbol name(type), made at the
/// module's start where it is missing. A decoder of that name that stands there
/// already is kept, so that a module can bring a tuned one.
DecoderOp getOrInsertDecoder(mlir::ModuleOp module, ElementType type);

} // namespace quipu::kernel

#endif // QUIPU_DIALECTS_KERNEL_DECODERS_H
