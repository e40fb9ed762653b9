//===- Compilation.h - A model on its way through the pipeline --*- C++ -*-===//
//
// One MLIR context, the module in it, and the first error of what ran there:
// what compiling, showing a stage and explaining have in common.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_COMPILER_COMPILATION_H
#define QUIPU_COMPILER_COMPILATION_H

#include "compiler/Compile.h"
#include "dialects/kernel/Dialect.h"
#include "kernels/cpu/CpuVariant.h"
#include "kernels/nvptx/GpuTarget.h"
#include "runtime/package/Plan.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OwningOpRef.h"

#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace quipu {

/// What code is made for.
using TargetChoice = std::variant<const CpuVariant *, const GpuTarget *>;

/// The targets that `names` ask for; "cpu", and no name at all, stand for every
/// CPU variant. An unknown name is an error that lists the known ones.
Result<std::vector<TargetChoice>>
chooseTargets(const std::vector<std::string> &names);

plan::DeviceKind kindOf(TargetChoice target);
std::string nameOf(TargetChoice target);

/// The schedule that `skeleton` is emitted with for `target`: on a CPU, what
/// the plan left open is chosen now.
kernel::ScheduleAttr scheduleFor(mlir::Operation *skeleton,
                                 TargetChoice target);

/// `options` with the kinds of device that `targets` need, and those of them
/// that are GPUs.
CompileOptions withDevices(CompileOptions options,
                           llvm::ArrayRef<TargetChoice> targets);

/// One context and what came through the pipeline in it.
class Compilation {
public:
  Compilation(const Model &model, const CompileOptions &options);

  /// Builds the graph and runs the pipeline to `stage` or the plan.
  Result<void> run(Stage stage);

  /// The kernels of the plan that are for `target`'s kind of device, as
  /// functions of its kernel ABI.
  Result<mlir::OwningOpRef<mlir::ModuleOp>> emit(TargetChoice target);

  /// Appends to each kernel of `plan` what `target` forms its products in;
  /// nothing for kernels of another kind of device.
  void recordArithmetic(plan::Plan &plan, TargetChoice target);

  mlir::ModuleOp module() { return *graph; }
  std::string text();

private:
  Error failure(const llvm::Twine &what) const;

  const Model &model;
  const CompileOptions &options;
  mlir::MLIRContext context;
  std::string firstError;
  std::unique_ptr<mlir::ScopedDiagnosticHandler> diagnostics;
  mlir::OwningOpRef<mlir::ModuleOp> graph;
};

} // namespace quipu

#endif // QUIPU_COMPILER_COMPILATION_H
