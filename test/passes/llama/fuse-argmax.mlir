// RUN: quipu-opt %s --llama-fuse-argmax --verify-diagnostics | FileCheck %s

llama.param @lm_head : tensor<32x64xf32>
llama.param @extra : tensor<32x64xf32>

// CHECK-LABEL: func.func @groups_linear_and_argmax
// CHECK-NEXT:    %[[F:.*]] = llama.fusion "lm_head" -> tensor<?xi32> {
// CHECK-NEXT:      %[[L:.*]] = llama.linear
// CHECK-NEXT:      %[[A:.*]] = llama.argmax %[[L]]
// CHECK-NEXT:      llama.yield %[[A]]
// CHECK:         return %[[F]]
func.func @groups_linear_and_argmax(%x: tensor<?x64xf32>) -> tensor<?xi32> {
  %l = llama.linear %x, [@lm_head] : tensor<?x64xf32> -> tensor<?x32xf32>
  %a = llama.argmax %l : tensor<?x32xf32> -> tensor<?xi32>
  return %a : tensor<?xi32>
}

// CHECK-LABEL: func.func @logits_are_returned
// CHECK-NOT:     llama.fusion
func.func @logits_are_returned(%x: tensor<?x64xf32>)
    -> (tensor<?x32xf32>, tensor<?xi32>) {
  // expected-remark @below {{llama.argmax not fused into "lm_head": the result of llama.linear is also read by a func.return}}
  %l = llama.linear %x, [@lm_head] : tensor<?x64xf32> -> tensor<?x32xf32>
  %a = llama.argmax %l : tensor<?x32xf32> -> tensor<?xi32>
  return %l, %a : tensor<?x32xf32>, tensor<?xi32>
}

// CHECK-LABEL: func.func @two_results
// CHECK-NOT:     llama.fusion
func.func @two_results(%x: tensor<?x64xf32>)
    -> (tensor<?x32xf32>, tensor<?xi32>) {
  // expected-remark @below {{llama.argmax not fused into "lm_head_extra": an argmax takes a linear with one result, found 2}}
  %l, %e = llama.linear %x, [@lm_head, @extra]
      : tensor<?x64xf32> -> tensor<?x32xf32>, tensor<?x32xf32>
  %a = llama.argmax %l : tensor<?x32xf32> -> tensor<?xi32>
  return %e, %a : tensor<?x32xf32>, tensor<?xi32>
}

// CHECK-LABEL: func.func @argmax_of_an_input
// CHECK-NOT:     llama.fusion
func.func @argmax_of_an_input(%l: tensor<?x32xf32>) -> tensor<?xi32> {
  %a = llama.argmax %l : tensor<?x32xf32> -> tensor<?xi32>
  return %a : tensor<?xi32>
}
