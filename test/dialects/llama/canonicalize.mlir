// RUN: quipu-opt %s --canonicalize | FileCheck %s

llama.param @wq : tensor<64x64xf32>
llama.param @wk : tensor<32x64xf32>
llama.param @wv : tensor<32x64xf32>
llama.param @bk : tensor<32xf32>

// CHECK-LABEL: func.func @unused_weight
// CHECK: %[[R:.*]]:2 = llama.linear %{{.*}}, [@wq, @wv] bias [unit, @bk]
// CHECK-NEXT: return %[[R]]#0, %[[R]]#1
func.func @unused_weight(%x: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x32xf32>) {
  %q, %k, %v = llama.linear %x, [@wq, @wk, @wv] bias [unit, @bk, @bk]
      : tensor<?x64xf32> -> tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>
  return %q, %v : tensor<?x64xf32>, tensor<?x32xf32>
}

// CHECK-LABEL: func.func @all_used
// CHECK: llama.linear %{{.*}}, [@wq, @wk]
func.func @all_used(%x: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x32xf32>) {
  %q, %k = llama.linear %x, [@wq, @wk] : tensor<?x64xf32> -> tensor<?x64xf32>, tensor<?x32xf32>
  return %q, %k : tensor<?x64xf32>, tensor<?x32xf32>
}

// The product that only an unused result gave out goes with it.
// CHECK-LABEL: func.func @unneeded_results
// CHECK-SAME: (%[[X:.*]]: tensor<?x64xf32>)
// CHECK: %[[Q:.*]] = llama.fusion "qkv" -> tensor<?x64xf32> {
// CHECK-NEXT: %[[P:.*]] = llama.linear %[[X]], [@wq]
// CHECK-NEXT: llama.yield %[[P]] : tensor<?x64xf32>
// CHECK: return %[[Q]], %[[X]]
func.func @unneeded_results(%x: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %q, %k, %same = llama.fusion "qkv" -> tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x64xf32> {
    %q0, %k0 = llama.linear %x, [@wq, @wk] : tensor<?x64xf32> -> tensor<?x64xf32>, tensor<?x32xf32>
    llama.yield %q0, %k0, %x : tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x64xf32>
  }
  return %q, %same : tensor<?x64xf32>, tensor<?x64xf32>
}

// CHECK-LABEL: func.func @equal_products
// CHECK: %[[R:.*]]:2 = llama.linear %{{.*}}, [@wk, @wk] bias [@bk, unit]
// CHECK-NEXT: return %[[R]]#0, %[[R]]#1, %[[R]]#0
func.func @equal_products(%x: tensor<?x64xf32>) -> (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>) {
  %a, %b, %c = llama.linear %x, [@wk, @wk, @wk] bias [@bk, unit, @bk]
      : tensor<?x64xf32> -> tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>
  return %a, %b, %c : tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>
}
