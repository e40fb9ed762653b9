//===- FormTable.cpp - Mnemonics read by the table of forms ---------------===//
//
// Matches the words of a mnemonic against the forms of its name. A parse meets
// a few dozen different mnemonics, so this is written for its messages and not
// for speed.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/ptx/FormTable.h"

#include "runtime/devices/emulator/ptx/FormCompiler.h"

#include <algorithm>

using namespace quipu;
using namespace quipu::ptx;
using Field = Word::Field;

namespace {

constexpr std::string_view typeNames[] = {
    "none",  "pred", "b8",     "b16",  "b32", "b64", "b128",   "u8",
    "u16",   "u32",  "u64",    "s8",   "s16", "s32", "s64",    "f16",
    "f16x2", "bf16", "bf16x2", "tf32", "f32", "f64", "e4m3x2", "e5m2x2"};

/// The words of a mnemonic behind its name, types apart.
struct Words {
  std::vector<std::string_view> modifiers;
  std::vector<Type> types;
};

void setFlag(Instruction &instruction, Flag flag) {
  switch (flag) {
  case Flag::ftz:
    instruction.ftz = true;
    break;
  case Flag::sat:
    instruction.sat = true;
    break;
  case Flag::approx:
    instruction.approx = true;
    break;
  case Flag::full:
    instruction.full = true;
    break;
  case Flag::uniform:
    instruction.uniform = true;
    break;
  case Flag::carryOut:
    instruction.carryOut = true;
    break;
  case Flag::to:
    instruction.to = true;
    break;
  case Flag::trans:
    instruction.trans = true;
    break;
  case Flag::nonCoherent:
    instruction.nonCoherent = true;
    break;
  case Flag::nan:
    instruction.nan = true;
    break;
  case Flag::relu:
    instruction.relu = true;
    break;
  case Flag::parity:
    instruction.parity = true;
    break;
  case Flag::noinc:
    instruction.noinc = true;
    break;
  case Flag::read:
    instruction.read = true;
    break;
  case Flag::aligned:
    instruction.aligned = true;
    break;
  }
}

void set(Mnemonic::Reading &reading, const Word &word) {
  Instruction &instruction = reading.instruction;
  switch (word.field) {
  case Field::rounding:
    instruction.rounding = Rounding(word.value);
    break;
  case Field::compare:
    instruction.compare = Compare(word.value);
    break;
  case Field::mode:
    instruction.mode = Mode(word.value);
    break;
  case Field::mode2:
    instruction.mode2 = Mode(word.value);
    break;
  case Field::cache:
    instruction.cache = CacheOp(word.value);
    break;
  case Field::semantics:
    instruction.semantics = Semantics(word.value);
    break;
  case Field::scope:
    instruction.scope = Scope(word.value);
    break;
  case Field::shape:
    instruction.shape = Shape(word.value);
    break;
  case Field::space:
    instruction.space = Space(word.value);
    break;
  case Field::space2:
    instruction.space2 = Space(word.value);
    break;
  case Field::vector:
    instruction.vectorWidth = word.value;
    break;
  case Field::flag:
    setFlag(instruction, Flag(word.value));
    break;
  case Field::ignored:
    break;
  case Field::policy:
    reading.policy = true;
    break;
  }
}

bool takes(const CompiledForm &form, std::string_view word) {
  for (const CompiledForm::Item &item : form.items)
    for (const Word &each : item.words)
      if (!item.preset && each.text == word)
        return true;
  return false;
}

bool takes(const CompiledForm &form, const std::vector<Type> &types) {
  if (types.size() != form.types.size())
    return false;
  for (size_t i = 0; i < types.size(); ++i)
    if (!std::ranges::count(form.types[i], types[i]))
      return false;
  return true;
}

/// Gives each word its item. `missing` becomes a required item without one.
bool match(const CompiledForm &form, const Words &words,
           Mnemonic::Reading &reading, const CompiledForm::Item *&missing) {
  if (!takes(form, words.types))
    return false;
  std::vector<bool> used(form.items.size());
  for (std::string_view word : words.modifiers) {
    bool found = false;
    for (size_t i = 0; i < form.items.size() && !found; ++i) {
      const CompiledForm::Item &item = form.items[i];
      if (used[i] || item.preset)
        continue;
      auto at = std::ranges::find(item.words, word, &Word::text);
      if (at == item.words.end())
        continue;
      set(reading, *at);
      used[i] = found = true;
    }
    if (!found)
      return false;
  }
  for (size_t i = 0; i < form.items.size(); ++i) {
    if (form.items[i].preset)
      set(reading, form.items[i].words.front());
    if (form.items[i].required && !used[i]) {
      missing = &form.items[i];
      return false;
    }
  }
  Instruction &instruction = reading.instruction;
  instruction.opcode = form.form->opcode;
  Type *slots[] = {&instruction.type, &instruction.type2, &instruction.type3,
                   &instruction.type4};
  for (size_t i = 0; i < words.types.size(); ++i)
    *slots[i] = words.types[i];
  reading.form = &form;
  return true;
}

/// Why no form took the mnemonic.
Error explain(std::string_view mnemonic, const Words &words,
              const std::vector<CompiledForm> &forms,
              const CompiledForm::Item *missing) {
  auto quoted = [&](std::string_view what) {
    return std::string(what) + " in '" + std::string(mnemonic) + "'";
  };
  for (std::string_view word : words.modifiers)
    if (std::ranges::none_of(forms,
                             [&](auto &form) { return takes(form, word); }))
      return Error{quoted("unknown modifier '." + std::string(word) + "'")};
  if (std::ranges::none_of(
          forms, [&](auto &form) { return takes(form, words.types); })) {
    std::string types;
    for (Type type : words.types)
      types += "." + std::string(name(type));
    return Error{types.empty() ? quoted("no type")
                               : quoted("unsupported type '" + types + "'")};
  }
  if (missing) {
    std::string list;
    for (const Word &word : missing->words)
      list += (list.empty() ? "." : ", .") + std::string(word.text);
    return Error{"'" + std::string(mnemonic) + "' lacks " +
                 (missing->words.size() > 1 ? "one of " : "") + list};
  }
  return Error{quoted("unsupported combination of modifiers and types")};
}

} // namespace

Type quipu::ptx::parseType(std::string_view name) {
  auto at = std::ranges::find(typeNames, name);
  return at == std::end(typeNames) ? Type::none
                                   : Type(at - std::begin(typeNames));
}

std::string_view quipu::ptx::name(Type type) { return typeNames[size_t(type)]; }

FormTable::FormTable() {
  for (const Form &form : forms())
    byName[form.name].push_back(compileForm(form));
}

const FormTable &FormTable::instance() {
  static const FormTable table;
  return table;
}

Result<Mnemonic> FormTable::read(std::string_view mnemonic) const {
  // The name is the longest beginning that is one.
  auto known = byName.find(mnemonic);
  for (size_t end = mnemonic.rfind('.');
       known == byName.end() && end != mnemonic.npos && end > 0;
       end = mnemonic.rfind('.', end - 1))
    known = byName.find(mnemonic.substr(0, end));
  if (known == byName.end())
    return Error{"unknown instruction '" + std::string(mnemonic) + "'"};
  Words words;
  std::string_view rest = mnemonic.substr(known->first.size());
  while (!rest.empty()) {
    rest.remove_prefix(1);
    std::string_view word = rest.substr(0, rest.find('.'));
    rest.remove_prefix(word.size());
    Type type = parseType(word);
    if (type != Type::none)
      words.types.push_back(type);
    else
      words.modifiers.push_back(word);
  }
  Mnemonic result;
  const CompiledForm::Item *missing = nullptr;
  for (const CompiledForm &form : known->second) {
    Mnemonic::Reading reading;
    if (match(form, words, reading, missing))
      result.readings.push_back(reading);
  }
  if (result.readings.empty())
    return explain(mnemonic, words, known->second, missing);
  return result;
}
