//===- GraphBuilder.h - From a model to its graph ---------------*- C++ -*-===//
//
// Writes the architecture numbers of a Model down as a graph in the llama
// dialect. The frontends have checked the model, so nothing here can fail for
// a reason that a user sees.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_GRAPH_GRAPHBUILDER_H
#define QUIPU_FRONTENDS_GRAPH_GRAPHBUILDER_H

#include "base/ElementType.h"
#include "frontends/Model.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace quipu {

/// What a graph depends on beyond the model.
struct GraphOptions {
  int64_t pageSize = 64;                 // KV slots of one page
  ElementType kvType = ElementType::f16; // f32, f16 or bf16
  int64_t maxContext = 0;                // 0: what the model was made for
};

/// Names of the discardable attributes of the module.
inline constexpr llvm::StringLiteral vocabSizeAttrName = "llama.vocab_size";
inline constexpr llvm::StringLiteral maxContextAttrName = "llama.max_context";

/// The module of `model`: a llama.param for every tensor, the table @rope, and
///
///   func.func @step(%tokens, %positions, %slots, %sequences : tensor<?xi32>,
///                   %pages : tensor<?x?xi32>, %rows : tensor<?xi32>,
///                   %kv.0 ... : !llama.kv<...> of every layer)
///       -> (logits tensor<?xVxf32>, argmax tensor<?xi32>, the kv values)
///
/// %tokens, %positions, %slots and %sequences have a length of T tokens, %rows
/// of R, %pages is (sequences, pages). The location of an op is its name in the
/// model, as in "layers.3.attn.q". `context` has the llama and func dialects
/// loaded afterwards.
mlir::OwningOpRef<mlir::ModuleOp> buildGraph(mlir::MLIRContext &context,
                                             const Model &model,
                                             const GraphOptions &options);

} // namespace quipu

#endif // QUIPU_FRONTENDS_GRAPH_GRAPHBUILDER_H
