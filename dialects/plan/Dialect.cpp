//===- Dialect.cpp - The plan dialect -------------------------------------===//
//
// Registration only: what a plan may say is checked where it becomes data.
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
