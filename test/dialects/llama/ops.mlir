// Every op and type of the dialect is printed as it is parsed.
// RUN: quipu-opt %s | quipu-opt | FileCheck %s
// RUN: quipu-opt %s --mlir-print-op-generic | quipu-opt | FileCheck %s

// CHECK: llama.param @f32 : tensor<64xf32>
// CHECK: llama.param @bf16 : tensor<64x64xbf16>
// CHECK: llama.param @q4_1 : tensor<64x64x!llama.q4_1>
llama.param @f32 : tensor<64xf32>
llama.param @bf16 : tensor<64x64xbf16>
llama.param @f16 : tensor<32x64xf16>
llama.param @q4_1 : tensor<64x64x!llama.q4_1>
llama.param @bias : tensor<32xf32>

// CHECK: !llama.q8_0
// CHECK: !llama.q4_0
// CHECK: !llama.q5_0
// CHECK: !llama.q5_1
// CHECK: !llama.q2_k
// CHECK: !llama.q3_k
// CHECK: !llama.q4_k
// CHECK: !llama.q5_k
// CHECK: !llama.q6_k
llama.param @types.q8_0 : tensor<2x32x!llama.q8_0>
llama.param @types.q4_0 : tensor<2x32x!llama.q4_0>
llama.param @types.q5_0 : tensor<2x32x!llama.q5_0>
llama.param @types.q5_1 : tensor<2x32x!llama.q5_1>
llama.param @types.q2_k : tensor<2x256x!llama.q2_k>
llama.param @types.q3_k : tensor<2x256x!llama.q3_k>
llama.param @types.q4_k : tensor<2x256x!llama.q4_k>
llama.param @types.q5_k : tensor<2x256x!llama.q5_k>
llama.param @types.q6_k : tensor<2x256x!llama.q6_k>

// CHECK: llama.rope_table @rope [1.000000e+00, 5.000000e-01] scale 1.000000e+00
llama.rope_table @rope [1.0, 0.5] scale 1.0

// CHECK-LABEL: func.func @token_wise
// CHECK-SAME:    #llama.bucket<decode, logits, max_tokens = 1, max_rows = 1>
func.func @token_wise(%tokens: tensor<?xi32>, %positions: tensor<?xi32>,
    %rows: tensor<?xi32>) -> tensor<?xi32> attributes {llama.bucket =
    #llama.bucket<decode, logits, max_tokens = 1, max_rows = 1>} {
  // CHECK: llama.embedding %{{.*}}, @q4_1 : tensor<?xi32> -> tensor<?x64xf32>
  %x = llama.embedding %tokens, @q4_1 : tensor<?xi32> -> tensor<?x64xf32>
  // CHECK: llama.rms_norm %{{.*}}, @f32 eps 1.000000e+00 : tensor<?x64xf32>
  %n = llama.rms_norm %x, @f32 eps 1.0 : tensor<?x64xf32>
  // CHECK: llama.linear %{{.*}}, [@bf16] : tensor<?x64xf32> -> tensor<?x64xf32>
  %l = llama.linear %n, [@bf16] : tensor<?x64xf32> -> tensor<?x64xf32>
  // CHECK: llama.linear %{{.*}}, [@bf16, @f16] bias [unit, @bias] : tensor<?x64xf32> -> tensor<?x64xf32>, tensor<?x32xf32>
  %a, %b = llama.linear %n, [@bf16, @f16] bias [unit, @bias]
      : tensor<?x64xf32> -> tensor<?x64xf32>, tensor<?x32xf32>
  // CHECK: llama.rope %{{.*}}, %{{.*}}, @rope half head_dim 4 : tensor<?x64xf32>, tensor<?xi32>
  %r = llama.rope %a, %positions, @rope half head_dim 4
      : tensor<?x64xf32>, tensor<?xi32>
  // CHECK: llama.rope %{{.*}}, %{{.*}}, @rope interleaved head_dim 4
  %i = llama.rope %l, %positions, @rope interleaved head_dim 4
      : tensor<?x64xf32>, tensor<?xi32>
  // CHECK: llama.silu %{{.*}} : tensor<?x64xf32>
  %s = llama.silu %r : tensor<?x64xf32>
  // CHECK: llama.mul %{{.*}}, %{{.*}} : tensor<?x64xf32>
  %m = llama.mul %s, %i : tensor<?x64xf32>
  // CHECK: llama.add %{{.*}}, %{{.*}} : tensor<?x64xf32>
  %y = llama.add %m, %x : tensor<?x64xf32>
  // CHECK: llama.select_rows %{{.*}}, %{{.*}} : tensor<?x64xf32>, tensor<?xi32> -> tensor<?x64xf32>
  %p = llama.select_rows %y, %rows
      : tensor<?x64xf32>, tensor<?xi32> -> tensor<?x64xf32>
  // CHECK: llama.argmax %{{.*}} : tensor<?x64xf32> -> tensor<?xi32>
  %t = llama.argmax %p : tensor<?x64xf32> -> tensor<?xi32>
  return %t : tensor<?xi32>
}

!kv = !llama.kv<2, 4, page 16, bf16>

// CHECK-LABEL: func.func @cache
func.func @cache(%q: tensor<?x16xf32>, %k: tensor<?x8xf32>,
    %i: tensor<?xi32>, %pages: tensor<?x?xi32>, %kv: !kv)
    -> (tensor<?x16xf32>, !kv) {
  // CHECK: %[[KV:.*]] = llama.kv_append %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : !llama.kv<2, 4, page 16, bf16>, tensor<?x8xf32>, tensor<?xi32>
  %kv1 = llama.kv_append %kv, %k, %k, %i : !kv, tensor<?x8xf32>, tensor<?xi32>
  // CHECK: llama.attention %{{.*}}, %[[KV]], %{{.*}}, %{{.*}}, %{{.*}} scale 5.000000e-01 : tensor<?x16xf32>, !llama.kv<2, 4, page 16, bf16>, tensor<?xi32>, tensor<?x?xi32>
  %a = llama.attention %q, %kv1, %i, %i, %pages scale 0.5
      : tensor<?x16xf32>, !kv, tensor<?xi32>, tensor<?x?xi32>
  return %a, %kv1 : tensor<?x16xf32>, !kv
}

// CHECK-LABEL: func.func @fusion
// CHECK-SAME:    #llama.bucket<"not a word", argmax, max_tokens = 8, max_rows = 4>
func.func @fusion(%x: tensor<?x64xf32>) -> tensor<?x64xf32> attributes
    {llama.bucket = #llama.bucket<"not a word", argmax, max_tokens = 8, max_rows = 4>} {
  // CHECK: llama.fusion "none" {
  // CHECK-NEXT: }
  llama.fusion "none" {
  }
  // CHECK: llama.fusion "two" -> tensor<?x64xf32>, tensor<?x64xf32> {
  // CHECK:   llama.yield %{{.*}}, %{{.*}} : tensor<?x64xf32>, tensor<?x64xf32>
  %f:2 = llama.fusion "two" -> tensor<?x64xf32>, tensor<?x64xf32> {
    %s = llama.silu %x : tensor<?x64xf32>
    %m = llama.mul %s, %x : tensor<?x64xf32>
    llama.yield %s, %m : tensor<?x64xf32>, tensor<?x64xf32>
  }
  return %f#1 : tensor<?x64xf32>
}
