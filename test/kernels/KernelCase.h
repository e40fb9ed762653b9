//===- KernelCase.h - A kernel against the interpreter ----------*- C++ -*-===//
//
// Runs one kernel function, given as text, on random tensors: once as compiled
// code and once in double precision, and measures how far apart they are.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TEST_KERNELS_KERNELCASE_H
#define QUIPU_TEST_KERNELS_KERNELCASE_H

#include "runtime/package/KernelAbi.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace quipu::test {

struct KernelCase {
  /// A module with one function; `?` dimensions are `tokens`.
  std::string text;
  int64_t tokens = 1;
  /// Bound that tiles are chosen for; 0: tokens.
  int64_t maxTokens = 0;
  /// Contents of the i32 arguments, in order (slots, positions, rows).
  std::vector<std::vector<int32_t>> indices = {};
  /// Slots of KV caches.
  int64_t slots = 0;
  /// Calls that the launch's tiles are divided among, where that can be.
  int calls = 1;
};

/// Memory that a launch passes: an argument, a KV cache's keys or values, a
/// result, or the partial results of a kernel with a merge.
struct LaunchBuffer {
  std::byte *data;
  int64_t bytes;
  bool writable;
  bool isWeight = false; // a stored matrix
};

/// Something that compiles and runs kernels.
class KernelMachine {
public:
  virtual ~KernelMachine() = default;

  /// Dialects that the machine's emitter needs beside the kernel's.
  virtual void registerDialects(mlir::DialectRegistry &registry) const = 0;
  /// The schedule of `skeleton` for up to `maxTokens`; one that stands there is
  /// completed.
  virtual void schedule(mlir::Operation *skeleton, int64_t maxTokens) const = 0;
  /// Runs `tiles` tiles of `function` on `buffers`, in the order of
  /// LaunchSlots, then its merge, if any. Prints why and aborts on failure.
  virtual void run(mlir::func::FuncOp function,
                   llvm::ArrayRef<LaunchBuffer> buffers, const KernelDims &dims,
                   int64_t tiles, int calls) const = 0;
};

/// A context with the dialects of kernels and of `machine`.
std::unique_ptr<mlir::MLIRContext>
createKernelContext(const KernelMachine &machine);

/// The only function of `module`, with decoders beside it and the schedule of
/// `machine` for up to `maxTokens` on its skeleton.
mlir::func::FuncOp scheduledKernel(mlir::ModuleOp module,
                                   const KernelMachine &machine,
                                   int64_t maxTokens);
mlir::Operation *skeletonOf(mlir::func::FuncOp function);
/// Tiles of a launch over `leading` tokens or rows.
int64_t tilesOf(mlir::Operation *skeleton, int64_t leading);

/// The largest ||compiled - reference|| / ||reference|| of any result or KV
/// cache; infinite where shapes, or indices of argmax, differ.
double relativeError(const KernelCase &test, const KernelMachine &machine);

} // namespace quipu::test

#endif // QUIPU_TEST_KERNELS_KERNELCASE_H
