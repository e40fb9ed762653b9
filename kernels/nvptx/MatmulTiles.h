//===- MatmulTiles.h - The tiles of a matmul on a GPU -----------*- C++ -*-===//
//
// What both matmul emitters share: the walk over the tiles, addresses of rows
// with what lies past an end replaced, activations as registers, and what
// happens to the sums of a tile in the end.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_NVPTX_MATMULTILES_H
#define QUIPU_KERNELS_NVPTX_MATMULTILES_H

#include "kernels/nvptx/Activations.h"
#include "kernels/nvptx/RowSegment.h"

namespace quipu::gpu {

/// Elements of K that a thread handles together.
constexpr int64_t runElements = 8;

/// A row tile of one segment, for the tokens of one token tile. Row
/// m * couples + c of the tile is member m of couple firstCouple + c.
struct MatmulTile {
  RowSegment &segment;
  int64_t couples;               // of a whole tile
  mlir::Value firstCouple;       // in the segment
  mlir::Value rowTile;           // among the skeleton's
  mlir::Value firstToken, count; // of tokens; count > 0
};

/// Sums of a tile in shared memory: `splits` times token_tile rows of
/// `stride` f32, one a row of the tile; and so often token_tile f32, sums of
/// the prologue's statistic.
struct TileSums {
  int64_t splits;
  mlir::Value products, statistics;
};

/// Eight activations of a row, loaded but not mapped: equal pieces, which lie
/// inside K or outside as a whole.
struct ActivationRun {
  llvm::SmallVector<mlir::Value> x;
  llvm::SmallVector<mlir::Value> at;     // by piece: where in K
  llvm::SmallVector<mlir::Value> inside; // by piece; empty: all are
};

class MatmulTiles {
public:
  MatmulTiles(KernelFunction &f, kernel::MatmulOp op);

  KernelFunction &f;
  kernel::MatmulOp op;
  kernel::ScheduleAttr schedule;
  std::vector<RowSegment> segments;
  Activations activations;
  const int64_t columns; // K
  const int64_t stride;  // f32 between tokens of TileSums

  mlir::LogicalResult check();

  /// Emits the loop over a block's tiles.
  void forTiles(llvm::function_ref<void(const MatmulTile &)> body);

  /// Row (i32) of its weight that member `member` of couple firstCouple +
  /// `couple` is; of the segment's last couple where there is no such one.
  mlir::Value weightIndex(const MatmulTile &tile, int64_t member,
                          mlir::Value couple);
  /// Address of that row.
  mlir::Value weightRow(const MatmulTile &tile, int64_t member,
                        mlir::Value couple);
  /// Address of the activations of token firstToken + `token`; of the last
  /// token where there is no such token.
  mlir::Value activationRow(const MatmulTile &tile, mlir::Value token);

  /// Activations [k, k + runElements) of `row`; `mayPass`: k may be K or more.
  ActivationRun loadRun(mlir::Value row, mlir::Value k, bool mayPass);
  /// The mapped activations, with `statistic` (null: none) added to. Elements
  /// outside of K count as none; they become 0 if `zero` and else anything.
  llvm::SmallVector<mlir::Value> mapRun(const ActivationRun &run,
                                        mlir::Value &statistic, bool zero);

  /// Weights [k, k + runElements) of a row of floats as f32; 0 where k is past
  /// the end.
  llvm::SmallVector<mlir::Value> loadWeights(mlir::Value row, mlir::Type stored,
                                             mlir::Value k);

  int64_t sumsBytes(int64_t splits) const;
  /// Bytes of TileSums::statistics.
  int64_t statisticsBytes(int64_t splits) const;
  /// Address of the f32 of split, token and row (i32) in `sums`.
  mlir::Value sumAt(const TileSums &sums, mlir::Value split, mlir::Value token,
                    mlir::Value row);
  /// Runs the epilogues, one couple of one token a thread, on sums that a
  /// barrier has made visible; leaves the best of an argmax segment as partial
  /// result. Ends in a barrier.
  void finish(const MatmulTile &tile, const TileSums &sums);

private:
  /// The largest power of two below runElements that divides K.
  int64_t pieceElements() const;
  /// Where the pieces of the run from k on lie, moved into K.
  void place(ActivationRun &run, mlir::Value k, bool mayPass);
  void finishCouple(const MatmulTile &tile, const TileSums &sums,
                    mlir::Value token, mlir::Value couple);
  void keepBest(const MatmulTile &tile, const TileSums &sums);
  /// Couples of the tile that exist.
  mlir::Value couplesIn(const MatmulTile &tile);
};

} // namespace quipu::gpu

#endif // QUIPU_KERNELS_NVPTX_MATMULTILES_H
