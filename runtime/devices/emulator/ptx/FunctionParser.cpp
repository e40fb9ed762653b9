//===- FunctionParser.cpp - The body of a PTX function --------------------===//
//
// Statements other than instructions, and what is settled at closing braces:
// labels that were used before they stood.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/ptx/FunctionParser.h"

#include <algorithm>

using namespace quipu::ptx;
using Kind = Token::Kind;

bool FunctionParser::parseBody() {
  paramEnd = function.paramBytes;
  function.paramBlockBytes = paramEnd;
  if (!tokens.token().is('{'))
    return tokens.failExpecting("'{'");
  if (!openBlock())
    return false;
  uint32_t line = 0;
  while (!blocks.empty()) {
    line = tokens.line();
    if (!parseStatement())
      return false;
  }
  return finish(line);
}

bool FunctionParser::openBlock() {
  if (blocks.size() == mostNesting)
    return tokens.fail(tokens.line(), "more than " +
                                          std::to_string(mostNesting) +
                                          " blocks inside each other");
  tokens.take();
  context.scopes.open();
  blocks.push_back({pending.size(), paramEnd});
  return true;
}

bool FunctionParser::closeBlock() {
  tokens.take();
  // What this block does not declare, an outer one may.
  size_t kept = blocks.back().firstPending;
  for (size_t i = kept; i < pending.size(); ++i) {
    const Symbol *symbol = context.scopes.findInnermost(pending[i].name);
    if (!symbol)
      pending[kept++] = pending[i];
    else if (!resolve(pending[i], *symbol))
      return false;
  }
  pending.resize(kept);
  paramEnd = blocks.back().paramEnd;
  blocks.pop_back();
  context.scopes.close();
  return true;
}

bool FunctionParser::resolve(const Pending &pending, const Symbol &symbol) {
  bool wantsTable = pending.kind == Pending::Kind::table;
  if (symbol.kind != (wantsTable ? Symbol::Kind::table : Symbol::Kind::label))
    return tokens.fail(pending.line,
                       quote(pending.name) + " is no " +
                           (wantsTable ? "list of branch targets" : "label"));
  if (pending.kind == Pending::Kind::tableEntry)
    function.branchTables[pending.at][pending.place] = symbol.index;
  else
    function.instructions[pending.at].operands[pending.place].index =
        symbol.index;
  return true;
}

bool FunctionParser::parseStatement() {
  const Token &token = tokens.token();
  if (token.is('{'))
    return openBlock();
  if (token.is('}'))
    return closeBlock();
  if (tokens.takeIf(';'))
    return true;
  if (token.kind == Kind::directive)
    return parseDirective();
  if (token.kind == Kind::word && tokens.peek().is(':'))
    return parseLabel();
  if (token.kind == Kind::word || token.is('@'))
    return parseInstruction();
  return tokens.failExpecting("an instruction");
}

bool FunctionParser::parseDirective() {
  std::string_view directive = tokens.token().text;
  if (directive == "loc" || directive == "file") {
    tokens.skipLine();
    return true;
  }
  uint32_t line = tokens.take().line;
  if (directive == "reg")
    return parseRegisters(context, function);
  bool isExtern = directive == "extern";
  if (isExtern)
    directive = tokens.take().text;
  if (directive == "shared")
    return parseVariable(Space::shared, isExtern);
  if (directive == "local")
    return parseVariable(Space::local, false);
  if (directive == "param")
    return parseVariable(Space::param, false);
  if (directive == "global")
    return parseGlobal(context, Space::global, isExtern);
  if (directive == "const")
    return parseGlobal(context, Space::constant, isExtern);
  if (directive == "pragma") {
    while (!tokens.token().is(';') && tokens.token().kind == Kind::string)
      tokens.take();
    return tokens.expect(';');
  }
  return tokens.fail(line, "unknown directive " +
                               quote("." + std::string(directive)));
}

bool FunctionParser::parseVariable(Space space, bool isExtern) {
  Declarator declarator;
  if (!parseDeclarator(context, declarator))
    return false;
  Symbol symbol{Symbol::Kind::variable};
  symbol.space = space;
  symbol.line = declarator.line;
  std::vector<Variable> scratch;
  bool placed = true;
  if (space == Space::shared && isExtern) {
    symbol.dynamic = true;
    function.dynamicSharedAlign =
        std::max(function.dynamicSharedAlign, declarator.align);
  } else if (space == Space::shared) {
    placed = place(context, declarator, function.sharedBytes, function.shared);
    symbol.index = uint32_t(function.shared.size() - 1);
    symbol.offset = placed ? function.shared.back().offset : 0;
  } else if (space == Space::local) {
    placed = place(context, declarator, function.localBytes, function.local);
    symbol.index = uint32_t(function.local.size() - 1);
    symbol.offset = placed ? function.local.back().offset : 0;
  } else {
    placed = place(context, declarator, paramEnd, scratch);
    symbol.offset = placed ? scratch.back().offset : 0;
    function.paramBlockBytes = std::max(function.paramBlockBytes, paramEnd);
  }
  symbol.size = declarator.size;
  return placed && context.declare(declarator.name, symbol) &&
         tokens.expect(';');
}

bool FunctionParser::parseLabel() {
  Token name = tokens.take();
  tokens.take();
  if (tokens.token().isDirective("branchtargets"))
    return parseBranchTargets(name.text, name.line);
  if (tokens.token().isDirective("callprototype") ||
      tokens.token().isDirective("calltargets"))
    return skipStatement(); // of an indirect call, which is refused
  Symbol symbol{Symbol::Kind::label};
  symbol.index = uint32_t(function.instructions.size());
  symbol.line = name.line;
  return context.declare(name.text, symbol);
}

/// Goes behind the `;` that ends what stands here.
bool FunctionParser::skipStatement() {
  while (!tokens.takeIf(';')) {
    if (tokens.atEnd() || tokens.token().kind == Kind::error)
      return tokens.failExpecting("';'");
    tokens.take();
  }
  return true;
}

/// Notes why the function cannot run: the first reason is kept.
bool FunctionParser::refuse(uint32_t line, const std::string &message) {
  if (function.refusal.empty())
    function.refusal =
        context.module.fileName + ":" + std::to_string(line) + ": " + message;
  return true;
}

bool FunctionParser::parseBranchTargets(std::string_view label, uint32_t line) {
  tokens.take();
  Symbol symbol{Symbol::Kind::table};
  symbol.index = uint32_t(function.branchTables.size());
  symbol.line = line;
  std::vector<uint32_t> &table = function.branchTables.emplace_back();
  do {
    uint32_t line = tokens.line();
    std::string_view name;
    if (!tokens.expectWord(name, "a label"))
      return false;
    pending.push_back({Pending::Kind::tableEntry, symbol.index,
                       uint32_t(table.size()), name, line});
    table.push_back(noInstruction);
  } while (tokens.takeIf(','));
  return context.declare(label, symbol) && tokens.expect(';');
}

bool FunctionParser::finish(uint32_t line) {
  if (!pending.empty())
    return tokens.fail(pending.front().line,
                       "undefined label " + quote(pending.front().name));
  Instruction last;
  last.opcode = function.isEntry ? Opcode::exit : Opcode::ret;
  last.line = line;
  append(last, lookUp(function.isEntry ? "exit" : "ret").index);
  function.dynamicSharedOffset =
      (function.sharedBytes + function.dynamicSharedAlign - 1) &
      ~(function.dynamicSharedAlign - 1);
  for (auto [instruction, place] : dynamicUses)
    function.instructions[instruction].operands[place].value +=
        function.dynamicSharedOffset;
  return true;
}
