//===- Dialect.cpp - The kernel dialect -----------------------------------===//
//
// Registration, and the verifiers of attributes.
//
//===----------------------------------------------------------------------===//

#include "dialects/kernel/Dialect.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace quipu::kernel;

#include "dialects/kernel/Dialect.cpp.inc"
#include "dialects/kernel/Enums.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/kernel/Types.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/kernel/Attrs.cpp.inc"

void KernelDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/kernel/Types.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/kernel/Attrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/kernel/Ops.cpp.inc"
      >();
}

quipu::llama::DeviceKind quipu::kernel::deviceOf(Operation *function) {
  auto device = function->getAttrOfType<llama::DeviceKindAttr>(deviceAttrName);
  return device ? device.getValue() : llama::DeviceKind::cpu;
}

LogicalResult ScheduleAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                   int64_t rowTile, int64_t tokenTile,
                                   int64_t kvTile, int64_t vector,
                                   int64_t rowUnroll, int64_t tokenUnroll,
                                   Arithmetic arithmetic, int64_t threads,
                                   int64_t kTile, int64_t stages,
                                   int64_t rowStreams) {
  if (rowTile <= 0 || tokenTile <= 0)
    return emitError() << "row_tile and token_tile must be positive, found "
                       << rowTile << " and " << tokenTile;
  if (kvTile < 0 || vector < 0 || rowUnroll < 0 || tokenUnroll < 0 ||
      rowStreams < 0)
    return emitError() << "sizes must not be negative";
  if (threads < 0 || threads > 1024 || threads % 32)
    return emitError() << "threads must be a multiple of 32 up to 1024, found "
                       << threads;
  if (kTile < 0 || stages < 0)
    return emitError() << "sizes must not be negative";
  return success();
}
