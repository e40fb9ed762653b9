//===- RowSegment.h - One segment of a row skeleton -------------*- C++ -*-===//
//
// Where the outputs of a segment's couples lie, and the code of its epilogue.
// Member m of a couple is its m-th output; c counts couples of the segment.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_CPU_ROWSEGMENT_H
#define QUIPU_KERNELS_CPU_ROWSEGMENT_H

#include "kernels/cpu/BlockDecoder.h"
#include "kernels/cpu/DotRows.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace quipu::cpu {

/// Sums of one token's couples before the epilogue: member m of couple c is the
/// f32 at first + (m * memberStride + c - firstCouple) * 4.
struct Sums {
  mlir::Value first;    // null where the epilogue has no sums
  int64_t memberStride; // floats
  mlir::Value firstCouple;
  bool byOutput = false; // rowwise: output n is the f32 at first + n * 4
  /// Where an argmax segment's outputs go (couple c at c - firstCouple), with
  /// room for one more register after the last; null: where member 0 was.
  mlir::Value argmax = {};

  mlir::Value outputs() const { return argmax ? argmax : first; }
};

class RowSegment {
public:
  /// `op` with `schedule`'s tiles; its destination is the skeleton's result
  /// `resultIndex` (unless keys or values).
  RowSegment(KernelFunction &f, kernel::SegmentOp op, int64_t tileCouples,
             unsigned resultIndex);

  kernel::SegmentOp op;
  int64_t couples, tileCouples;
  int64_t members; // weight rows of a couple
  unsigned resultIndex;

  /// Why the segment has no CPU code; empty if it has.
  std::string unsupported();

  /// Whether rows of all members of a couple are best read in turns: each
  /// member's rows are then a stream from couple to couple, where those of one
  /// head (half) would jump over the other members'.
  bool membersTogether() {
    return members > 1 && op.getCouple() != kernel::Couple::half;
  }
  /// Whether all weights are stored in one type.
  bool isUniform();
  /// A number of couples, a power of two at most `most`, that starting at a
  /// multiple of itself in any tile stay in one head; their rows are equally
  /// spaced.
  int64_t alignedCouples(int64_t most);
  /// `group` rows of member `member` from couple `couple` on. Where the
  /// couples from `couple` on are fewer, or none as behind a short last tile
  /// that is read beside a whole one, earlier ones are taken: `couple` becomes
  /// the first one that is.
  WeightRows rows(int64_t member, mlir::Value &couple, int64_t group);
  /// The decoder of member `member`'s weight, or null.
  const BlockDecoder *decoder(int64_t member);
  mlir::Value weight(int64_t member);

  /// Emits the epilogue for couples [first, first + count) of token `token`.
  /// `scale` (f32) multiplies the sums first; may be null.
  void epilogue(mlir::Value token, mlir::Value scale, const Sums &sums,
                mlir::Value first, mlir::Value count);

  /// Value and index (i32) of the largest of `count` outputs that `epilogue`
  /// left in `sums`; the lowest index among equals. A NaN counts as -infinity.
  std::pair<mlir::Value, mlir::Value>
  largest(const Sums &sums, mlir::Value first, mlir::Value count);

private:
  struct Lanes; // couples handled together, in RowSegment.cpp
  void chunk(const Lanes &at);
  llvm::SmallVector<mlir::Value> loadCouple(const Lanes &at, mlir::Value row,
                                            mlir::Type stored);
  void storeCouple(const Lanes &at, llvm::ArrayRef<mlir::Value> values);
  llvm::SmallVector<mlir::Value> loadSums(const Lanes &at);
  llvm::SmallVector<mlir::Value> loadAngles(const Lanes &at);
  llvm::SmallVector<mlir::Value> loadSpaced(mlir::Value pointer,
                                            mlir::Type stored, int64_t lanes);
  int64_t epilogueLanes();

  KernelFunction &f;
  std::vector<std::unique_ptr<BlockDecoder>> decoders;
};

} // namespace quipu::cpu

#endif // QUIPU_KERNELS_CPU_ROWSEGMENT_H
