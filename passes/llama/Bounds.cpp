//===- Bounds.cpp - Bounds of a bucket, as a pass option ------------------===//
//
// Text to struct and back.
//
//===----------------------------------------------------------------------===//

#include "passes/llama/Bounds.h"

#include "llvm/ADT/StringExtras.h"

using namespace quipu::llama;

llvm::raw_ostream &quipu::llama::operator<<(llvm::raw_ostream &os,
                                            const Bounds &bounds) {
  return os << bounds.name << ':' << bounds.maxTokens << ':' << bounds.maxRows;
}

/// A name can end an identifier, as in @decode_logits.
static bool isName(llvm::StringRef text) {
  return !text.empty() && llvm::isAlpha(text.front()) &&
         llvm::all_of(text,
                      [](char c) { return llvm::isAlnum(c) || c == '_'; });
}

bool llvm::cl::parser<Bounds>::parse(Option &option, StringRef, StringRef text,
                                     Bounds &value) {
  SmallVector<StringRef, 3> parts;
  text.split(parts, ':');
  if (parts.size() != 3 || !isName(parts[0]) ||
      parts[1].getAsInteger(10, value.maxTokens) || value.maxTokens < 1 ||
      parts[2].getAsInteger(10, value.maxRows) || value.maxRows < 1)
    return option.error("expected NAME:MAX_TOKENS:MAX_ROWS, found '" + text +
                        "'");
  value.name = parts[0].str();
  return false;
}
