//===- Passes.td - Conversions between the dialects -----------------------===//
//
// llama -> kernel -> plan. Each pass converts whole step functions.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_PASSES_CONVERSION_PASSES_TD
#define QUIPU_PASSES_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def LlamaToKernelPass : Pass<"llama-to-kernel", "::mlir::ModuleOp"> {
  let summary = "turn every group of llama ops into one skeleton";
  let description = [{
    Each llama.fusion, and each llama op outside one, becomes one skeleton op of
    the kernel dialect with its payload regions. Linears become matvec where the
    step's bucket has one token (or row), matmul otherwise; attention becomes
    attention_decode up to `decode-tokens` tokens, attention_prefill above.

    Precondition: functions in the llama dialect, each with llama.bucket or
    without a bound. Postcondition: no llama op is left in a function but values
    of llama.param and llama.rope_table, read through kernel.param.

    Before: `%y = llama.add %a, %b : tensor<?x64xf32>`
    After: a kernel.rowwise with one segment whose epilogue adds two elements.
  }];
  let options = [
    Option<"decodeTokens", "decode-tokens", "int64_t", "8",
           "most tokens of a bucket that uses attention_decode">
  ];
  let dependentDialects = ["::quipu::kernel::KernelDialect"];
}

def KernelOutlinePass : Pass<"kernel-outline", "::mlir::ModuleOp"> {
  let summary = "move each distinct kernel into a function of its own";
  let description = [{
    Every skeleton op becomes a call of a private function that holds it; equal
    ones (up to names of parameters and labels, for one kind of device) share the
    function, so that a model has about ten kernels and not ten per layer.

    Precondition: skeletons with schedules. Postcondition: step functions hold
    only kernel.param, func.call and func.return; calls carry the label.

    Before: `%y = kernel.rowwise "layers.0.add" ...`
    After: `%y = func.call @rowwise_0(%a, %b) {label = "layers.0.add"}`
  }];
  let dependentDialects = ["::mlir::func::FuncDialect"];
}

def KernelToPlanPass : Pass<"kernel-to-plan", "::mlir::ModuleOp"> {
  let summary = "order kernels into launches over an arena";
  let description = [{
    Each step function with llama.bucket becomes a plan.bucket. Results live in
    an arena, at offsets chosen by liveness: bytes are reused only by launches
    after the last reader. KV caches become references to the runtime's pages.
    Where the bucket leaves linears to cuBLAS, the launch of a kernel that is a
    product of matrices and no more says which of its arguments are what.

    Precondition: kernel-outline has run. Postcondition: step functions are gone;
    parameters that launches read are plan.parameter or plan.rope_table.

    Before: `%y = func.call @rowwise_0(%a, %b) {label = "layers.0.add"}`
    After: `plan.launch @rowwise_0 "layers.0.add" [...] grid <1, ...>`
  }];
  let options = [
    Option<"maxSplits", "max-splits", "int64_t", "32",
           "bound on KV ranges of attention_decode">
  ];
  let dependentDialects = ["::quipu::planir::PlanDialect"];
}

#endif // QUIPU_PASSES_CONVERSION_PASSES_TD
