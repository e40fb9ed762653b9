//===- RowSegment.h - One segment of a row skeleton on a GPU ----*- C++ -*-===//
//
// Where the outputs of a segment's couples lie, and the code of its epilogue,
// which a thread runs for one couple. Member m of a couple is its m-th output.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_NVPTX_ROWSEGMENT_H
#define QUIPU_KERNELS_NVPTX_ROWSEGMENT_H

#include "kernels/nvptx/KernelFunction.h"

#include <string>
#include <vector>

namespace quipu::gpu {

class RowSegment {
public:
  /// `op` stores to the skeleton's result `resultIndex` (unless it writes keys
  /// or values).
  RowSegment(KernelFunction &f, kernel::SegmentOp op, unsigned resultIndex);

  kernel::SegmentOp op;
  int64_t couples;
  int64_t members; // outputs of a couple before the epilogue
  unsigned resultIndex;

  /// Why the segment has no GPU code; empty if it has.
  std::string unsupported();

  /// The weight that member `member` is a row of, and which row (i32).
  mlir::Value weight(int64_t member);
  mlir::Value row(int64_t member, mlir::Value couple);
  /// The decoder of that weight, or null for float types.
  kernel::DecoderOp decoder(int64_t member);
  /// Output (i32) of member 0 of `couple`; member 1 of a pair is
  /// outputSpacing() further.
  mlir::Value firstOutput(mlir::Value couple);
  int64_t outputSpacing();

  /// Emits the epilogue of one couple of token `token`, both i32 and its own on
  /// each thread, for the sums `y` (f32, one a member; none where the segment
  /// has no prologue), already scaled. Stores the outputs; for an argmax
  /// segment returns the couple's output instead.
  mlir::Value epilogue(mlir::Value token, mlir::Value couple,
                       mlir::ValueRange y);

private:
  void loadCouple(mlir::Value row, mlir::Value couple, mlir::Type stored,
                  llvm::SmallVectorImpl<mlir::Value> &values);
  void loadAngles(mlir::Value token, mlir::Value couple,
                  llvm::SmallVectorImpl<mlir::Value> &values);
  void store(mlir::Value token, mlir::Value couple, mlir::ValueRange values);

  KernelFunction &f;
};

/// The segments of skeleton `op`, in order.
std::vector<RowSegment> makeSegments(KernelFunction &f, mlir::Operation *op);

/// Fails with an error at the first segment that has no GPU code.
mlir::LogicalResult checkSegments(llvm::MutableArrayRef<RowSegment> segments);

} // namespace quipu::gpu

#endif // QUIPU_KERNELS_NVPTX_ROWSEGMENT_H
