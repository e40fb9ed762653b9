//===- FormCompiler.cpp - A form's strings as data ------------------------===//
//
// The little language of Forms.h: items separated by spaces, `$group`s replaced
// by what they stand for.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/ptx/FormCompiler.h"

#include <algorithm>
#include <cassert>

using namespace quipu::ptx;
using Field = Word::Field;

static std::vector<std::string_view> split(std::string_view text, char by) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    std::string_view part = text.substr(0, text.find(by));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    if (!part.empty())
      parts.push_back(part);
  }
  return parts;
}

static std::string_view group(std::string_view name) {
  auto at = std::ranges::find(groups(), name, &Group::name);
  assert(at != groups().end() && "no such group");
  return at->items;
}

static Field field(std::string_view name) {
  constexpr std::string_view names[] = {
      "rounding",  "compare", "mode",    "mode2", "cache",
      "semantics", "scope",   "shape",   "space", "space2",
      "vector",    "flag",    "ignored", "policy"};
  auto at = std::ranges::find(names, name);
  assert(at != std::end(names) && "no such field");
  return Field(at - std::begin(names));
}

/// The word itself, for a field, or where `field` is null, as a flag.
static Word word(std::string_view text, const Field *field) {
  if (field && *field == Field::ignored)
    return {Field::ignored, text, 0};
  for (const Word &word : words())
    if (word.text == text &&
        (field ? word.field == *field : word.field >= Field::flag))
      return word;
  assert(false && "no such word");
  return {};
}

static void compileModifiers(std::string_view text,
                             std::vector<CompiledForm::Item> &items) {
  for (std::string_view part : split(text, ' ')) {
    CompiledForm::Item item;
    item.required = part.front() == '!';
    item.preset = part.front() == '=';
    if (item.required || item.preset)
      part.remove_prefix(1);
    if (part.front() == '$') {
      // A `!` in front of a group asks for its only item.
      size_t first = items.size();
      compileModifiers(group(part.substr(1)), items);
      items[first].required |= item.required;
      continue;
    }
    size_t equal = part.find('=');
    if (equal == part.npos) {
      item.words.push_back(word(part, nullptr));
    } else {
      Field of = field(part.substr(0, equal));
      for (std::string_view each : split(part.substr(equal + 1), '|'))
        item.words.push_back(word(each, &of));
    }
    items.push_back(std::move(item));
  }
}

/// A type reference at the front of `text`, which loses it.
static void compileType(std::string_view &text, OperandForm &operand) {
  using Which = OperandForm::Which;
  char first = text.front();
  if (first >= '1' && first <= '4') {
    operand.which = Which(first - '1');
    text.remove_prefix(1);
    return;
  }
  if (first == 'w') {
    operand.which = Which::wide;
    text.remove_prefix(1);
    return;
  }
  std::string_view name = text.substr(0, text.find_first_of("?^+~m"));
  operand.which = Which::literal;
  operand.literal = parseType(name);
  assert(operand.literal != Type::none && "no such type");
  text.remove_prefix(name.size());
}

static OperandForm compileOperand(std::string_view text) {
  using Kind = OperandForm::Kind;
  OperandForm operand;
  if (text.front() == '{') {
    operand.inBraces = true;
    operand.fills = text[1] == '/';
    if (text[1] >= '1' && text[1] <= '8')
      operand.count = uint8_t(text[1] - '0');
    text.remove_prefix(2);
  }
  char first = text.front();
  text.remove_prefix(1);
  switch (first) {
  case '>':
    operand.kind = Kind::destination;
    break;
  case '<':
    operand.kind = Kind::source;
    break;
  case '|':
    operand.kind = Kind::second;
    operand.optional = true;
    operand.sink = true;
    break;
  case '[':
    operand.kind = Kind::address;
    operand.isSecondSpace = text == "2";
    operand.isShared = text == "s";
    return operand;
  case '#':
    operand.kind = Kind::immediate;
    operand.which = OperandForm::Which::literal;
    operand.literal = Type::u32;
    return operand;
  case '-':
    return operand;
  case 'L':
    operand.kind = Kind::label;
    return operand;
  case 'B':
    operand.kind = Kind::table;
    return operand;
  default:
    assert(first == 'F' && "no such operand");
    operand.kind = Kind::call;
    return operand;
  }
  compileType(text, operand);
  for (char suffix : text) {
    operand.optional |= suffix == '?';
    operand.withPolicy |= suffix == '^';
    operand.wider |= suffix == '+';
    operand.sink |= suffix == '~';
    operand.anything |= suffix == 'm';
  }
  return operand;
}

CompiledForm quipu::ptx::compileForm(const Form &form) {
  CompiledForm compiled;
  compiled.form = &form;
  compileModifiers(form.modifiers, compiled.items);
  for (std::string_view part : split(form.types, ' ')) {
    std::vector<Type> &types = compiled.types.emplace_back();
    if (part.front() == '$')
      part = group(part.substr(1));
    for (std::string_view name : split(part, '|')) {
      types.push_back(parseType(name));
      assert(types.back() != Type::none && "no such type");
    }
  }
  for (std::string_view part : split(form.operands, ' '))
    compiled.operands.push_back(compileOperand(part));
  assert(compiled.operands.size() <= maxOperands && "too many operands");
  return compiled;
}
