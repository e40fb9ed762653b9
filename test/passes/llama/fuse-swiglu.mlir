// RUN: quipu-opt %s --llama-fuse-swiglu --verify-diagnostics | FileCheck %s

llama.param @gate : tensor<96x64xf32>
llama.param @up : tensor<96x64xf32>

// CHECK-LABEL: func.func @groups_silu_and_mul
// CHECK-NEXT:    %[[F:.*]] = llama.fusion "gate_up" -> tensor<?x96xf32> {
// CHECK-NEXT:      %[[L:.*]]:2 = llama.linear %{{.*}}, [@gate, @up]
// CHECK-NEXT:      %[[S:.*]] = llama.silu %[[L]]#0
// CHECK-NEXT:      %[[M:.*]] = llama.mul %[[L]]#1, %[[S]]
// CHECK-NEXT:      llama.yield %[[M]]
// CHECK:         return %[[F]]
func.func @groups_silu_and_mul(%x: tensor<?x64xf32>) -> tensor<?x96xf32> {
  %g, %u = llama.linear %x, [@gate, @up]
      : tensor<?x64xf32> -> tensor<?x96xf32>, tensor<?x96xf32>
  %s = llama.silu %g : tensor<?x96xf32>
  %m = llama.mul %u, %s : tensor<?x96xf32>
  return %m : tensor<?x96xf32>
}

// CHECK-LABEL: func.func @two_linears
// CHECK-NOT:     llama.fusion
func.func @two_linears(%x: tensor<?x64xf32>) -> tensor<?x96xf32> {
  %g = llama.linear %x, [@gate] : tensor<?x64xf32> -> tensor<?x96xf32>
  %u = llama.linear %x, [@up] : tensor<?x64xf32> -> tensor<?x96xf32>
  %s = llama.silu %g : tensor<?x96xf32>
  // expected-remark @below {{llama.mul not fused: gate and up come from two linears; llama-merge-projections joins linears of one input}}
  %m = llama.mul %s, %u : tensor<?x96xf32>
  return %m : tensor<?x96xf32>
}

// CHECK-LABEL: func.func @gate_is_squared
// CHECK-NOT:     llama.fusion
func.func @gate_is_squared(%x: tensor<?x64xf32>) -> tensor<?x96xf32> {
  // expected-remark @below {{llama.silu not fused into "gate_up": the mul does not join the silu with the linear's other result}}
  %g, %u = llama.linear %x, [@gate, @up]
      : tensor<?x64xf32> -> tensor<?x96xf32>, tensor<?x96xf32>
  %s = llama.silu %g : tensor<?x96xf32>
  %m = llama.mul %s, %g : tensor<?x96xf32>
  return %m : tensor<?x96xf32>
}

// CHECK-LABEL: func.func @one_result
// CHECK-NOT:     llama.fusion
func.func @one_result(%x: tensor<?x64xf32>) -> tensor<?x96xf32> {
  // expected-remark @below {{llama.silu not fused into "gate": a gated epilogue takes a linear with two results, found 1}}
  %g = llama.linear %x, [@gate] : tensor<?x64xf32> -> tensor<?x96xf32>
  %s = llama.silu %g : tensor<?x96xf32>
  %m = llama.mul %s, %g : tensor<?x96xf32>
  return %m : tensor<?x96xf32>
}

// CHECK-LABEL: func.func @no_gate
// CHECK-NOT:     llama.fusion
func.func @no_gate(%x: tensor<?x64xf32>) -> tensor<?x96xf32> {
  %g, %u = llama.linear %x, [@gate, @up]
      : tensor<?x64xf32> -> tensor<?x96xf32>, tensor<?x96xf32>
  %m = llama.mul %g, %u : tensor<?x96xf32>
  return %m : tensor<?x96xf32>
}
