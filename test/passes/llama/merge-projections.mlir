// RUN: quipu-opt %s --llama-merge-projections --verify-diagnostics \
// RUN:   --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s

llama.param @wq : tensor<64x64xf32>
llama.param @wk : tensor<32x64x!llama.q4_0>
llama.param @wv : tensor<32x64x!llama.q8_0>
llama.param @bk : tensor<32xf32>

// CHECK-LABEL: func.func @joins_in_program_order
// CHECK:         %[[QKV:.*]]:3 = llama.linear %{{.*}}, [@wq, @wk, @wv] :
// CHECK-SAME:      loc("layers.0.attn.qkv"
// CHECK-SAME:      "layers.0.attn.q", "layers.0.attn.k", "layers.0.attn.v"
// CHECK-NEXT:    %[[S:.*]] = llama.silu %[[QKV]]#0
// CHECK-NEXT:    return %[[S]], %[[QKV]]#1, %[[QKV]]#2
func.func @joins_in_program_order(%x: tensor<?x64xf32>)
    -> (tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>) {
  %q = llama.linear %x, [@wq] : tensor<?x64xf32> -> tensor<?x64xf32> loc("layers.0.attn.q")
  %s = llama.silu %q : tensor<?x64xf32>
  %k = llama.linear %x, [@wk] : tensor<?x64xf32> -> tensor<?x32xf32> loc("layers.0.attn.k")
  %v = llama.linear %x, [@wv] : tensor<?x64xf32> -> tensor<?x32xf32> loc("layers.0.attn.v")
  return %s, %k, %v : tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>
}

// CHECK-LABEL: func.func @keeps_biases
// CHECK:         llama.linear %{{.*}}, [@wq, @wk] bias [unit, @bk]
func.func @keeps_biases(%x: tensor<?x64xf32>)
    -> (tensor<?x64xf32>, tensor<?x32xf32>) {
  %q = llama.linear %x, [@wq] : tensor<?x64xf32> -> tensor<?x64xf32>
  %k = llama.linear %x, [@wk] bias [@bk] : tensor<?x64xf32> -> tensor<?x32xf32>
  return %q, %k : tensor<?x64xf32>, tensor<?x32xf32>
}

// CHECK-LABEL: func.func @leaves_different_inputs
// CHECK:         llama.linear %{{.*}}, [@wq] :
// CHECK:         llama.linear %{{.*}}, [@wk] :
func.func @leaves_different_inputs(%x: tensor<?x64xf32>)
    -> tensor<?x32xf32> {
  %q = llama.linear %x, [@wq] : tensor<?x64xf32> -> tensor<?x64xf32>
  %k = llama.linear %q, [@wk] : tensor<?x64xf32> -> tensor<?x32xf32>
  return %k : tensor<?x32xf32>
}

// The second pair reads a result of the first, which is replaced meanwhile.
// CHECK-LABEL: func.func @joins_linears_of_joined_linears
// CHECK:         %[[A:.*]]:2 = llama.linear %{{.*}}, [@wq, @wk] :
// CHECK:         llama.linear %[[A]]#0, [@wk, @wv] :
func.func @joins_linears_of_joined_linears(%x: tensor<?x64xf32>)
    -> (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>) {
  %q = llama.linear %x, [@wq] : tensor<?x64xf32> -> tensor<?x64xf32>
  %k = llama.linear %x, [@wk] : tensor<?x64xf32> -> tensor<?x32xf32>
  %a = llama.linear %q, [@wk] : tensor<?x64xf32> -> tensor<?x32xf32>
  %b = llama.linear %q, [@wv] : tensor<?x64xf32> -> tensor<?x32xf32>
  return %k, %a, %b : tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>
}

// CHECK-LABEL: func.func @leaves_fusions
// CHECK:         llama.linear %{{.*}}, [@wk] :
// CHECK:         llama.fusion "q"
// CHECK:           llama.linear %{{.*}}, [@wq] :
func.func @leaves_fusions(%x: tensor<?x64xf32>)
    -> (tensor<?x64xf32>, tensor<?x32xf32>) {
  %k = llama.linear %x, [@wk] : tensor<?x64xf32> -> tensor<?x32xf32>
  %r = llama.fusion "q" -> tensor<?x64xf32> {
    // expected-remark @below {{llama.linear not merged: it is already in a group}}
    %q = llama.linear %x, [@wq] : tensor<?x64xf32> -> tensor<?x64xf32>
    %s = llama.add %x, %q : tensor<?x64xf32>
    llama.yield %s : tensor<?x64xf32>
  }
  return %r, %k : tensor<?x64xf32>, tensor<?x32xf32>
}
