//===- Declarations.cpp - PTX variables and registers ---------------------===//
//
// Sizes and alignments are bounded here, so that sums of them elsewhere do not
// overflow.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/ptx/Declarations.h"

#include "runtime/devices/emulator/ptx/Literal.h"

#include <cstring>

using namespace quipu::ptx;
using Kind = Token::Kind;

bool ParserContext::declare(std::string_view name, const Symbol &symbol) {
  uint32_t before = 0;
  if (scopes.declare(name, symbol, before))
    return true;
  return tokens.fail(symbol.line, quote(name) +
                                      " is declared again; it was in line " +
                                      std::to_string(before));
}

static bool parseAlignment(TokenStream &tokens, uint64_t &align) {
  uint32_t line = tokens.line();
  if (!tokens.expectInteger(align, mostAlignment, "an alignment"))
    return false;
  if (align == 0 || (align & (align - 1)) != 0)
    return tokens.fail(line, "expected an alignment that is a power of two, "
                             "found " +
                                 std::to_string(align));
  return true;
}

/// `.ptr .global .align 16` of a parameter: hints to an optimizer.
static bool skipPointerAttribute(TokenStream &tokens) {
  tokens.take();
  for (const char *space : {"const", "global", "local", "shared"})
    if (tokens.token().isDirective(space))
      tokens.take();
  uint64_t align = 1;
  if (!tokens.token().isDirective("align"))
    return true;
  tokens.take();
  return parseAlignment(tokens, align);
}

/// Reads `[4][8]` into the number of elements.
static bool parseExtents(TokenStream &tokens, Declarator &declarator,
                         uint64_t &elements) {
  while (tokens.takeIf('[')) {
    if (tokens.takeIf(']')) {
      declarator.unsized = true;
      continue;
    }
    uint64_t extent = 0;
    if (!tokens.expectInteger(extent, mostVariableBytes, "an array size") ||
        !tokens.expect(']'))
      return false;
    elements *= extent;
    if (elements > mostVariableBytes)
      return tokens.fail(declarator.line,
                         quote(declarator.name) + " is larger than " +
                             std::to_string(mostVariableBytes) + " bytes");
  }
  return true;
}

bool quipu::ptx::parseDeclarator(ParserContext &context,
                                 Declarator &declarator) {
  TokenStream &tokens = context.tokens;
  declarator = {};
  uint64_t elements = 1, align = 0;
  while (tokens.token().kind == Kind::directive) {
    std::string_view word = tokens.token().text;
    if (word == "align") {
      tokens.take();
      if (!parseAlignment(tokens, align))
        return false;
    } else if (word == "ptr") {
      if (!skipPointerAttribute(tokens))
        return false;
    } else if (word == "v2" || word == "v4") {
      elements = uint64_t(word[1] - '0');
      tokens.take();
    } else if (declarator.type == Type::none) {
      declarator.type = parseType(word);
      if (bits(declarator.type) < 8)
        return tokens.failExpecting("a type");
      tokens.take();
    } else {
      return tokens.failExpecting("a name");
    }
  }
  if (declarator.type == Type::none)
    return tokens.failExpecting("a type");
  declarator.line = tokens.line();
  if (!tokens.expectWord(declarator.name, "a name"))
    return false;
  uint64_t bytes = bits(declarator.type) / 8;
  declarator.align = align ? align : bytes * elements;
  if (!parseExtents(tokens, declarator, elements))
    return false;
  declarator.size = declarator.unsized ? 0 : elements * bytes;
  if (declarator.size <= mostVariableBytes)
    return true;
  return tokens.fail(declarator.line,
                     quote(declarator.name) + " is larger than " +
                         std::to_string(mostVariableBytes) + " bytes");
}

/// Reads one address of an initializer: `x`, `x+4` or `generic(x)+4`.
static bool parseAddress(ParserContext &context, Token name, uint64_t offset,
                         uint64_t size, GlobalVariable &variable) {
  TokenStream &tokens = context.tokens;
  GlobalVariable::Address address;
  address.offset = offset;
  address.size = uint32_t(size);
  if (name.text == "generic" && tokens.takeIf('(')) {
    address.generic = true;
    name = tokens.token();
    std::string_view inner;
    if (!tokens.expectWord(inner, "the name of a variable") ||
        !tokens.expect(')'))
      return false;
  }
  if (tokens.takeIf('+')) {
    uint64_t addend = 0;
    if (!tokens.expectInteger(addend, mostVariableBytes, "an offset"))
      return false;
    address.addend = int64_t(addend);
  }
  const Symbol *symbol = context.scopes.find(name.text);
  if (symbol && symbol->kind == Symbol::Kind::function)
    return true; // left zero: only an indirect call, which is refused, uses it
  if (!symbol || symbol->kind != Symbol::Kind::variable ||
      (symbol->space != Space::global && symbol->space != Space::constant))
    return tokens.fail(name.line, "undefined variable " + quote(name.text));
  if (size != 4 && size != 8)
    return tokens.fail(name.line,
                       "expected an address in 4 or 8 bytes, found " +
                           std::to_string(size));
  address.variable = symbol->index;
  variable.addresses.push_back(address);
  return true;
}

static bool parseElement(ParserContext &context, GlobalVariable &variable) {
  TokenStream &tokens = context.tokens;
  uint64_t bytes = bits(variable.type) / 8;
  size_t offset = variable.initial.size();
  variable.initial.resize(offset + bytes);
  if (tokens.token().kind == Kind::word) {
    Token name = tokens.take();
    return parseAddress(context, name, offset, bytes, variable);
  }
  bool negative = tokens.takeIf('-');
  Token literal = tokens.take();
  uint64_t value = 0;
  std::string problem = literalBits(literal, negative, variable.type, value);
  if (!problem.empty())
    return tokens.fail(literal.line, problem);
  std::memcpy(&variable.initial[offset], &value, bytes);
  return true;
}

bool quipu::ptx::parseInitializer(ParserContext &context,
                                  const Declarator &declarator,
                                  GlobalVariable &variable) {
  TokenStream &tokens = context.tokens;
  if (!tokens.takeIf('='))
    return true;
  if (bits(variable.type) > 64)
    return tokens.fail(declarator.line, "unsupported initial value of type ." +
                                            std::string(name(variable.type)));
  bool braces = tokens.takeIf('{');
  while (!braces || !tokens.token().is('}')) {
    if (!parseElement(context, variable))
      return false;
    if (!braces || !tokens.takeIf(','))
      break;
  }
  if (braces && !tokens.expect('}'))
    return false;
  if (declarator.unsized)
    variable.size = variable.initial.size();
  if (variable.initial.size() <= variable.size)
    return true;
  return tokens.fail(declarator.line,
                     quote(declarator.name) + " has " +
                         std::to_string(variable.size) + " bytes and " +
                         std::to_string(variable.initial.size()) +
                         " bytes of initial values");
}

bool quipu::ptx::parseGlobal(ParserContext &context, Space space,
                             bool isExtern) {
  TokenStream &tokens = context.tokens;
  Declarator declarator;
  if (!parseDeclarator(context, declarator))
    return false;
  GlobalVariable variable;
  variable.name = declarator.name;
  variable.space = space;
  variable.type = declarator.type;
  variable.size = declarator.size;
  variable.align = declarator.align;
  variable.isExtern = isExtern;
  variable.line = declarator.line;
  if (!parseInitializer(context, declarator, variable))
    return false;
  Symbol symbol{Symbol::Kind::variable};
  symbol.space = space;
  symbol.index = uint32_t(context.module.variables.size());
  symbol.size = variable.size;
  symbol.line = declarator.line;
  context.module.variables.push_back(std::move(variable));
  return context.declare(declarator.name, symbol) && tokens.expect(';');
}

bool quipu::ptx::parseRegisters(ParserContext &context, Function &function) {
  TokenStream &tokens = context.tokens;
  Type type = tokens.token().kind == Kind::directive
                  ? parseType(tokens.token().text)
                  : Type::none;
  if (type == Type::none || bits(type) > 64)
    return tokens.failExpecting("a type of at most 64 bits");
  tokens.take();
  RegisterClass regClass = registerClass(type);
  uint32_t &next = function.registers[size_t(regClass)];
  do {
    Symbol symbol{Symbol::Kind::reg, regClass};
    symbol.line = tokens.line();
    symbol.index = next;
    std::string_view name;
    if (!tokens.expectWord(name, "the name of a register"))
      return false;
    uint64_t count = 1;
    bool range = tokens.takeIf('<');
    if (range) {
      symbol.kind = Symbol::Kind::range;
      if (!tokens.expectInteger(count, mostRegisters, "a number of registers"))
        return false;
      if (!tokens.expect('>'))
        return false;
    }
    if (next + count > mostRegisters)
      return tokens.fail(symbol.line, "more than " +
                                          std::to_string(mostRegisters) +
                                          " registers of one width");
    symbol.count = range ? uint32_t(count) : 0;
    if (!context.declare(name, symbol))
      return false;
    function.registerRanges.push_back(
        {std::string(name), regClass, next, symbol.count});
    next += uint32_t(count);
  } while (tokens.takeIf(','));
  return tokens.expect(';');
}

bool quipu::ptx::place(ParserContext &context, const Declarator &declarator,
                       uint64_t &end, std::vector<Variable> &variables) {
  if (declarator.unsized)
    return context.tokens.fail(declarator.line,
                               quote(declarator.name) + " has no size");
  uint64_t offset = (end + declarator.align - 1) & ~(declarator.align - 1);
  if (offset + declarator.size > mostBlockBytes)
    return context.tokens.fail(declarator.line,
                               "more than " + std::to_string(mostBlockBytes) +
                                   " bytes of variables with " +
                                   quote(declarator.name));
  variables.push_back({std::string(declarator.name), declarator.type, offset,
                       declarator.size, declarator.align, declarator.line});
  end = offset + declarator.size;
  return true;
}
