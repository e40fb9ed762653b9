//===- TileWindows.h - Quantized rows of a matmul's tile --------*- C++ -*-===//
//
// How the bytes of quantized rows go to shared memory, some elements of K at a
// time: what TileBlocks.cpp emits and MatmulTraffic.cpp counts by, so that the
// two agree. Relies on shapes and stored types alone.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_NVPTX_TILEWINDOWS_H
#define QUIPU_KERNELS_NVPTX_TILEWINDOWS_H

#include "base/ElementType.h"

#include "llvm/ADT/ArrayRef.h"

#include <vector>

namespace quipu::gpu {

/// Rows of one quantized type, read in steps of some whole blocks. A step may
/// begin and end inside a sector (32 bytes, the least that memory gives), which
/// is copied as a whole: the step's window is the sectors that hold its bytes.
struct RowWindows {
  static constexpr int64_t sectorBytes = 32;

  ElementType type;
  int64_t columns;      // of a row: K
  int64_t stepElements; // whole blocks

  int64_t rowBytes() const { return quipu::rowBytes(type, columns); }
  int64_t stepBytes() const;
  int64_t steps() const;
  /// All windows are just the bytes of their steps.
  bool areExact() const;
  /// Most of a window.
  int64_t bytes() const;
  /// From a row to the next in shared memory: an odd number of words, so that
  /// 32 rows have the same word in different banks.
  int64_t pitch() const { return bytes() + 4; }
  /// What is copied in all steps of row `row` of a tensor of `rows`: the
  /// windows, as far as they lie in the tensor.
  int64_t copiedBytes(int64_t row, int64_t rows) const;
  /// The same of all rows.
  int64_t copiedBytes(int64_t rows) const;
  /// Bytes behind row `row` that a window can reach, or less if the tensor ends
  /// before: so many rows are longer than a sector.
  static constexpr int64_t reachedRows = 2;
};

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
