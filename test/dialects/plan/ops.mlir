// Every op and attribute, printed and read again. The examples of the op
// descriptions stand here word for word; examples.test checks that.
//
// RUN: quipu-opt %s | quipu-opt | FileCheck %s
// RUN: quipu-opt %s --mlir-print-op-generic | quipu-opt | FileCheck %s

// CHECK: plan.parameter @layers.0.attn.wq : tensor<576x576x!llama.q4_1>
plan.parameter @layers.0.attn.wq : tensor<576x576x!llama.q4_1>

// CHECK: plan.rope_table @rope [1.000000e+00, 1.000000e-01] scale 1.000000e+00
plan.rope_table @rope [1.0, 0.1] scale 1.0

// Kernels that launches name, for either device.
plan.parameter @w : tensor<49152x576xf16>
func.func private @matvec_0(%x: tensor<?x576xf32>, %w: tensor<49152x576xf16>) -> tensor<?x49152xf32> {
  %y = kernel.matvec "" rows schedule <row_tile = 32> -> tensor<?x49152xf32> {
    kernel.prologue %x : tensor<?x576xf32>
    kernel.segment single into result weights(%w : tensor<49152x576xf16>) {
    ^bb0(%v: f32):
      kernel.yield %v : f32
    }
  }
  return %y : tensor<?x49152xf32>
}
func.func private @attend(%q: tensor<?x64xf32>, %kv: !llama.kv<1, 64, page 16, f16>, %positions: tensor<?xi32>,
    %sequences: tensor<?xi32>, %pages: tensor<?x?xi32>) -> tensor<?x64xf32> {
  %y = kernel.attention_prefill "" %q, %kv, %positions, %sequences, %pages scale 0.125 schedule <token_tile = 16>
      : tensor<?x64xf32>, !llama.kv<1, 64, page 16, f16>, tensor<?xi32>, tensor<?x?xi32>
  return %y : tensor<?x64xf32>
}
func.func private @choose(%x: tensor<?x64xf32>, %w: tensor<100x64xf16>) -> tensor<?xi32> attributes {kernel.device = 1 : i32} {
  %y = kernel.matmul "" rows schedule <row_tile = 32, token_tile = 4> -> tensor<?xi32> {
    kernel.prologue %x : tensor<?x64xf32>
    kernel.segment single into argmax weights(%w : tensor<100x64xf16>) {
    ^bb0(%v: f32):
      kernel.yield %v : f32
    }
  }
  return %y : tensor<?xi32>
}
plan.parameter @head : tensor<100x64xf16>

// CHECK: plan.bucket @decode_logits "decode" entry "logits" max_tokens 1 max_rows 1 arena 198912 {
// CHECK-NEXT: plan.buffer at 0 rows by 2304 live 0 to 0
// CHECK-NEXT: plan.buffer at 2304 rows by 196608 live 0 to 0
// CHECK-NEXT: plan.launch @matvec_0 "lm_head" [#plan.arena<0>, #plan.param<@w>, #plan.arena<2304>] grid <1536, <rows by 1>>
// CHECK-NEXT: plan.output "logits" at 2304 columns 49152
plan.bucket @decode_logits "decode" entry "logits" max_tokens 1 max_rows 1 arena 198912 {
  plan.buffer at 0 rows by 2304 live 0 to 0
  plan.buffer at 2304 rows by 196608 live 0 to 0
  plan.launch @matvec_0 "lm_head" [#plan.arena<0>, #plan.param<@w>, #plan.arena<2304>]
      grid <1536, <rows by 1>>
  plan.output "logits" at 2304 columns 49152
}

// A launch that is a product of matrices.
// CHECK: plan.bucket @batch_logits "batch" entry "logits" max_tokens 1 max_rows 1 arena 198912 {
// CHECK-NEXT: plan.launch @matvec_0 {{.*}} grid <1536, <rows by 1>> product <rows, input = 0, weights = 1, output = 2>
plan.bucket @batch_logits "batch" entry "logits" max_tokens 1 max_rows 1 arena 198912 {
  plan.launch @matvec_0 "lm_head" [#plan.arena<0>, #plan.param<@w>, #plan.arena<2304>]
      grid <1536, <rows by 1>> product <rows, input = 0, weights = 1, output = 2>
  plan.output "logits" at 2304 columns 49152
}

// Every kind of argument and of grid.
// CHECK: plan.bucket @prefill_logits "prefill" entry "logits" max_tokens 512 max_rows 16 arena 4096 query_tile 16 {
// CHECK-NEXT: plan.launch @attend "layers.0.attention" [#plan.arena<64>, #plan.keys<0>, #plan.values<0>, #plan.input<positions>, #plan.input<sequences>, #plan.input<pages>, #plan.input<work>, #plan.arena<128>] grid <3, <work by 1>, <tokens by 8>, <rows by 4>, <splits by 1>, <one by 1>>
// CHECK-NEXT: plan.output "logits" at 0 columns 64
plan.bucket @prefill_logits "prefill" entry "logits" max_tokens 512 max_rows 16 arena 4096 query_tile 16 {
  plan.launch @attend "layers.0.attention" [#plan.arena<64>, #plan.keys<0>, #plan.values<0>,
      #plan.input<positions>, #plan.input<sequences>, #plan.input<pages>, #plan.input<work>, #plan.arena<128>]
      grid <3, <work by 1>, <tokens by 8>, <rows by 4>, <splits by 1>, <one by 1>>
  plan.output "logits" at 0 columns 64
}

// A kernel and its merge, for GPUs.
// CHECK: plan.bucket @decode_argmax "decode" entry "argmax" max_tokens 8 max_rows 8 arena 64 device gpu {
// CHECK-NEXT: plan.launch @choose "lm_head" [#plan.input<tokens>, #plan.param<@head>, #plan.arena<0>, #plan.input<slots>] grid <4>
// CHECK-NEXT: plan.launch @choose_merge "lm_head" [#plan.input<tokens>, #plan.param<@head>, #plan.arena<0>, #plan.input<rows>] grid <1>
plan.bucket @decode_argmax "decode" entry "argmax" max_tokens 8 max_rows 8 arena 64 device gpu {
  plan.launch @choose "lm_head" [#plan.input<tokens>, #plan.param<@head>, #plan.arena<0>, #plan.input<slots>] grid <4>
  plan.launch @choose_merge "lm_head" [#plan.input<tokens>, #plan.param<@head>, #plan.arena<0>, #plan.input<rows>] grid <1>
  plan.output "argmax" at 0 columns 1
}
