// RUN: quipu-opt %s --llama-fuse-norm --verify-diagnostics | FileCheck %s

llama.param @gamma : tensor<64xf32>
llama.param @w : tensor<64x64xf32>
llama.param @u : tensor<64x64xf32>

// CHECK-LABEL: func.func @joins_a_linear
// CHECK-NEXT:    llama.fusion "w" -> tensor<?x64xf32> {
// CHECK-NEXT:      %[[N:.*]] = llama.rms_norm
// CHECK-NEXT:      %[[Y:.*]] = llama.linear %[[N]], [@w]
// CHECK-NEXT:      llama.yield %[[Y]]
func.func @joins_a_linear(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %n = llama.rms_norm %x, @gamma eps 1.0e-5 : tensor<?x64xf32>
  %y = llama.linear %n, [@w] : tensor<?x64xf32> -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// CHECK-LABEL: func.func @joins_a_group
// CHECK-NEXT:    %[[F:.*]] = llama.fusion "o" -> tensor<?x64xf32> {
// CHECK-NEXT:      %[[N:.*]] = llama.rms_norm
// CHECK-NEXT:      %[[Y:.*]] = llama.linear %[[N]], [@w]
// CHECK-NEXT:      %[[S:.*]] = llama.add %{{.*}}, %[[Y]]
// CHECK-NEXT:      llama.yield %[[S]]
// CHECK:         return %[[F]]
func.func @joins_a_group(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %n = llama.rms_norm %x, @gamma eps 1.0e-5 : tensor<?x64xf32>
  %f = llama.fusion "o" -> tensor<?x64xf32> {
    %y = llama.linear %n, [@w] : tensor<?x64xf32> -> tensor<?x64xf32>
    %s = llama.add %x, %y : tensor<?x64xf32>
    llama.yield %s : tensor<?x64xf32>
  }
  return %f : tensor<?x64xf32>
}

// CHECK-LABEL: func.func @two_groups_read_it
// CHECK-NOT:     llama.fusion
func.func @two_groups_read_it(%x: tensor<?x64xf32>)
    -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  // expected-remark @below {{llama.rms_norm not fused: 2 ops read its result, and one group can hold it; llama-merge-projections joins linears of one input}}
  %n = llama.rms_norm %x, @gamma eps 1.0e-5 : tensor<?x64xf32>
  %y = llama.linear %n, [@w] : tensor<?x64xf32> -> tensor<?x64xf32>
  %z = llama.linear %n, [@u] : tensor<?x64xf32> -> tensor<?x64xf32>
  return %y, %z : tensor<?x64xf32>, tensor<?x64xf32>
}

// CHECK-LABEL: func.func @no_linear_reads_it
// CHECK-NOT:     llama.fusion
func.func @no_linear_reads_it(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %n = llama.rms_norm %x, @gamma eps 1.0e-5 : tensor<?x64xf32>
  %s = llama.silu %n : tensor<?x64xf32>
  return %s : tensor<?x64xf32>
}
