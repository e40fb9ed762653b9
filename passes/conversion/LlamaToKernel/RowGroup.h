//===- RowGroup.h - A group of llama ops as one row skeleton ----*- C++ -*-===//
//
// Builds kernel.matvec, kernel.matmul or kernel.rowwise for a group: the ops of
// one llama.fusion, or one op alone.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_PASSES_CONVERSION_LLAMATOKERNEL_ROWGROUP_H
#define QUIPU_PASSES_CONVERSION_LLAMATOKERNEL_ROWGROUP_H

#include "dialects/kernel/Dialect.h"

#include "mlir/IR/IRMapping.h"

namespace quipu {

/// What the conversion of one function knows about its surroundings.
struct ConversionScope {
  mlir::ModuleOp module;
  mlir::SymbolTable &symbols;
  mlir::Block *entry;       // of the function; parameters stand at its start
  mlir::IRMapping &mapping; // llama values -> kernel values
  /// Values whose leading dimension counts selected rows; others count tokens.
  llvm::DenseSet<mlir::Value> &rowValues;
  /// kernel.param of each symbol.
  llvm::StringMap<mlir::Value> parameters;
  int64_t maxTokens; // of the bucket; largest int64 without one
  int64_t maxRows;
};

/// The value of parameter or rope table `symbol`.
mlir::Value getParameter(ConversionScope &scope, mlir::OpBuilder &builder,
                         mlir::FlatSymbolRefAttr symbol);

/// Builds one row skeleton for `group` (in program order) and maps each of
/// `results`, the values that the group gives to ops outside it, to a value of
/// the skeleton. Fails with an error at the op that does not fit.
mlir::LogicalResult buildRowGroup(ConversionScope &scope,
                                  mlir::OpBuilder &builder,
                                  llvm::StringRef label,
                                  llvm::ArrayRef<mlir::Operation *> group,
                                  mlir::ValueRange results);

} // namespace quipu

#endif // QUIPU_PASSES_CONVERSION_LLAMATOKERNEL_ROWGROUP_H
