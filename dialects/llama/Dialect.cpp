//===- Dialect.cpp - The llama dialect ------------------------------------===//
//
// Registration, and the verifiers of types.
//
//===----------------------------------------------------------------------===//

#include "dialects/llama/Dialect.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace quipu::llama;

/// A name without quotes where the syntax allows it, as in
/// #llama.bucket<decode, ...>.
static ParseResult parseWord(AsmParser &parser, std::string &word) {
  return parser.parseKeywordOrString(&word);
}
static void printWord(AsmPrinter &printer, StringRef word) {
  printer.printKeywordOrString(word);
}

#include "dialects/llama/Dialect.cpp.inc"
#include "dialects/llama/Enums.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/llama/Types.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/llama/Attrs.cpp.inc"

void LlamaDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/llama/Types.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/llama/Attrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/llama/Ops.cpp.inc"
      >();
}

DeviceKind quipu::llama::deviceOf(Operation *function) {
  auto bucket = function->getAttrOfType<BucketAttr>(bucketAttrName);
  return bucket ? bucket.getDevice() : DeviceKind::cpu;
}

LogicalResult BucketAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 StringRef name, StringRef entry,
                                 int64_t maxTokens, int64_t maxRows,
                                 DeviceKind device, Gemm gemm) {
  if (gemm == Gemm::cublas && device != DeviceKind::gpu)
    return emitError() << "expected device gpu with gemm cublas, found "
                       << stringifyDeviceKind(device);
  return success();
}

LogicalResult KvType::verify(function_ref<InFlightDiagnostic()> emitError,
                             int64_t heads, int64_t headDim, int64_t pageSize,
                             Type elementType) {
  if (heads <= 0 || headDim <= 0 || pageSize <= 0)
    return emitError() << "heads, head_dim and page must be positive, found "
                       << heads << ", " << headDim << ", " << pageSize;
  if (!elementType.isF32() && !elementType.isF16() && !elementType.isBF16())
    return emitError() << "expected element type f32, f16 or bf16, found "
                       << elementType;
  return success();
}
