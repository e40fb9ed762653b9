//===- Decoders.cpp - The decoders of quantized formats -------------------===//
//
// Parses the embedded text once a call and moves one op out of it: a compile
// asks for a handful of formats, and parsing all takes a few milliseconds.
//
//===----------------------------------------------------------------------===//

#include "dialects/kernel/Decoders.h"

#include "mlir/Parser/Parser.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::kernel;

static constexpr char decodersText[] =
#include "dialects/kernel/Decoders.mlir.inc"
    ;

DecoderOp kernel::getOrInsertDecoder(ModuleOp module, ElementType type) {
  assert(isQuantized(type) && "only quantized types have decoders");
  std::string_view symbol = name(type);
  if (auto found = module.lookupSymbol<DecoderOp>(symbol))
    return found;
  MLIRContext *context = module.getContext();
  context->loadDialect<KernelDialect>();
  OwningOpRef<ModuleOp> all = parseSourceString<ModuleOp>(
      decodersText, ParserConfig(context), "Decoders.mlir");
  assert(all && "the embedded decoders parse");
  auto decoder = all->lookupSymbol<DecoderOp>(symbol);
  assert(decoder && "every quantized type has a decoder");
  decoder->moveBefore(module.getBody(), module.getBody()->begin());
  return decoder;
}
