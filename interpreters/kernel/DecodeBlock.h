//===- DecodeBlock.h - Runs a decoder on the bytes of a block ---*- C++ -*-===//
//
// The meaning of kernel.decoder regions, op by op, for the op set that
// dialects/kernel/Decoders.mlir lists. Floats are doubles, so that nothing is
// rounded that the region does not round itself.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_INTERPRETERS_KERNEL_DECODEBLOCK_H
#define QUIPU_INTERPRETERS_KERNEL_DECODEBLOCK_H

#include "dialects/kernel/Dialect.h"

#include <cstddef>
#include <span>
#include <vector>

namespace quipu::kernel {

/// A part of a decoded block: elements are scale * quant + offset.
struct DecodedPart {
  std::vector<int8_t> quants;
  double scale = 1, offset = 0;
};

/// Runs `decoder` on `bytes`, one block; the parts in order. Fails with an
/// error at an op that decoders may not use.
mlir::FailureOr<std::vector<DecodedPart>>
decodeBlock(DecoderOp decoder, std::span<const std::byte> bytes);

} // namespace quipu::kernel

#endif // QUIPU_INTERPRETERS_KERNEL_DECODEBLOCK_H
