//===- LlamaInterpreter.h - Runs graphs in double precision -----*- C++ -*-===//
//
// The reference meaning of the llama dialect: each op is its formula, on
// doubles, in plain loops. A fusion means its ops one after the other, so that
// a fused graph gives bit for bit what the unfused one gives.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_INTERPRETERS_LLAMA_LLAMAINTERPRETER_H
#define QUIPU_INTERPRETERS_LLAMA_LLAMAINTERPRETER_H

#include "interpreters/StepState.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace quipu::llama {

/// Runs `function`, whose body holds llama ops and func.return; its results in
/// order. A value of a tensor type is a DenseTensor, of !llama.kv a KvState.
/// `parameters` gives the bytes of every llama.param that is read. A sum runs
/// over its terms in order, whatever the number of tokens, so that prefill and
/// decode give the same bits.
///
/// Fails with an error at an op of another dialect, an index out of range, a
/// slot that is written twice, and a KV value that is read after its append.
mlir::FailureOr<std::vector<StepValue>>
interpretLlama(mlir::func::FuncOp function, std::vector<StepValue> arguments,
               const ParameterSource &parameters,
               KvRounding rounding = KvRounding::exact);

} // namespace quipu::llama

#endif // QUIPU_INTERPRETERS_LLAMA_LLAMAINTERPRETER_H
