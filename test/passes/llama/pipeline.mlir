// The default order of the passes, on one whole layer of a step: what is left
// outside of the groups is the embedding, the attention and the row selection.
// RUN: quipu-opt %s --pass-pipeline="builtin.module( \
// RUN:   llama-specialize-buckets{buckets=decode:1:1 entries=argmax}, \
// RUN:   func.func(llama-merge-projections, llama-fuse-rope, \
// RUN:     llama-fuse-swiglu, llama-fuse-residual, llama-fuse-norm, \
// RUN:     llama-fuse-argmax, llama-verify-fused))" 2>&1 | FileCheck %s
// Fusions grow in any order.
// RUN: quipu-opt %s --pass-pipeline="builtin.module( \
// RUN:   llama-specialize-buckets{buckets=decode:1:1 entries=argmax}, \
// RUN:   func.func(llama-fuse-argmax, llama-merge-projections, \
// RUN:     llama-fuse-norm, llama-fuse-residual, llama-fuse-swiglu, \
// RUN:     llama-fuse-rope, llama-verify-fused))" 2>&1 | FileCheck %s

llama.rope_table @rope [1.0, 0.5, 0.1, 0.05, 0.01, 0.005, 0.001, 0.0005] scale 1.0
llama.param @tok_embed : tensor<128x64x!llama.q4_1>
llama.param @layers.0.attn_norm : tensor<64xf32>
llama.param @layers.0.attn.wq : tensor<64x64x!llama.q4_1>
llama.param @layers.0.attn.wk : tensor<32x64x!llama.q4_1>
llama.param @layers.0.attn.wv : tensor<32x64x!llama.q8_0>
llama.param @layers.0.attn.wo : tensor<64x64x!llama.q4_1>
llama.param @layers.0.mlp_norm : tensor<64xf32>
llama.param @layers.0.mlp.w_gate : tensor<96x64x!llama.q4_1>
llama.param @layers.0.mlp.w_up : tensor<96x64x!llama.q4_1>
llama.param @layers.0.mlp.w_down : tensor<64x96x!llama.q4_1>
llama.param @out_norm : tensor<64xf32>

!kv = !llama.kv<2, 16, page 32, f16>

// CHECK-NOT:   remark
// CHECK-LABEL: func.func @decode_argmax
// CHECK-NEXT:    llama.embedding
// CHECK-NEXT:    %[[QKV:.*]]:2 = llama.fusion "layers.0.qkv" -> tensor<?x64xf32>, !llama.kv<2, 16, page 32, f16> {
// CHECK-NEXT:      llama.rms_norm
// CHECK-NEXT:      llama.linear
// CHECK-NEXT:      llama.rope
// CHECK-NEXT:      llama.rope
// CHECK-NEXT:      llama.kv_append
// CHECK-NEXT:      llama.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    llama.attention %[[QKV]]#0, %[[QKV]]#1
// CHECK-NEXT:    llama.fusion "layers.0.o" -> tensor<?x64xf32> {
// CHECK-NEXT:      llama.linear
// CHECK-NEXT:      llama.add
// CHECK-NEXT:      llama.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    llama.fusion "layers.0.gate_up" -> tensor<?x96xf32> {
// CHECK-NEXT:      llama.rms_norm
// CHECK-NEXT:      llama.linear
// CHECK-NEXT:      llama.silu
// CHECK-NEXT:      llama.mul
// CHECK-NEXT:      llama.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    llama.fusion "layers.0.down" -> tensor<?x64xf32> {
// CHECK-NEXT:      llama.linear
// CHECK-NEXT:      llama.add
// CHECK-NEXT:      llama.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    llama.select_rows
// CHECK-NEXT:    llama.fusion "lm_head" -> tensor<?xi32> {
// CHECK-NEXT:      llama.rms_norm
// CHECK-NEXT:      llama.linear
// CHECK-NEXT:      llama.argmax
// CHECK-NEXT:      llama.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    return
func.func @step(%tokens: tensor<?xi32>, %positions: tensor<?xi32>,
    %slots: tensor<?xi32>, %sequences: tensor<?xi32>, %pages: tensor<?x?xi32>,
    %rows: tensor<?xi32>, %kv: !kv)
    -> (tensor<?x128xf32>, tensor<?xi32>, !kv) {
  %x = llama.embedding %tokens, @tok_embed : tensor<?xi32> -> tensor<?x64xf32>
  %n = llama.rms_norm %x, @layers.0.attn_norm eps 1.0e-5 : tensor<?x64xf32>
  %q = llama.linear %n, [@layers.0.attn.wq] : tensor<?x64xf32> -> tensor<?x64xf32> loc("layers.0.attn.q")
  %k = llama.linear %n, [@layers.0.attn.wk] : tensor<?x64xf32> -> tensor<?x32xf32> loc("layers.0.attn.k")
  %v = llama.linear %n, [@layers.0.attn.wv] : tensor<?x64xf32> -> tensor<?x32xf32> loc("layers.0.attn.v")
  %rq = llama.rope %q, %positions, @rope half head_dim 16 : tensor<?x64xf32>, tensor<?xi32>
  %rk = llama.rope %k, %positions, @rope half head_dim 16 : tensor<?x32xf32>, tensor<?xi32>
  %kv1 = llama.kv_append %kv, %rk, %v, %slots : !kv, tensor<?x32xf32>, tensor<?xi32>
  %a = llama.attention %rq, %kv1, %positions, %sequences, %pages scale 0.25
      : tensor<?x64xf32>, !kv, tensor<?xi32>, tensor<?x?xi32>
  %o = llama.linear %a, [@layers.0.attn.wo] : tensor<?x64xf32> -> tensor<?x64xf32> loc("layers.0.attn.o")
  %y = llama.add %x, %o : tensor<?x64xf32>
  %m = llama.rms_norm %y, @layers.0.mlp_norm eps 1.0e-5 : tensor<?x64xf32>
  %gate = llama.linear %m, [@layers.0.mlp.w_gate] : tensor<?x64xf32> -> tensor<?x96xf32> loc("layers.0.mlp.gate")
  %up = llama.linear %m, [@layers.0.mlp.w_up] : tensor<?x64xf32> -> tensor<?x96xf32> loc("layers.0.mlp.up")
  %s = llama.silu %gate : tensor<?x96xf32>
  %p = llama.mul %s, %up : tensor<?x96xf32>
  %d = llama.linear %p, [@layers.0.mlp.w_down] : tensor<?x96xf32> -> tensor<?x64xf32> loc("layers.0.mlp.down")
  %z = llama.add %y, %d : tensor<?x64xf32>
  %l = llama.select_rows %z, %rows : tensor<?x64xf32>, tensor<?xi32> -> tensor<?x64xf32>
  %f = llama.rms_norm %l, @out_norm eps 1.0e-5 : tensor<?x64xf32>
  %logits = llama.linear %f, [@tok_embed] : tensor<?x64xf32> -> tensor<?x128xf32> loc("lm_head")
  %next = llama.argmax %logits : tensor<?x128xf32> -> tensor<?xi32>
  return %logits, %next, %kv1 : tensor<?x128xf32>, tensor<?xi32>, !kv
}
