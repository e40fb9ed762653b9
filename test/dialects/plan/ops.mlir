// Every op and attribute, printed and read again. The examples of the op
// descriptions stand here word for word; examples.test checks that.
//
// RUN: quipu-opt %s | quipu-opt | FileCheck %s
// RUN: quipu-opt %s --mlir-print-op-generic | quipu-opt | FileCheck %s

// CHECK: plan.parameter @layers.0.attn.wq : tensor<576x576x!llama.q4_1>
plan.parameter @layers.0.attn.wq : tensor<576x576x!llama.q4_1>

// CHECK: plan.rope_table @rope [1.000000e+00, 1.000000e-01] scale 1.000000e+00
plan.rope_table @rope [1.0, 0.1] scale 1.0

// CHECK: plan.bucket @decode_logits "decode" entry "logits" max_tokens 1 max_rows 1 arena 4096 {
// CHECK-NEXT: plan.launch @matvec_0 "layers.0.qkv" [#plan.arena<0>, #plan.param<@w>] grid <30>
// CHECK-NEXT: plan.output "logits" at 2304 columns 49152
plan.bucket @decode_logits "decode" entry "logits" max_tokens 1 max_rows 1 arena 4096 {
  plan.launch @matvec_0 "layers.0.qkv" [#plan.arena<0>, #plan.param<@w>] grid <30>
  plan.output "logits" at 2304 columns 49152
}

// Every kind of argument and of grid.
// CHECK: plan.bucket @prefill_argmax "prefill" entry "argmax" max_tokens 512 max_rows 16 arena 0 query_tile 16 {
// CHECK-NEXT: plan.launch @attention "layers.0.attention" [#plan.arena<64>, #plan.keys<0>, #plan.values<0>, #plan.input<positions>, #plan.input<sequences>, #plan.input<pages>, #plan.input<work>] grid <3, <work by 1>>
// CHECK-NEXT: plan.launch @embed "embed" [#plan.input<tokens>, #plan.input<slots>, #plan.input<rows>] grid <1, <tokens by 8>, <rows by 4>, <splits by 1>, <one by 1>>
plan.bucket @prefill_argmax "prefill" entry "argmax" max_tokens 512 max_rows 16 arena 0 query_tile 16 {
  plan.launch @attention "layers.0.attention" [#plan.arena<64>, #plan.keys<0>, #plan.values<0>,
      #plan.input<positions>, #plan.input<sequences>, #plan.input<pages>, #plan.input<work>]
      grid <3, <work by 1>>
  plan.launch @embed "embed" [#plan.input<tokens>, #plan.input<slots>, #plan.input<rows>]
      grid <1, <tokens by 8>, <rows by 4>, <splits by 1>, <one by 1>>
}
