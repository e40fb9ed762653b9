// RUN: quipu-opt %s --llama-to-kernel --kernel-choose-tiles --kernel-outline --kernel-to-plan | FileCheck %s

llama.param @unread : tensor<64xf32>
llama.param @gamma : tensor<64xf32>
llama.param @w : tensor<128x64xf32>

// CHECK-NOT: @unread
// CHECK: plan.parameter @gamma : tensor<64xf32>
// CHECK: plan.parameter @w

// The norm's result is read by the linear, so the two do not share bytes; the
// linear's result may not take the place of what it reads either.
// A kernel with a merge is two launches of its buffers.
// CHECK: plan.bucket @decode_argmax "decode" entry "argmax" max_tokens 2 max_rows 2
// CHECK-NEXT: plan.buffer at 0 tokens by 256 live 0 to 1
// CHECK-NEXT: plan.buffer at 512 rows by 256 live 1 to 2
// CHECK-NEXT: plan.buffer at 0 rows by 256 live 2 to 4
// CHECK-NEXT: plan.buffer at [[OUT:[0-9]+]] rows by 4 live 3 to 4
// CHECK-NEXT: plan.buffer at [[PARTIAL:[0-9]+]] rows by 32 live 3 to 4
// CHECK-NEXT: plan.launch @rowwise_0 "embedding" [#plan.param<@w>, #plan.input<tokens>, #plan.arena<0>]
// CHECK-NEXT: plan.launch @rowwise_1 "select_rows" [#plan.arena<0>, #plan.input<rows>, #plan.arena<512>]
// CHECK-NEXT: plan.launch @rowwise_2 "rms_norm" [#plan.arena<512>, #plan.param<@gamma>, #plan.arena<0>]
// CHECK-NEXT: plan.launch @matmul_0 "lm_head" [#plan.arena<0>, #plan.param<@w>, #plan.arena<[[OUT]]>, #plan.arena<[[PARTIAL]]>]
// CHECK-NEXT: plan.launch @matmul_0_merge "lm_head" {{.*}} grid <1, <rows by 1>>
// CHECK-NEXT: plan.output "argmax" at [[OUT]] columns 1
func.func @decode_argmax(
    %tokens: tensor<?xi32>, %positions: tensor<?xi32>, %slots: tensor<?xi32>,
    %sequences: tensor<?xi32>, %pages: tensor<?x?xi32>, %rows: tensor<?xi32>,
    %kv: !llama.kv<1, 64, page 16, f16>) -> (tensor<?xi32>, !llama.kv<1, 64, page 16, f16>)
    attributes {llama.bucket = #llama.bucket<decode, argmax, max_tokens = 2, max_rows = 2>} {
  %x = llama.embedding %tokens, @w : tensor<?xi32> -> tensor<?x64xf32>
  %l = llama.select_rows %x, %rows : tensor<?x64xf32>, tensor<?xi32> -> tensor<?x64xf32>
  %n = llama.rms_norm %l, @gamma eps 1.0e-5 : tensor<?x64xf32>
  %next = llama.fusion "lm_head" -> tensor<?xi32> {
    %y = llama.linear %n, [@w] : tensor<?x64xf32> -> tensor<?x128xf32>
    %a = llama.argmax %y : tensor<?x128xf32> -> tensor<?xi32>
    llama.yield %a : tensor<?xi32>
  }
  return %next, %kv : tensor<?xi32>, !llama.kv<1, 64, page 16, f16>
}
