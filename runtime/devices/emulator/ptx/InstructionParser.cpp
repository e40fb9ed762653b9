//===- InstructionParser.cpp - PTX instructions ---------------------------===//
//
// From a line like `@%p1 bra.uni $L1;` to an Instruction: guard, mnemonic,
// operands, and which form of the mnemonic they fit.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/ptx/FunctionParser.h"

#include <algorithm>

using namespace quipu::ptx;
using Kind = Token::Kind;
using Places = std::array<int, maxOperands>;

/// How many operands a form takes at least, and what may come on top.
static void countOperands(const Mnemonic::Reading &reading, size_t &least,
                          size_t &most) {
  least = most = 0;
  for (const OperandForm &form : reading.form->operands) {
    if (form.kind == OperandForm::Kind::absent ||
        (form.withPolicy && !reading.policy))
      continue;
    ++most;
    least += !form.optional;
  }
}

/// Gives each place of a form the number of its operand, or -1. `misfit`
/// becomes the first operand that cannot stand where it does.
static bool fit(const Mnemonic::Reading &reading,
                const std::vector<RawOperand> &raws, Places &places,
                size_t &misfit) {
  size_t least = 0, most = 0;
  countOperands(reading, least, most);
  size_t bars = std::ranges::count(raws, true, &RawOperand::behindBar);
  size_t optional = raws.size() - bars - least;
  if (raws.size() < least + bars || raws.size() > most)
    return false;
  places.fill(-1);
  size_t next = 0, place = 0;
  for (const OperandForm &form : reading.form->operands) {
    size_t here = place++;
    bool more = next < raws.size();
    bool isSecond = form.kind == OperandForm::Kind::second;
    if (form.kind == OperandForm::Kind::absent ||
        (form.withPolicy && !reading.policy))
      continue;
    if (isSecond && !(more && raws[next].behindBar))
      continue;
    if (form.optional && !isSecond && optional-- == 0) {
      optional = 0;
      continue;
    }
    misfit = next;
    if (!more || raws[next].behindBar != isSecond)
      return false;
    auto wanted = form.kind == OperandForm::Kind::address
                      ? RawOperand::Kind::address
                  : form.inBraces ? RawOperand::Kind::vector
                                  : RawOperand::Kind::plain;
    if (raws[next].kind != wanted)
      return false;
    places[here] = int(next++);
  }
  misfit = next;
  return next == raws.size();
}

bool FunctionParser::chooseReading(const Mnemonic &mnemonic,
                                   std::string_view text,
                                   const Mnemonic::Reading *&reading,
                                   Places &places, std::string &problem) {
  size_t misfit = 0;
  for (const Mnemonic::Reading &each : mnemonic.readings) {
    reading = &each;
    if (fit(each, raws, places, misfit))
      return true;
  }
  size_t least = SIZE_MAX, most = 0;
  for (const Mnemonic::Reading &each : mnemonic.readings) {
    size_t from = 0, to = 0;
    countOperands(each, from, to);
    least = std::min(least, from);
    most = std::max(most, to);
  }
  if (raws.size() < least || raws.size() > most) {
    std::string count = std::to_string(least);
    if (least != most)
      count += " to " + std::to_string(most);
    problem = quote(text) + " takes " + count + " operands, found " +
              std::to_string(raws.size());
    return false;
  }
  problem = "operand " + std::to_string(misfit + 1) + " of " + quote(text) +
            " is not of a form it takes";
  return false;
}

/// What to write in place of an instruction that is not known, if there is
/// something.
static std::string remedyFor(std::string_view mnemonic) {
  struct Remedy {
    std::string_view prefix, text;
  };
  static constexpr Remedy remedies[] = {
      {"cp.async.bulk.tensor", "copy with cp.async or cp.async.bulk"},
      {"wgmma.", "compile for sm_90 without 'a', or use mma.sync"},
      {"tcgen05.", "compile for sm_90, or use mma.sync"},
      {"wmma.", "use m16n16k16 of f16 or bf16, or mma.sync"},
      {"tex.", "read a buffer with ld.global"},
      {"tld4.", "read a buffer with ld.global"},
      {"suld.", "read a buffer with ld.global"},
      {"sust.", "write a buffer with st.global"},
  };
  for (const Remedy &remedy : remedies)
    if (mnemonic.starts_with(remedy.prefix))
      return ": " + std::string(remedy.text);
  return "";
}

bool FunctionParser::parseGuard(Instruction &instruction) {
  if (!tokens.takeIf('@'))
    return true;
  instruction.guardNegated = tokens.takeIf('!');
  uint32_t line = tokens.line();
  std::string_view name;
  if (!tokens.expectWord(name, "a predicate register"))
    return false;
  RegisterClass regClass;
  uint32_t index;
  if (!context.scopes.findRegister(name, regClass, index))
    return tokens.fail(line, "undefined register " + quote(name));
  if (regClass != RegisterClass::pred)
    return tokens.fail(line, quote(name) + " is no predicate register");
  instruction.guard = int32_t(index);
  return true;
}

ParserContext::KnownMnemonic &FunctionParser::lookUp(std::string_view text) {
  auto known = context.mnemonics.find(text);
  if (known == context.mnemonics.end()) {
    auto index = uint32_t(context.module.mnemonics.size());
    known = context.mnemonics
                .emplace(text,
                         ParserContext::KnownMnemonic{
                             FormTable::instance().read(text), index})
                .first;
    context.module.mnemonics.emplace_back(text);
  }
  return known->second;
}

void FunctionParser::append(const Instruction &instruction, uint32_t mnemonic) {
  function.instructions.push_back(instruction);
  function.mnemonics.push_back(mnemonic);
}

bool FunctionParser::parseInstruction() {
  Instruction guarded;
  if (!parseGuard(guarded))
    return false;
  uint32_t line = tokens.line();
  std::string_view text;
  if (!tokens.expectWord(text, "an instruction"))
    return false;
  const ParserContext::KnownMnemonic &known = lookUp(text);
  if (!known.meaning)
    return refuse(line, known.meaning.error().message + remedyFor(text)) &&
           skipStatement();
  const Mnemonic::Reading *reading = &known.meaning->readings.front();
  bool isCall = reading->instruction.opcode == Opcode::call;
  Places places = {};
  if (!isCall && !readOperands(text))
    return false;
  std::string misfit;
  if (!isCall && !chooseReading(*known.meaning, text, reading, places, misfit))
    return refuse(line, misfit);

  Instruction instruction = reading->instruction;
  instruction.guard = guarded.guard;
  instruction.guardNegated = guarded.guardNegated;
  instruction.line = line;
  if (instruction.opcode == Opcode::ret && function.isEntry)
    instruction.opcode = Opcode::exit;
  if (isCall) {
    bool isDirect = true;
    if (!parseCall(instruction, isDirect))
      return false;
    if (isDirect)
      append(instruction, known.index);
    return true;
  }
  const std::vector<OperandForm> &forms = reading->form->operands;
  for (uint32_t i = 0; i < forms.size(); ++i) {
    if (forms[i].kind == OperandForm::Kind::destination ||
        forms[i].kind == OperandForm::Kind::second)
      instruction.destinations = uint8_t(i + 1);
    if (places[i] < 0)
      continue;
    if (!resolveOperand(instruction, forms[i], raws[size_t(places[i])], i,
                        instruction.operands[i]))
      return false;
    instruction.operandCount = uint8_t(i + 1);
  }
  append(instruction, known.index);
  return true;
}

/// Reads `(param0, param1)` into elements that say where those variables are.
bool FunctionParser::parseCallList(Operand &operand) {
  operand.kind = OperandKind::vector;
  operand.index = uint32_t(function.elements.size());
  if (!tokens.expect('('))
    return false;
  while (!tokens.token().is(')')) {
    uint32_t line = tokens.line();
    std::string_view name;
    if (!tokens.expectWord(name, "the name of a .param variable"))
      return false;
    const Symbol *symbol = context.scopes.find(name);
    if (!symbol || symbol->kind != Symbol::Kind::variable ||
        symbol->space != Space::param)
      return tokens.fail(line, "undefined .param variable " + quote(name));
    if (operand.count == UINT8_MAX)
      return tokens.fail(line, "more than 255 arguments");
    Operand element;
    element.kind = OperandKind::symbol;
    element.space = Space::param;
    element.index = uint32_t(symbol->size);
    element.value = symbol->offset;
    function.elements.push_back(element);
    ++operand.count;
    if (!tokens.takeIf(','))
      break;
  }
  return tokens.expect(')');
}

/// Reads `(results), callee, (arguments);`, with either list left out.
bool FunctionParser::parseCall(Instruction &instruction, bool &isDirect) {
  if (tokens.token().is('(') &&
      (!parseCallList(instruction.operands[1]) || !tokens.expect(',')))
    return false;
  uint32_t line = tokens.line();
  std::string_view name;
  if (!tokens.expectWord(name, "the name of a function"))
    return false;
  RegisterClass regClass;
  uint32_t number = 0;
  isDirect = !context.scopes.findRegister(name, regClass, number);
  if (!isDirect)
    return refuse(instruction.line,
                  "an indirect call, through " + quote(name) +
                      ", is not emulated: call the function by its name") &&
           skipStatement();
  const Symbol *symbol = context.scopes.find(name);
  if (!symbol || symbol->kind != Symbol::Kind::function)
    return tokens.fail(line, "undefined function " + quote(name));
  instruction.operands[0].kind = OperandKind::function;
  instruction.operands[0].index = symbol->index;
  instruction.operandCount = 3;
  if (tokens.takeIf(',') && !parseCallList(instruction.operands[2]))
    return false;
  context.calls.push_back(
      {index, symbol->index, uint32_t(function.instructions.size())});
  return tokens.expect(';');
}
