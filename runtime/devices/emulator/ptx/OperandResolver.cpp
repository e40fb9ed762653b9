//===- OperandResolver.cpp - What PTX operands mean -----------------------===//
//
// Names become register numbers and offsets, numbers become bits; widths are
// checked against what the instruction's form says.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/ptx/FunctionParser.h"
#include "runtime/devices/emulator/ptx/Literal.h"
#include "runtime/devices/emulator/ptx/SpecialRegisters.h"

using namespace quipu::ptx;
using Kind = Token::Kind;
using FormKind = OperandForm::Kind;

static unsigned widthOf(RegisterClass regClass) {
  constexpr unsigned widths[] = {1, 16, 32, 64};
  return widths[size_t(regClass)];
}

static std::string describe(RegisterClass regClass) {
  return regClass == RegisterClass::pred
             ? "a predicate"
             : "a " + std::to_string(widthOf(regClass)) + "-bit register";
}

/// The type that a form gives to an operand of `instruction`.
static Type operandType(const Instruction &instruction,
                        const OperandForm &form) {
  using Which = OperandForm::Which;
  switch (form.which) {
  case Which::first:
    return instruction.type;
  case Which::second:
    return instruction.type2;
  case Which::third:
    return instruction.type3;
  case Which::fourth:
    return instruction.type4;
  case Which::wide:
    switch (instruction.type) {
    case Type::u16:
      return Type::u32;
    case Type::s16:
      return Type::s32;
    case Type::u32:
      return Type::u64;
    default:
      return Type::s64;
    }
  case Which::literal:
    return form.literal;
  }
  return Type::none;
}

static std::string_view spaceName(Space space) {
  constexpr std::string_view names[] = {
      "generic", "global", "shared", "shared::cluster",
      "local",   "param",  "const"};
  return names[size_t(space)];
}

bool FunctionParser::resolveOperand(const Instruction &instruction,
                                    const OperandForm &form,
                                    const RawOperand &raw, uint32_t place,
                                    Operand &operand) {
  uint32_t at = uint32_t(function.instructions.size());
  std::string_view name = raw.token.text;
  switch (form.kind) {
  case FormKind::label:
  case FormKind::table: {
    if (raw.token.kind != Kind::word || raw.inverted || raw.addend != 0)
      return tokens.fail(raw.token.line, "expected a label");
    bool isTable = form.kind == FormKind::table;
    operand.kind = isTable ? OperandKind::table : OperandKind::label;
    pending.push_back({isTable ? Pending::Kind::table : Pending::Kind::label,
                       at, place, name, raw.token.line});
    return true;
  }
  case FormKind::address:
    if (!resolveAddress(instruction, form, raw, operand))
      return false;
    break;
  default:
    if (form.inBraces)
      return resolveVector(instruction, form, raw, operand);
    if (!resolveValue(form, operandType(instruction, form), raw, operand))
      return false;
  }
  bool isDynamic = (operand.kind == OperandKind::address ||
                    operand.kind == OperandKind::symbol) &&
                   operand.negated;
  operand.negated &= !isDynamic;
  if (isDynamic)
    dynamicUses.emplace_back(at, place);
  return true;
}

bool FunctionParser::resolveVector(const Instruction &instruction,
                                   const OperandForm &form,
                                   const RawOperand &raw, Operand &operand) {
  Type type = operandType(instruction, form);
  unsigned width = bits(type);
  uint32_t wanted = form.count ? form.count : instruction.vectorWidth;
  if (form.fills) {
    wanted = raw.count;
    type = width / wanted == 16   ? Type::b16
           : width / wanted == 32 ? Type::b32
                                  : Type::none;
    if (type == Type::none || width % wanted != 0)
      return tokens.fail(raw.token.line, std::to_string(raw.count) +
                                             " registers cannot fill " +
                                             std::to_string(width) + " bits");
  }
  if (raw.count != wanted)
    return tokens.fail(raw.token.line, "expected " + std::to_string(wanted) +
                                           " registers in braces, found " +
                                           std::to_string(raw.count));
  operand.kind = OperandKind::vector;
  operand.index = uint32_t(function.elements.size());
  operand.count = uint8_t(raw.count);
  for (uint32_t i = 0; i < raw.count; ++i) {
    Operand element;
    if (!resolveValue(form, type, rawElements[raw.first + i], element))
      return false;
    function.elements.push_back(element);
  }
  return true;
}

bool FunctionParser::resolveValue(const OperandForm &form, Type type,
                                  const RawOperand &raw, Operand &operand) {
  bool isWritten =
      form.kind == FormKind::destination || form.kind == FormKind::second;
  const Token &token = raw.token;
  if (token.kind == Kind::word && token.text == "_") {
    if (!form.sink)
      return tokens.fail(token.line, "'_' cannot stand here");
    operand.kind = OperandKind::sink;
    return true;
  }
  if (token.kind == Kind::word && token.text != "WARP_SZ")
    return form.kind == FormKind::immediate
               ? tokens.fail(token.line,
                             "expected a number, found " + quote(token.text))
               : resolveRegister(form, type, raw, operand);
  if (isWritten)
    return tokens.fail(token.line, "expected a register to write to, found a "
                                   "number");
  Token literal = token;
  if (token.kind == Kind::word) {
    literal.kind = Kind::integer;
    literal.value = 32;
  }
  std::string problem = literalBits(literal, raw.negative, type, operand.value);
  if (!problem.empty())
    return tokens.fail(token.line, problem);
  operand.kind = OperandKind::immediate;
  return true;
}

bool FunctionParser::resolveRegister(const OperandForm &form, Type type,
                                     const RawOperand &raw, Operand &operand) {
  const Token &token = raw.token;
  RegisterClass wanted = registerClass(type);
  if (context.scopes.findRegister(token.text, operand.regClass,
                                  operand.index)) {
    bool fits = operand.regClass == wanted ||
                (form.wider && operand.regClass > wanted &&
                 wanted != RegisterClass::pred);
    if (!fits)
      return tokens.fail(token.line, quote(token.text) + " is " +
                                         describe(operand.regClass) +
                                         ", expected " + describe(wanted));
    if (raw.addend != 0)
      return tokens.fail(token.line, "only an address may be a sum");
    if (raw.inverted &&
        (wanted != RegisterClass::pred || form.kind != FormKind::source))
      return tokens.fail(token.line, "only a predicate that is read may be "
                                     "inverted");
    operand.kind = OperandKind::reg;
    operand.negated = raw.inverted;
    return true;
  }
  unsigned width = 0;
  if (findSpecialRegister(token.text, operand.index, width)) {
    if (!form.anything || raw.addend != 0 || raw.inverted)
      return tokens.fail(token.line,
                         quote(token.text) + " may only be read by a mov");
    // A 16-bit register takes the lower half of a 32-bit one.
    if (widthOf(wanted) > width || (width == 64 && widthOf(wanted) != 64))
      return tokens.fail(token.line, quote(token.text) + " has " +
                                         std::to_string(width) + " bits");
    operand.kind = OperandKind::special;
    return true;
  }
  Symbol *symbol = context.scopes.find(token.text);
  if (symbol && symbol->kind == Symbol::Kind::function && form.anything) {
    operand.kind = OperandKind::immediate; // never read
    return refuse(token.line, "the address of the function " +
                                  quote(token.text) +
                                  " is taken, and indirect calls are not "
                                  "emulated: call it by its name");
  }
  bool isVariable = symbol && (symbol->kind == Symbol::Kind::variable ||
                               symbol->kind == Symbol::Kind::moduleShared);
  if (!isVariable)
    return tokens.fail(token.line,
                       (token.text.front() == '%' ? "undefined register "
                                                  : "undefined name ") +
                           quote(token.text));
  if (!form.anything || raw.inverted)
    return tokens.fail(token.line, "the variable " + quote(token.text) +
                                       " stands where a register is needed");
  if (wanted != RegisterClass::b32 && wanted != RegisterClass::b64)
    return tokens.fail(token.line,
                       "the address of " + quote(token.text) + " does not fit");
  operand.kind = OperandKind::symbol;
  operand.value = uint64_t(raw.addend);
  return useVariable(*symbol, operand);
}

bool FunctionParser::useVariable(Symbol &symbol, Operand &operand) {
  operand.space = symbol.space;
  operand.index = symbol.index;
  if (symbol.kind == Symbol::Kind::moduleShared && !symbol.dynamic) {
    auto [at, isNew] = placedShared.emplace(symbol.index, 0);
    if (isNew) {
      const Variable &variable = context.moduleShared[symbol.index];
      Declarator declarator{variable.name,  variable.type, variable.size,
                            variable.align, false,         variable.line};
      if (!place(context, declarator, function.sharedBytes, function.shared))
        return false;
      function.shared.back().inModule = symbol.index;
      at->second = uint32_t(function.shared.size() - 1);
    }
    operand.index = at->second;
    operand.value += function.shared[at->second].offset;
    return true;
  }
  if (symbol.dynamic) {
    if (symbol.kind == Symbol::Kind::moduleShared)
      function.dynamicSharedAlign =
          std::max(function.dynamicSharedAlign,
                   context.moduleShared[symbol.index].align);
    function.usesDynamicShared = true;
    operand.index = UINT32_MAX;
    operand.negated = true; // until resolveOperand notes the place
    return true;
  }
  operand.value += symbol.offset;
  return true;
}

bool FunctionParser::resolveAddress(const Instruction &instruction,
                                    const OperandForm &form,
                                    const RawOperand &raw, Operand &operand) {
  const Token &token = raw.token;
  Space space = form.isShared        ? Space::shared
                : form.isSecondSpace ? instruction.space2
                                     : instruction.space;
  operand.kind = OperandKind::address;
  operand.value = uint64_t(raw.addend);
  if (token.kind == Kind::integer) {
    operand.value += token.value;
    return true;
  }
  if (context.scopes.findRegister(token.text, operand.regClass,
                                  operand.index)) {
    bool isShort = space != Space::generic && space != Space::global;
    if (operand.regClass != RegisterClass::b64 &&
        !(isShort && operand.regClass == RegisterClass::b32))
      return tokens.fail(token.line, quote(token.text) + " is " +
                                         describe(operand.regClass) +
                                         ", expected a 64-bit address");
    operand.hasBase = true;
    return true;
  }
  Symbol *symbol = context.scopes.find(token.text);
  if (!symbol || (symbol->kind != Symbol::Kind::variable &&
                  symbol->kind != Symbol::Kind::moduleShared))
    return tokens.fail(token.line,
                       (token.text.front() == '%' ? "undefined register "
                                                  : "undefined variable ") +
                           quote(token.text));
  bool fits =
      symbol->space == space ||
      (space == Space::sharedCluster && symbol->space == Space::shared) ||
      (space == Space::generic &&
       (symbol->space == Space::global || symbol->space == Space::constant));
  if (!fits)
    return tokens.fail(token.line, quote(token.text) + " is in ." +
                                       std::string(spaceName(symbol->space)) +
                                       ", but the instruction accesses ." +
                                       std::string(spaceName(space)));
  return useVariable(*symbol, operand);
}
