//===- Passes.td - Passes over the llama dialect --------------------------===//
//
// In the order of the default pipeline. Fusion passes only move ops into
// llama.fusion: what a graph computes is the same before and after each.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_PASSES_LLAMA_PASSES_TD
#define QUIPU_PASSES_LLAMA_PASSES_TD

include "mlir/Pass/PassBase.td"

def SpecializeBuckets : Pass<"llama-specialize-buckets", "::mlir::ModuleOp"> {
  let summary = "clone the step for each bucket and entry";
  let description = [{
    Replaces @step, which returns logits, argmax and the KV caches, by a clone
    for every kind of device, bucket (bounds on T and R) and entry. A clone
    returns logits or argmax, then the caches; ops that nothing needs any more are dropped.
    With `gemm=cublas`, clones for a GPU of more than 8 tokens say so in their
    bucket, and a remark at each linear that is not for cuBLAS says why.

    Precondition: a function @step with those results. Postcondition: every
    function has the attribute llama.bucket; there is no @step.

    Before:
    ```mlir
    func.func @step(...) -> (tensor<?x32000xf32>, tensor<?xi32>, !llama.kv<...>)
    ```
    After, with `buckets=decode:1:1`:
    ```mlir
    func.func @decode_logits(...) -> (tensor<?x32000xf32>, !llama.kv<...>)
        attributes {llama.bucket = #llama.bucket<decode, logits, max_tokens = 1, max_rows = 1>}
    func.func @decode_argmax(...) -> (tensor<?xi32>, !llama.kv<...>)
        attributes {llama.bucket = #llama.bucket<decode, argmax, max_tokens = 1, max_rows = 1>}
    ```
  }];
  let options = [
    ListOption<"buckets", "buckets", "Bounds",
               "bounds as NAME:MAX_TOKENS:MAX_ROWS; by default decode:1:1, "
               "small:8:8, batch:64:64, prefill:512:16">,
    ListOption<"entries", "entries", "std::string",
               "results of a clone: logits, argmax; both by default">,
    ListOption<"devices", "devices", "std::string",
               "kinds of device to clone for: cpu, gpu; cpu by default">,
    Option<"gemm", "gemm", "std::string", "\"generated\"",
           "who computes linears of more than 8 tokens on a GPU: generated "
           "kernels, or cublas where it can">
  ];
}

class LlamaFunctionPass<string flag> : Pass<flag, "::mlir::func::FuncOp"> {
  let dependentDialects = ["::quipu::llama::LlamaDialect"];
}

def MergeProjections : LlamaFunctionPass<"llama-merge-projections"> {
  let summary = "join linears of one input";
  let description = [{
    Linears that read one value become one linear with all their weights, in
    program order: the input is read and prepared once, and epilogues that need
    two results (rope with kv_append, SwiGLU) become possible. Stored types may
    differ. Linears that are already in a fusion, or left to cuBLAS by the bucket,
    are left alone, with a remark.

    Precondition: none; it does most before the fusions, whose linears it leaves.
    Postcondition: no two linears outside of fusions read one value, but for those
    left to cuBLAS.

    Before:
    ```mlir
    %q = llama.linear %n, [@wq] : tensor<?x576xf32> -> tensor<?x576xf32>
    %k = llama.linear %n, [@wk] : tensor<?x576xf32> -> tensor<?x192xf32>
    ```
    After:
    ```mlir
    %q, %k = llama.linear %n, [@wq, @wk]
        : tensor<?x576xf32> -> tensor<?x576xf32>, tensor<?x192xf32>
    ```
  }];
}

def FuseRope : LlamaFunctionPass<"llama-fuse-rope"> {
  let summary = "group a linear with rope and kv_append of its results";
  let description = [{
    Moves the ropes of a linear's results, and the kv_append of those, into the
    group of the linear. Where the append cannot join, the ropes alone do.

    Precondition for the append: keys and values are results of one linear
    (llama-merge-projections). Postcondition: unrotated results that are rotated
    in a group do not leave it.

    Before:
    ```mlir
    %q, %k, %v = llama.linear %n, [@wq, @wk, @wv] : ...
    %rq = llama.rope %q, %positions, @rope half head_dim 64 : ...
    %rk = llama.rope %k, %positions, @rope half head_dim 64 : ...
    %kv1 = llama.kv_append %kv0, %rk, %v, %slots : ...
    ```
    After:
    ```mlir
    %rq, %kv1 = llama.fusion "layers.0.qkv" -> tensor<?x576xf32>, !llama.kv<...> {
      %q, %k, %v = llama.linear %n, [@wq, @wk, @wv] : ...
      ...
      llama.yield %rq, %kv1 : tensor<?x576xf32>, !llama.kv<...>
    }
    ```
  }];
}

def FuseSwiglu : LlamaFunctionPass<"llama-fuse-swiglu"> {
  let summary = "group the linear of gate and up with silu and mul";
  let description = [{
    Moves silu and mul into the group of the linear that computes both of their
    inputs.

    Precondition: gate and up are the two results of one linear
    (llama-merge-projections); a silu and mul of others stay, with a remark.
    Postcondition: of a group that was formed, gate and up do not leave it.

    Before:
    ```mlir
    %gate, %up = llama.linear %n, [@w_gate, @w_up] : ...
    %s = llama.silu %gate : tensor<?x1536xf32>
    %m = llama.mul %s, %up : tensor<?x1536xf32>
    ```
    After:
    ```mlir
    %m = llama.fusion "layers.0.gate_up" -> tensor<?x1536xf32> {
      %gate, %up = llama.linear %n, [@w_gate, @w_up] : ...
      %s = llama.silu %gate : tensor<?x1536xf32>
      %p = llama.mul %s, %up : tensor<?x1536xf32>
      llama.yield %p : tensor<?x1536xf32>
    }
    ```
  }];
}

def FuseResidual : LlamaFunctionPass<"llama-fuse-residual"> {
  let summary = "group a linear with the add to the residual stream";
  let description = [{
    Moves an add into the group of the linear that computes one of its operands,
    if nothing else reads that operand. Of two linears the later one is tried
    first.

    Precondition: none; the linear may be in a group, of which it is a result.
    Postcondition: no add outside of fusions reads a linear's result, unless a
    remark at the linear says why.

    Before:
    ```mlir
    %o = llama.linear %a, [@wo] : tensor<?x576xf32> -> tensor<?x576xf32>
    %y = llama.add %x, %o : tensor<?x576xf32>
    ```
    After:
    ```mlir
    %y = llama.fusion "layers.0.o" -> tensor<?x576xf32> {
      %o = llama.linear %a, [@wo] : tensor<?x576xf32> -> tensor<?x576xf32>
      %s = llama.add %x, %o : tensor<?x576xf32>
      llama.yield %s : tensor<?x576xf32>
    }
    ```
  }];
}

def FuseNorm : LlamaFunctionPass<"llama-fuse-norm"> {
  let summary = "move an rms_norm into the group that reads it";
  let description = [{
    Moves an rms_norm into the group of the one linear that reads it. Gamma is
    applied while the kernel prepares its activations and 1 / rms after the dot
    product, so the normed row is never written.

    Precondition: one linear, and nothing else, reads the norm
    (llama-merge-projections). Postcondition: a norm that a linear reads is in
    that linear's group, or a remark at it or at the linear says why not.

    Before:
    ```mlir
    %n = llama.rms_norm %x, @mlp_norm eps 1.0e-5 : tensor<?x576xf32>
    %m = llama.fusion "layers.0.gate_up" -> tensor<?x1536xf32> {
      %gate, %up = llama.linear %n, [@w_gate, @w_up] : ...
      ...
    }
    ```
    After:
    ```mlir
    %m = llama.fusion "layers.0.gate_up" -> tensor<?x1536xf32> {
      %n = llama.rms_norm %x, @mlp_norm eps 1.0e-5 : tensor<?x576xf32>
      %gate, %up = llama.linear %n, [@w_gate, @w_up] : ...
      ...
    }
    ```
  }];
}

def FuseArgmax : LlamaFunctionPass<"llama-fuse-argmax"> {
  let summary = "group a linear with the argmax of its result";
  let description = [{
    Moves an argmax into the group of the linear whose result it reads, if
    nothing else reads it.

    Precondition: none. Postcondition: an argmax of a linear's result is in its
    group, or the linear has a remark that says why not.

    Before:
    ```mlir
    %l = llama.linear %x, [@lm_head] : tensor<?x576xf32> -> tensor<?x49152xf32>
    %t = llama.argmax %l : tensor<?x49152xf32> -> tensor<?xi32>
    ```
    After:
    ```mlir
    %t = llama.fusion "lm_head" -> tensor<?xi32> {
      %l = llama.linear %x, [@lm_head] : tensor<?x576xf32> -> tensor<?x49152xf32>
      %a = llama.argmax %l : tensor<?x49152xf32> -> tensor<?xi32>
      llama.yield %a : tensor<?xi32>
    }
    ```
  }];
}

def VerifyFused : LlamaFunctionPass<"llama-verify-fused"> {
  let summary = "check what is legal after fusion; changes nothing";
  let description = [{
    Fails unless

      - the function has a bucket;
      - its body holds llama ops and the return only;
      - every llama.fusion is a group that a skeleton can build;
      - every KV value has one append at most, and its readers precede that.

    The same IR is legal with no fusion at all (-O0), so there is no before and
    after.
  }];
}

#endif // QUIPU_PASSES_LLAMA_PASSES_TD
