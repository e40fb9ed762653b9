// RUN: quipu-opt %s --llama-fuse-rope --verify-diagnostics | FileCheck %s

llama.param @wq : tensor<64x64xf32>
llama.param @wk : tensor<32x64xf32>
llama.param @wv : tensor<32x64xf32>
llama.rope_table @rope [1.0, 0.5, 0.1, 0.05, 0.01, 0.005, 0.001, 0.0005] scale 1.0
llama.rope_table @wide [1.0, 0.5, 0.1, 0.05, 0.01, 0.005, 0.001, 0.0005, 1.0, 0.5, 0.1, 0.05, 0.01, 0.005, 0.001, 0.0005] scale 1.0

// CHECK-LABEL: func.func @groups_rope_and_append
// CHECK-SAME:    %[[X:.*]]: tensor<?x64xf32>, %[[P:.*]]: tensor<?xi32>, %[[S:.*]]: tensor<?xi32>, %[[KV:.*]]: !llama.kv
// CHECK-NEXT:    %[[F:.*]]:2 = llama.fusion "layers.0.qkv" -> tensor<?x64xf32>, !llama.kv<2, 16, page 64, f16> {
// CHECK-NEXT:      %[[L:.*]]:3 = llama.linear %[[X]], [@wq, @wk, @wv]
// CHECK-NEXT:      %[[RQ:.*]] = llama.rope %[[L]]#0, %[[P]], @rope half
// CHECK-NEXT:      %[[RK:.*]] = llama.rope %[[L]]#1, %[[P]], @rope half
// CHECK-NEXT:      %[[A:.*]] = llama.kv_append %[[KV]], %[[RK]], %[[L]]#2, %[[S]]
// CHECK-NEXT:      llama.yield %[[RQ]], %[[A]]
// CHECK-NEXT:    }
// CHECK-NEXT:    return %[[F]]#0, %[[F]]#1
func.func @groups_rope_and_append(%x: tensor<?x64xf32>, %p: tensor<?xi32>,
    %s: tensor<?xi32>, %kv: !llama.kv<2, 16, page 64, f16>)
    -> (tensor<?x64xf32>, !llama.kv<2, 16, page 64, f16>) {
  %q, %k, %v = llama.linear %x, [@wq, @wk, @wv] : tensor<?x64xf32>
      -> tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32> loc("layers.0.attn.qkv")
  %rq = llama.rope %q, %p, @rope half head_dim 16 : tensor<?x64xf32>, tensor<?xi32>
  %rk = llama.rope %k, %p, @rope half head_dim 16 : tensor<?x32xf32>, tensor<?xi32>
  %kv1 = llama.kv_append %kv, %rk, %v, %s
      : !llama.kv<2, 16, page 64, f16>, tensor<?x32xf32>, tensor<?xi32>
  return %rq, %kv1 : tensor<?x64xf32>, !llama.kv<2, 16, page 64, f16>
}

// Separate linears cannot share an append: the rotations are grouped, and the
// remarks say why the append is not.
// CHECK-LABEL: func.func @append_needs_one_linear
// CHECK:         llama.fusion "wk"
// CHECK-NEXT:      llama.linear
// CHECK-NEXT:      llama.rope
// CHECK:         llama.linear %{{.*}}, [@wv]
// CHECK-NEXT:    llama.kv_append
func.func @append_needs_one_linear(%x: tensor<?x64xf32>, %p: tensor<?xi32>,
    %s: tensor<?xi32>, %kv: !llama.kv<2, 16, page 64, f16>)
    -> !llama.kv<2, 16, page 64, f16> {
  // expected-remark @below {{llama.rope not fused into "wk": values are no result of the group's linear}}
  %k = llama.linear %x, [@wk] : tensor<?x64xf32> -> tensor<?x32xf32>
  %rk = llama.rope %k, %p, @rope half head_dim 16 : tensor<?x32xf32>, tensor<?xi32>
  // expected-remark @below {{llama.kv_append not fused into "wv": keys come from outside the group}}
  %v = llama.linear %x, [@wv] : tensor<?x64xf32> -> tensor<?x32xf32>
  %kv1 = llama.kv_append %kv, %rk, %v, %s
      : !llama.kv<2, 16, page 64, f16>, tensor<?x32xf32>, tensor<?xi32>
  return %kv1 : !llama.kv<2, 16, page 64, f16>
}

// CHECK-LABEL: func.func @unrotated_result_is_read
// CHECK-NOT:     llama.fusion
func.func @unrotated_result_is_read(%x: tensor<?x64xf32>, %p: tensor<?xi32>)
    -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  // expected-remark @below {{llama.rope not fused into "wq": the result of llama.linear is also read by a func.return}}
  %q = llama.linear %x, [@wq] : tensor<?x64xf32> -> tensor<?x64xf32>
  %rq = llama.rope %q, %p, @rope half head_dim 16 : tensor<?x64xf32>, tensor<?xi32>
  return %q, %rq : tensor<?x64xf32>, tensor<?x64xf32>
}

// CHECK-LABEL: func.func @head_dims_differ
// CHECK-NOT:     llama.fusion
func.func @head_dims_differ(%x: tensor<?x64xf32>, %p: tensor<?xi32>)
    -> (tensor<?x64xf32>, tensor<?x32xf32>) {
  // expected-remark @below {{llama.rope not fused into "wq_wk": ropes of one group share positions, table and pairing}}
  %q, %k = llama.linear %x, [@wq, @wk] : tensor<?x64xf32>
      -> tensor<?x64xf32>, tensor<?x32xf32>
  %rq = llama.rope %q, %p, @rope half head_dim 16 : tensor<?x64xf32>, tensor<?xi32>
  %rk = llama.rope %k, %p, @wide half head_dim 32 : tensor<?x32xf32>, tensor<?xi32>
  return %rq, %rk : tensor<?x64xf32>, tensor<?x32xf32>
}

// CHECK-LABEL: func.func @cache_has_other_heads
// CHECK:         llama.fusion "wk_wv"
// CHECK:         }
// CHECK:         llama.kv_append
func.func @cache_has_other_heads(%x: tensor<?x64xf32>, %p: tensor<?xi32>,
    %s: tensor<?xi32>, %kv: !llama.kv<1, 32, page 64, f16>)
    -> !llama.kv<1, 32, page 64, f16> {
  // expected-remark @below {{llama.rope not fused into "wk_wv": keys are rotated with head_dim 16, the KV cache has 32}}
  %k, %v = llama.linear %x, [@wk, @wv] : tensor<?x64xf32>
      -> tensor<?x32xf32>, tensor<?x32xf32>
  %rk = llama.rope %k, %p, @rope half head_dim 16 : tensor<?x32xf32>, tensor<?xi32>
  %kv1 = llama.kv_append %kv, %rk, %v, %s
      : !llama.kv<1, 32, page 64, f16>, tensor<?x32xf32>, tensor<?xi32>
  return %kv1 : !llama.kv<1, 32, page 64, f16>
}

// The old cache is read after its rotated query exists, so the append must not
// move before that reader.
// CHECK-LABEL: func.func @old_cache_is_read
// CHECK:         llama.fusion "wq_wk_wv"
// CHECK:           llama.yield
// CHECK:         llama.attention
// CHECK:         llama.kv_append
func.func @old_cache_is_read(%x: tensor<?x64xf32>, %p: tensor<?xi32>,
    %s: tensor<?xi32>, %pages: tensor<?x?xi32>,
    %kv: !llama.kv<2, 16, page 64, f16>)
    -> (tensor<?x64xf32>, !llama.kv<2, 16, page 64, f16>) {
  // expected-remark @below {{llama.rope not fused into "wq_wk_wv": the cache is read before the append}}
  %q, %k, %v = llama.linear %x, [@wq, @wk, @wv] : tensor<?x64xf32>
      -> tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>
  %rq = llama.rope %q, %p, @rope half head_dim 16 : tensor<?x64xf32>, tensor<?xi32>
  %a = llama.attention %rq, %kv, %p, %s, %pages scale 0.25 : tensor<?x64xf32>,
      !llama.kv<2, 16, page 64, f16>, tensor<?xi32>, tensor<?x?xi32>
  %rk = llama.rope %k, %p, @rope half head_dim 16 : tensor<?x32xf32>, tensor<?xi32>
  %kv1 = llama.kv_append %kv, %rk, %v, %s
      : !llama.kv<2, 16, page 64, f16>, tensor<?x32xf32>, tensor<?xi32>
  return %a, %kv1 : tensor<?x64xf32>, !llama.kv<2, 16, page 64, f16>
}

// The second append follows one that stores what the group computes, so it
// cannot be in the group.
// CHECK-LABEL: func.func @append_behind_its_own_query
// CHECK:         llama.fusion "wq_wk_wv"
// CHECK:           llama.rope
// CHECK:           llama.rope
// CHECK-NEXT:      llama.yield
// CHECK:         llama.kv_append
// CHECK:         llama.kv_append
func.func @append_behind_its_own_query(%x: tensor<?x64xf32>,
    %p: tensor<?xi32>, %s: tensor<?xi32>, %s2: tensor<?xi32>,
    %kv: !llama.kv<2, 16, page 64, f16>) -> !llama.kv<2, 16, page 64, f16> {
  // expected-remark @below {{llama.rope not fused into "wq_wk_wv": the group reads what is computed from its own results}}
  %q, %k, %v = llama.linear %x, [@wq, @wk, @wv] : tensor<?x64xf32>
      -> tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>
  %rq = llama.rope %q, %p, @rope half head_dim 16 : tensor<?x64xf32>, tensor<?xi32>
  // expected-remark @below {{llama.kv_append not fused into "wk": keys and values are one result}}
  %t = llama.linear %rq, [@wk] : tensor<?x64xf32> -> tensor<?x32xf32>
  %kv1 = llama.kv_append %kv, %t, %t, %s
      : !llama.kv<2, 16, page 64, f16>, tensor<?x32xf32>, tensor<?xi32>
  %rk = llama.rope %k, %p, @rope half head_dim 16 : tensor<?x32xf32>, tensor<?xi32>
  %kv2 = llama.kv_append %kv1, %rk, %v, %s2
      : !llama.kv<2, 16, page 64, f16>, tensor<?x32xf32>, tensor<?xi32>
  return %kv2 : !llama.kv<2, 16, page 64, f16>
}
