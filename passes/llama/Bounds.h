//===- Bounds.h - Bounds of a bucket, as a pass option ----------*- C++ -*-===//
//
// The typed form of `decode:1:1`, so that a pipeline string and C++ code say
// the same thing and a wrong one is refused while options are parsed.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_PASSES_LLAMA_BOUNDS_H
#define QUIPU_PASSES_LLAMA_BOUNDS_H

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdint>
#include <string>

namespace quipu::llama {

/// A bucket of the step: T <= maxTokens, R <= maxRows. Written
/// NAME:MAX_TOKENS:MAX_ROWS.
struct Bounds {
  std::string name;
  int64_t maxTokens = 1;
  int64_t maxRows = 1;

  bool operator==(const Bounds &) const = default;
};

llvm::raw_ostream &operator<<(llvm::raw_ostream &os, const Bounds &bounds);

} // namespace quipu::llama

template <>
class llvm::cl::parser<quipu::llama::Bounds>
    : public llvm::cl::basic_parser<quipu::llama::Bounds> {
public:
  using basic_parser::basic_parser;
  /// Returns true on error, after reporting it, as cl parsers do.
  bool parse(llvm::cl::Option &option, llvm::StringRef argName,
             llvm::StringRef text, quipu::llama::Bounds &value);
  llvm::StringRef getValueName() const override {
    return "NAME:MAX_TOKENS:MAX_ROWS";
  }
};

#endif // QUIPU_PASSES_LLAMA_BOUNDS_H
