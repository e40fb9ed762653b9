//===- ModuleParser.cpp - A PTX file from top to bottom -------------------===//
//
// Linkage and tuning directives are read for their syntax; of what they say,
// only block sizes and register bounds are kept.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/ptx/ModuleParser.h"

#include "runtime/devices/emulator/ptx/ControlFlow.h"
#include "runtime/devices/emulator/ptx/FunctionParser.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <span>

using namespace quipu;
using namespace quipu::ptx;
using Kind = Token::Kind;

// What nvcc 13 and LLVM 22 print. What an instruction needs is not looked at:
// one that is known runs for every target.
static constexpr int newestVersion = 9;
static constexpr uint32_t oldestTarget = 50, newestTarget = 121;

Result<Module> ModuleParser::parse() {
  if (!parseDirectives() || !checkCalls())
    return tokens.error();
  for (Function &function : context.module.functions)
    if (function.hasBody())
      findReconvergence(function);
  return std::move(context.module);
}

bool ModuleParser::parseDirectives() {
  if (!parseVersion())
    return false;
  while (!tokens.atEnd())
    if (!parseDirective())
      return false;
  if (context.module.target.empty())
    return tokens.fail(tokens.line(), "no .target");
  return true;
}

bool ModuleParser::parseDirective() {
  Linkage linkage;
  while (true) {
    if (tokens.token().kind != Kind::directive)
      return tokens.failExpecting("a directive");
    std::string_view directive = tokens.token().text;
    if (directive == "loc" || directive == "file") {
      tokens.skipLine();
      return true;
    }
    uint32_t line = tokens.take().line;
    if (directive == "visible" || directive == "weak" ||
        directive == "common") {
      linkage.isVisible = true;
      continue;
    }
    if (directive == "extern") {
      linkage.isExtern = true;
      continue;
    }
    if (directive == "target")
      return parseTarget();
    if (directive == "address_size")
      return parseAddressSize();
    if (directive == "entry" || directive == "func")
      return parseFunction(directive == "entry", linkage);
    if (directive == "global" || directive == "const")
      return parseGlobal(
          context, directive == "global" ? Space::global : Space::constant,
          linkage.isExtern);
    if (directive == "shared")
      return parseShared(linkage.isExtern);
    if (directive == "section")
      return skipSection();
    return tokens.fail(line, "unknown directive " +
                                 quote("." + std::string(directive)));
  }
}

bool ModuleParser::parseVersion() {
  if (!tokens.token().isDirective("version"))
    return tokens.failExpecting("'.version' at the start of a PTX file");
  tokens.take();
  const Token &number = tokens.token();
  double value = std::bit_cast<double>(number.value);
  if (number.kind != Kind::decimal || !(value >= 1))
    return tokens.failExpecting("a version such as 8.0");
  auto tenths = uint32_t(std::min(value, 1e6) * 10 + 0.5);
  std::string found =
      std::to_string(tenths / 10) + "." + std::to_string(tenths % 10);
  if (!(value < newestVersion + 1))
    return tokens.fail(number.line, "expected a PTX version of at most " +
                                        std::to_string(newestVersion) +
                                        ".x, found " + found);
  context.module.versionMajor = uint32_t(value);
  context.module.versionMinor =
      uint32_t((value - context.module.versionMajor) * 10 + 0.5);
  tokens.take();
  return true;
}

bool ModuleParser::parseTarget() {
  uint32_t line = tokens.line();
  std::string_view target;
  if (!tokens.expectWord(target, "a target such as sm_80"))
    return false;
  uint32_t version = 0;
  bool isSm = target.starts_with("sm_");
  if (isSm)
    std::from_chars(target.data() + 3, target.data() + target.size(), version);
  if (version == 0)
    return tokens.fail(line, "expected a target such as sm_80, found " +
                                 quote(target));
  if (version < oldestTarget || version > newestTarget)
    return tokens.fail(line, "expected a target of sm_" +
                                 std::to_string(oldestTarget) + " to sm_" +
                                 std::to_string(newestTarget) + ", found " +
                                 quote(target));
  context.module.target = target;
  context.module.smVersion = version;
  while (tokens.takeIf(',')) {
    std::string_view option;
    if (!tokens.expectWord(option, "an option of the target"))
      return false;
  }
  return true;
}

bool ModuleParser::parseAddressSize() {
  uint32_t line = tokens.line();
  uint64_t size = 0;
  if (!tokens.expectInteger(size, UINT32_MAX, "an address size"))
    return false;
  if (size != 64)
    return tokens.fail(line, "expected an address size of 64, found " +
                                 std::to_string(size));
  return true;
}

/// Debug information: `.section .debug_str { ... }`.
bool ModuleParser::skipSection() {
  while (!tokens.token().is('{')) {
    if (tokens.token().kind != Kind::directive &&
        tokens.token().kind != Kind::word)
      return tokens.failExpecting("'{'");
    tokens.take();
  }
  while (!tokens.token().is('}')) {
    if (tokens.atEnd() || tokens.token().kind == Kind::error)
      return tokens.failExpecting("'}'");
    tokens.take();
  }
  return tokens.expect('}');
}

bool ModuleParser::parseShared(bool isExtern) {
  Declarator declarator;
  if (!parseDeclarator(context, declarator))
    return false;
  if (declarator.unsized && !isExtern)
    return tokens.fail(declarator.line,
                       quote(declarator.name) + " has no size");
  Symbol symbol{Symbol::Kind::moduleShared};
  symbol.space = Space::shared;
  symbol.index = uint32_t(context.moduleShared.size());
  symbol.size = declarator.size;
  symbol.dynamic = isExtern;
  symbol.line = declarator.line;
  context.moduleShared.push_back({std::string(declarator.name), declarator.type,
                                  0, declarator.size, declarator.align,
                                  declarator.line});
  return context.declare(declarator.name, symbol) && tokens.expect(';');
}

/// Reads `(.param .u64 a, .param .b32 b)` and declares them.
bool ModuleParser::parseParameters(Function &function) {
  if (!tokens.expect('('))
    return false;
  while (!tokens.token().is(')')) {
    if (!tokens.token().isDirective("param"))
      return tokens.failExpecting("'.param'");
    tokens.take();
    Declarator declarator;
    if (!parseDeclarator(context, declarator) ||
        !place(context, declarator, function.paramBytes, function.parameters))
      return false;
    Symbol symbol{Symbol::Kind::variable};
    symbol.space = Space::param;
    symbol.index = uint32_t(function.parameters.size() - 1);
    symbol.offset = function.parameters.back().offset;
    symbol.size = declarator.size;
    symbol.line = declarator.line;
    if (!context.declare(declarator.name, symbol))
      return false;
    if (!tokens.takeIf(','))
      break;
  }
  return tokens.expect(')');
}

bool ModuleParser::parseBlockSize(BlockSize &size) {
  constexpr uint64_t most = 1u << 16;
  for (uint32_t *extent : {&size.x, &size.y, &size.z}) {
    uint64_t value = 0;
    if (!tokens.expectInteger(value, most, "a number of threads"))
      return false;
    *extent = uint32_t(value);
    if (!tokens.takeIf(','))
      return true;
  }
  return tokens.failExpecting("at most three numbers");
}

/// Reads what may stand between a function's header and its body.
bool ModuleParser::parseTuning(Function &function) {
  while (tokens.token().kind == Kind::directive) {
    uint32_t line = tokens.line();
    std::string_view word = tokens.take().text;
    BlockSize ignored;
    uint64_t value = 0;
    bool fine = true;
    if (word == "maxntid") {
      fine = parseBlockSize(function.maxThreads.emplace());
    } else if (word == "reqntid") {
      fine = parseBlockSize(function.requiredThreads.emplace());
    } else if (word == "reqnctapercluster") {
      fine = parseBlockSize(ignored);
    } else if (word == "minnctapersm") {
      fine = tokens.expectInteger(value, UINT32_MAX, "a number of blocks");
      function.minBlocksPerMultiprocessor = uint32_t(value);
    } else if (word == "maxnreg") {
      fine = tokens.expectInteger(value, UINT32_MAX, "a number of registers");
      function.maxRegisters = uint32_t(value);
    } else if (word == "maxnctapersm" || word == "maxclusterrank") {
      fine = tokens.expectInteger(value, UINT32_MAX, "a number of blocks");
    } else if (word == "pragma") {
      while (tokens.token().kind == Kind::string)
        tokens.take();
      fine = tokens.expect(';');
    } else if (word != "noreturn" && word != "explicitcluster" &&
               word != "blocksareclusters") {
      return tokens.fail(line,
                         "unknown directive " + quote("." + std::string(word)));
    }
    if (!fine)
      return false;
  }
  return true;
}

/// Gives a function its place in the module: that of its prototype, if any.
bool ModuleParser::declareFunction(std::string_view name, uint32_t line,
                                   uint32_t &index) {
  std::vector<Function> &functions = context.module.functions;
  Symbol symbol{Symbol::Kind::function};
  symbol.index = uint32_t(functions.size());
  symbol.line = line;
  const Symbol &declared = context.scopes.declareInModule(name, symbol);
  index = declared.index;
  if (index == functions.size() && declared.line == line) {
    functions.emplace_back();
    return true;
  }
  if (declared.kind == Symbol::Kind::function &&
      functions[index].instructions.empty())
    return true;
  return tokens.fail(line, quote(name) + " is declared again; it was in line " +
                               std::to_string(declared.line));
}

bool ModuleParser::parseFunction(bool isEntry, const Linkage &linkage) {
  Function function;
  function.isEntry = isEntry;
  function.isVisible = linkage.isVisible;
  context.scopes.open();
  if (!isEntry && tokens.token().is('(') && !parseParameters(function))
    return false;
  function.returns = uint32_t(function.parameters.size());
  function.line = tokens.line();
  std::string_view name;
  uint32_t index = 0;
  if (!tokens.expectWord(name, "the name of a function") ||
      !declareFunction(name, function.line, index))
    return false;
  function.name = name;
  if (tokens.token().is('(') && !parseParameters(function))
    return false;
  function.paramBlockBytes = function.paramBytes;
  if (!parseTuning(function))
    return false;
  // A prototype ends here.
  if (!tokens.takeIf(';') &&
      !FunctionParser(context, function, index).parseBody())
    return false;
  context.module.functions[index] = std::move(function);
  context.scopes.close();
  return true;
}

/// Whether the variables of a list have the sizes of `parameters`.
static bool sameSizes(std::span<const Operand> passed,
                      std::span<const Variable> parameters) {
  return std::ranges::equal(
      passed, parameters, {}, [](auto &operand) { return operand.index; },
      &Variable::size);
}

bool ModuleParser::checkCalls() {
  std::vector<Function> &functions = context.module.functions;
  for (const CallSite &call : context.calls) {
    const Function &caller = functions[call.function];
    const Function &callee = functions[call.callee];
    const Instruction &instruction = caller.instructions[call.instruction];
    if (callee.isEntry)
      return tokens.fail(instruction.line, quote(callee.name) + " is an entry");
    auto list = [&](unsigned place) {
      const Operand &operand = instruction.operands[place];
      return std::span(caller.elements).subspan(operand.index, operand.count);
    };
    std::span<const Variable> expected(callee.parameters);
    if (!sameSizes(list(1), expected.first(callee.returns)) ||
        !sameSizes(list(2), expected.subspan(callee.returns)))
      return tokens.fail(instruction.line,
                         "what is passed to " + quote(callee.name) +
                             " does not match its parameters in line " +
                             std::to_string(callee.line));
  }
  return true;
}

Result<Module> quipu::ptx::parseModule(std::string_view text,
                                       std::string_view fileName) {
  return ModuleParser(text, fileName).parse();
}
