//===- Dialect.cpp - The plan dialect -------------------------------------===//
//
// Registration, and what attributes may say by themselves.
//
//===----------------------------------------------------------------------===//

#include "dialects/plan/Dialect.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace quipu::planir;

#include "dialects/plan/Dialect.cpp.inc"
#include "dialects/plan/Enums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/plan/Attrs.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/plan/Ops.cpp.inc"

void PlanDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/plan/Attrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/plan/Ops.cpp.inc"
      >();
}

LogicalResult ArenaAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                int64_t offset) {
  if (offset < 0 || offset % arenaAlignment)
    return emitError() << "expected an offset that is a multiple of "
                       << arenaAlignment << ", found " << offset;
  return success();
}

static LogicalResult verifyLayer(function_ref<InFlightDiagnostic()> emitError,
                                 int64_t layer) {
  if (layer < 0)
    return emitError() << "expected a layer from 0, found " << layer;
  return success();
}

LogicalResult KeysAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               int64_t layer) {
  return verifyLayer(emitError, layer);
}

LogicalResult ValuesAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 int64_t layer) {
  return verifyLayer(emitError, layer);
}

LogicalResult FactorAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 Symbol symbol, int64_t divisor) {
  if (divisor < 1)
    return emitError() << "expected a positive divisor, found " << divisor;
  return success();
}

LogicalResult ProductAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  Symbol rows, int64_t input, int64_t weights,
                                  int64_t output) {
  if (rows != Symbol::tokens && rows != Symbol::rows)
    return emitError() << "expected a product of tokens or rows, found "
                       << stringifySymbol(rows);
  return success();
}

LogicalResult GridAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               int64_t count, ArrayRef<FactorAttr> factors) {
  if (count < 1)
    return emitError() << "expected a positive count of tiles, found " << count;
  return success();
}
