//===- Labels.h - What ops are called ---------------------------*- C++ -*-===//
//
// The names that a person sees in remarks, profiles and IR, from the locations
// that the graph builder gave: "layers.0.attn.q", and "layers.0.qkv" for what
// was made of three of those.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_PASSES_LLAMA_LABELS_H
#define QUIPU_PASSES_LLAMA_LABELS_H

#include "dialects/llama/Dialect.h"

#include <string>

namespace quipu::llama {

/// The name of a linear in the model: that of its location, or its weights'.
std::string nameOf(LinearOp linear);

/// One name for several that differ in the last component: a.q, a.k, a.v give
/// a.qkv; a.gate, a.up give a.gate_up.
std::string joinNames(llvm::ArrayRef<std::string> names);

/// The label of a fusion around `linear`: its name without the block it stands
/// in, layers.0.attn.qkv giving layers.0.qkv.
std::string fusionLabel(LinearOp linear);

} // namespace quipu::llama

#endif // QUIPU_PASSES_LLAMA_LABELS_H
