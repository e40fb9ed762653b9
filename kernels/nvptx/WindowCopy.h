//===- WindowCopy.h - A window of a quantized row ---------------*- C++ -*-===//
//
// Copies whole sectors of a row to shared memory and says where in them the row
// begins. Sizes are RowWindows's; this is their code.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_NVPTX_WINDOWCOPY_H
#define QUIPU_KERNELS_NVPTX_WINDOWCOPY_H

#include "kernels/nvptx/KernelFunction.h"
#include "kernels/nvptx/RowWindows.h"

namespace quipu::gpu {

/// Window `window` of row `row` of a tensor, both i32.
class WindowCopy {
public:
  static constexpr int64_t widest = 16; // bytes that a thread copies at once

  WindowCopy(KernelFunction &f, const RowWindows &rows, mlir::Value row,
             mlir::Value window)
      : f(f), rows(rows), row(row), window(window) {}

  /// Bytes (i32) of the window before those of its step.
  mlir::Value before();
  /// Starts copying the window of `tensor`, an argument of the kernel, to
  /// `target` in shared memory. `lanes` threads do it together, of which this
  /// is `lane` (i32), `width` bytes at once (4, 8 or `widest`), of which
  /// `target` is a multiple.
  void start(mlir::Value tensor, mlir::Value target, mlir::Value lane,
             int64_t lanes, int64_t width = widest);

private:
  KernelFunction &f;
  const RowWindows &rows;
  mlir::Value row, window;
};

} // namespace quipu::gpu

#endif // QUIPU_KERNELS_NVPTX_WINDOWCOPY_H
