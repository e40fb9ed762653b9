//===- Labels.cpp - What ops are called -----------------------------------===//
//
// Dotted names: split, joined, shortened.
//
//===----------------------------------------------------------------------===//

#include "passes/llama/Labels.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::llama;

std::string llama::nameOf(LinearOp linear) {
  if (auto named = dyn_cast<NameLoc>(linear.getLoc()))
    return named.getName().str();
  SmallVector<std::string> weights;
  for (auto weight : linear.getWeights().getAsRange<FlatSymbolRefAttr>())
    weights.push_back(weight.getValue().str());
  return joinNames(weights);
}

std::string llama::joinNames(ArrayRef<std::string> names) {
  std::string prefix;
  SmallVector<StringRef> leaves;
  for (StringRef name : names) {
    // rsplit puts a name without a dot into `first`.
    auto [parent, leaf] = name.rsplit('.');
    if (leaf.empty())
      std::swap(parent, leaf);
    if (prefix.empty() && !parent.empty())
      prefix = (parent + ".").str();
    leaves.push_back(leaf);
  }
  bool letters =
      llvm::all_of(leaves, [](StringRef leaf) { return leaf.size() == 1; });
  return prefix + llvm::join(leaves, letters ? "" : "_");
}

std::string llama::fusionLabel(LinearOp linear) {
  std::string name = nameOf(linear);
  auto [parent, leaf] = StringRef(name).rsplit('.');
  for (StringRef block : {".attn", ".mlp"})
    if (parent.consume_back(block))
      return (parent + "." + leaf).str();
  return name;
}
