//===- TileWindows.h - Quantized rows of a matmul's tile --------*- C++ -*-===//
//
// How the bytes of quantized rows go to shared memory, some elements of K at a
// time: what TileBlocks.cpp emits and MatmulTraffic.cpp counts by, so that the
// two agree. Relies on shapes and stored types alone.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_NVPTX_TILEWINDOWS_H
#define QUIPU_KERNELS_NVPTX_TILEWINDOWS_H

#include "kernels/nvptx/RowWindows.h"

#include "llvm/ADT/ArrayRef.h"

#include <vector>

namespace quipu::gpu {

/// The quantized rows of one segment's tile. Member m of a couple is row
/// m * couples + c, as in MatmulTile.
struct TileWindows {
  /// Neighbouring members of one type, whose rows are decoded together.
  struct Group {
    RowWindows windows;
    int64_t firstMember, members;
    int64_t offset; // of its first row, in a slot
  };

  /// For members stored as `types`, of which floats are left out: as few
  /// elements a step as make windows exact, else as many as there is room for.
  /// A step is a multiple, by a power of two, of `depth`.
  TileWindows(llvm::ArrayRef<ElementType> types, int64_t couples,
              int64_t columns, int64_t depth);

  std::vector<Group> groups;
  int64_t couples;
  int64_t stepElements = 0;
  int64_t slotBytes = 0;

  int64_t steps() const;
  int64_t slots() const { return steps() > 1 ? 2 : 1; }
  /// Shared memory; 0 where no row is quantized.
  int64_t bytes() const { return slots() * slotBytes; }

private:
  void place(llvm::ArrayRef<ElementType> types, int64_t columns);
};

} // namespace quipu::gpu

#endif // QUIPU_KERNELS_NVPTX_TILEWINDOWS_H
