//===- BlockDecoder.h - Quantized blocks in registers -----------*- C++ -*-===//
//
// Inlines a kernel.decoder for one block, a vector register of elements at a
// time, either as weights or straight into a dot product.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_CPU_BLOCKDECODER_H
#define QUIPU_KERNELS_CPU_BLOCKDECODER_H

#include "kernels/cpu/KernelFunction.h"

#include "mlir/IR/IRMapping.h"

namespace quipu::cpu {

/// What a decoder gives, seen in chunks of one vector register: elements
/// [chunk * lanes, (chunk + 1) * lanes) of a block. Parts that follow each
/// other and share their scale and offset form a group.
class BlockDecoder {
public:
  /// A part's quants as table indices: value = (index mod 16 & mask) + shift.
  struct Nibble {
    mlir::Value index;
    int64_t mask, shift;
  };
  struct Group {
    llvm::SmallVector<mlir::Value> quants; // of each part
    llvm::SmallVector<std::optional<Nibble>> nibbles;
    mlir::Value scale, offset; // offset may be null
    int64_t firstChunk, chunks;
    /// Whether all parts become weights by one table look-up a chunk.
    bool tabled;
  };

  BlockDecoder(kernel::DecoderOp decoder, const CpuVariant &variant);

  int64_t elements, bytes, lanes;
  llvm::SmallVector<Group> groups;

  int64_t chunks() const { return elements / lanes; }
  /// Elements of the runs whose activations' sums `DecodedBlock::dot` needs:
  /// the size of every group, or 0 where no offset is applied after the dot.
  int64_t sumElements() const;
};

/// One block being decoded at the current insertion point.
class DecodedBlock {
public:
  DecodedBlock(KernelFunction &f, const BlockDecoder &decoder,
               mlir::Value pointer);

  /// Elements of chunk `chunk`, which lies in group `group`, as f32 lanes.
  mlir::Value weights(const BlockDecoder::Group &group, int64_t chunk);

  /// `sum` + the products of the group's elements with `activations`, one
  /// vector a chunk. `activationSum` is the sum of the group's activations
  /// divided by the lanes, in every lane (needed where sumElements()).
  mlir::Value dot(const BlockDecoder::Group &group, mlir::Value sum,
                  llvm::ArrayRef<mlir::Value> activations,
                  llvm::function_ref<mlir::Value()> activationSum);

private:
  mlir::Value inlined(mlir::Value value);
  mlir::Value bytesAt(mlir::Value vector, int64_t offset);
  mlir::Value wideIndex(mlir::Value vector, int64_t offset);
  mlir::Value splat(mlir::Value scalar);
  mlir::Value quants(const BlockDecoder::Group &group, int64_t chunk);
  mlir::Value table(const BlockDecoder::Group &group,
                    const BlockDecoder::Nibble &nibble);

  KernelFunction &f;
  const BlockDecoder &decoder;
  mlir::Value pointer;
  mlir::IRMapping map;
  llvm::DenseMap<mlir::Value, mlir::Value> splats;
  llvm::DenseMap<std::pair<mlir::Value, int64_t>, mlir::Value> loaded;
  llvm::DenseMap<std::pair<mlir::Value, std::pair<int64_t, int64_t>>,
                 mlir::Value>
      tables; // by scale, mask and shift
};

} // namespace quipu::cpu

#endif // QUIPU_KERNELS_CPU_BLOCKDECODER_H
