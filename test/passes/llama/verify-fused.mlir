// RUN: quipu-opt %s --llama-verify-fused --split-input-file --verify-diagnostics

llama.param @w : tensor<64x64xf32>

func.func @fused_and_plain_ops_are_legal(%x: tensor<?x64xf32>)
    -> tensor<?x64xf32> attributes {llama.bucket =
    #llama.bucket<decode, logits, max_tokens = 1, max_rows = 1>} {
  %f = llama.fusion "w" -> tensor<?x64xf32> {
    %o = llama.linear %x, [@w] : tensor<?x64xf32> -> tensor<?x64xf32>
    %y = llama.add %x, %o : tensor<?x64xf32>
    llama.yield %y : tensor<?x64xf32>
  }
  %s = llama.silu %f : tensor<?x64xf32>
  return %s : tensor<?x64xf32>
}

// -----

// expected-error @below {{expected attribute 'llama.bucket', found none; llama-specialize-buckets sets it}}
func.func @no_bucket(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  return %x : tensor<?x64xf32>
}

// -----

func.func @foreign_op(%x: f32) -> f32 attributes {llama.bucket =
    #llama.bucket<decode, logits, max_tokens = 1, max_rows = 1>} {
  // expected-error @below {{expected llama ops, found 'arith.negf'}}
  %y = arith.negf %x : f32
  return %y : f32
}

// -----

func.func @no_skeleton(%x: tensor<?x64xf32>) -> tensor<?x64xf32>
    attributes {llama.bucket =
    #llama.bucket<decode, logits, max_tokens = 1, max_rows = 1>} {
  // expected-error @below {{no skeleton builds it: a group has exactly one linear, found 0}}
  %f = llama.fusion "s" -> tensor<?x64xf32> {
    %s = llama.silu %x : tensor<?x64xf32>
    llama.yield %s : tensor<?x64xf32>
  }
  return %f : tensor<?x64xf32>
}

// -----

!kv = !llama.kv<2, 16, page 64, f16>

func.func @two_appends(%k: tensor<?x32xf32>, %slots: tensor<?xi32>, %kv: !kv)
    -> (!kv, !kv) attributes {llama.bucket =
    #llama.bucket<decode, logits, max_tokens = 1, max_rows = 1>} {
  // expected-note @below {{another append is here}}
  %a = llama.kv_append %kv, %k, %k, %slots : !kv, tensor<?x32xf32>, tensor<?xi32>
  // expected-error @below {{expected one append to a KV value}}
  %b = llama.kv_append %kv, %k, %k, %slots : !kv, tensor<?x32xf32>, tensor<?xi32>
  return %a, %b : !kv, !kv
}

// -----

!kv = !llama.kv<2, 16, page 64, f16>

func.func @stale_reader(%q: tensor<?x32xf32>, %i: tensor<?xi32>,
    %pages: tensor<?x?xi32>, %kv: !kv) -> (tensor<?x32xf32>, !kv)
    attributes {llama.bucket =
    #llama.bucket<decode, logits, max_tokens = 1, max_rows = 1>} {
  // expected-note @below {{the append is here}}
  %b = llama.kv_append %kv, %q, %q, %i : !kv, tensor<?x32xf32>, tensor<?xi32>
  // expected-error @below {{expected to precede the append to the KV value that it reads}}
  %a = llama.attention %q, %kv, %i, %i, %pages scale 0.25
      : tensor<?x32xf32>, !kv, tensor<?xi32>, tensor<?x?xi32>
  return %a, %b : tensor<?x32xf32>, !kv
}
