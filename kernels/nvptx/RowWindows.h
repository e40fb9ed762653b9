//===- RowWindows.h - Steps of quantized rows, in sectors -------*- C++ -*-===//
//
// What WindowCopy.cpp emits and the counts of traffic go by, so that they
// agree. Relies on shapes and stored types alone.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_NVPTX_ROWWINDOWS_H
#define QUIPU_KERNELS_NVPTX_ROWWINDOWS_H

#include "base/ElementType.h"

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

} // namespace quipu::gpu

#endif // QUIPU_KERNELS_NVPTX_ROWWINDOWS_H
