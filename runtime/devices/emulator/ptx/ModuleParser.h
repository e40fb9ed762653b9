//===- ModuleParser.h - A PTX file from top to bottom -----------*- C++ -*-===//
//
// Reads what stands outside of functions: version and target, variables,
// headers of functions.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_MODULEPARSER_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_MODULEPARSER_H

#include "runtime/devices/emulator/ptx/ParserContext.h"

namespace quipu::ptx {

class ModuleParser {
public:
  ModuleParser(std::string_view text, std::string_view fileName)
      : context(text, fileName), tokens(context.tokens) {}

  Result<Module> parse();

private:
  /// What stands in front of a declaration.
  struct Linkage {
    bool isVisible = false;
    bool isExtern = false;
  };

  bool parseDirectives();
  bool parseDirective();
  bool parseVersion();
  bool parseTarget();
  bool parseAddressSize();
  bool skipSection();
  bool parseShared(bool isExtern);
  bool parseFunction(bool isEntry, const Linkage &linkage);
  bool parseParameters(Function &function);
  bool parseTuning(Function &function);
  bool parseBlockSize(BlockSize &size);
  bool declareFunction(std::string_view name, uint32_t line, uint32_t &index);
  bool checkCalls();

  ParserContext context;
  TokenStream &tokens;
};

} // namespace quipu::ptx

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_MODULEPARSER_H
