// In a bucket that leaves products to cuBLAS, linears that it can compute are
// neither merged nor grouped; the others are, as everywhere.
// RUN: quipu-opt %s --split-input-file --verify-diagnostics \
// RUN:   --pass-pipeline="builtin.module(func.func(llama-merge-projections, \
// RUN:     llama-fuse-swiglu, llama-fuse-residual, llama-fuse-norm, llama-verify-fused))" \
// RUN:   | FileCheck %s

llama.param @gamma : tensor<64xf32>
llama.param @wq : tensor<64x64xf16>
llama.param @wk : tensor<64x64xbf16>
llama.param @wo : tensor<64x64xf32>
llama.param @u : tensor<64x64x!llama.q8_0>
llama.param @v : tensor<64x64xf16>
llama.param @b : tensor<64xf32>

// CHECK-LABEL: func.func @stay_alone
// CHECK-NEXT:    %[[N:.*]] = llama.rms_norm
// CHECK-NEXT:    llama.linear %[[N]], [@wq]
// CHECK-NEXT:    llama.linear %[[N]], [@wk]
// CHECK-NEXT:    llama.linear
// CHECK-NEXT:    llama.add
// CHECK-NOT:     llama.fusion
func.func @stay_alone(%x: tensor<?x64xf32>)
    -> (tensor<?x64xf32>, tensor<?x64xf32>)
    attributes {llama.bucket = #llama.bucket<prefill, logits, max_tokens = 64, max_rows = 64, device = gpu, gemm = cublas>} {
  // expected-remark @below {{llama.rms_norm not fused: cuBLAS computes a linear that reads its result}}
  %n = llama.rms_norm %x, @gamma eps 1.0e-5 : tensor<?x64xf32>
  // expected-remark @below {{llama.linear not merged: cuBLAS computes it}}
  %q = llama.linear %n, [@wq] : tensor<?x64xf32> -> tensor<?x64xf32>
  // expected-remark @below {{llama.linear not merged: cuBLAS computes it}}
  %k = llama.linear %n, [@wk] : tensor<?x64xf32> -> tensor<?x64xf32>
  // expected-remark @below {{llama.add not fused into "wo": cuBLAS computes the linear, and nothing beside it}}
  %o = llama.linear %q, [@wo] : tensor<?x64xf32> -> tensor<?x64xf32>
  %y = llama.add %x, %o : tensor<?x64xf32>
  return %y, %k : tensor<?x64xf32>, tensor<?x64xf32>
}

// A quantized weight and a bias are not for cuBLAS, so those linears merge and
// stand where the first of them stood, while the one between them stays alone.
// CHECK-LABEL: func.func @the_others_merge
// CHECK:         llama.linear %{{.*}}, [@u, @v] bias [unit, @b]
// CHECK:         llama.linear %{{.*}}, [@wq] :
func.func @the_others_merge(%x: tensor<?x64xf32>)
    -> (tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>)
    attributes {llama.bucket = #llama.bucket<prefill, logits, max_tokens = 64, max_rows = 64, device = gpu, gemm = cublas>} {
  %a = llama.linear %x, [@u] : tensor<?x64xf32> -> tensor<?x64xf32>
  // expected-remark @below {{llama.linear not merged: cuBLAS computes it}}
  %c = llama.linear %x, [@wq] : tensor<?x64xf32> -> tensor<?x64xf32>
  %d = llama.linear %x, [@v] bias [@b] : tensor<?x64xf32> -> tensor<?x64xf32>
  return %a, %c, %d : tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>
}

// CHECK-LABEL: func.func @gate_and_up
// CHECK-NOT:     llama.fusion
func.func @gate_and_up(%x: tensor<?x64xf32>) -> tensor<?x64xf32>
    attributes {llama.bucket = #llama.bucket<prefill, logits, max_tokens = 64, max_rows = 64, device = gpu, gemm = cublas>} {
  // expected-remark @below {{llama.linear not merged: cuBLAS computes it}}
  %gate = llama.linear %x, [@wq] : tensor<?x64xf32> -> tensor<?x64xf32>
  %up = llama.linear %x, [@u] : tensor<?x64xf32> -> tensor<?x64xf32>
  %s = llama.silu %gate : tensor<?x64xf32>
  // expected-remark @below {{llama.mul not fused: cuBLAS computes gate or up}}
  %m = llama.mul %s, %up : tensor<?x64xf32>
  return %m : tensor<?x64xf32>
}

// CHECK-LABEL: func.func @without_cublas
// CHECK:         llama.fusion "wo"
func.func @without_cublas(%x: tensor<?x64xf32>) -> tensor<?x64xf32>
    attributes {llama.bucket = #llama.bucket<prefill, logits, max_tokens = 64, max_rows = 64, device = gpu>} {
  %o = llama.linear %x, [@wo] : tensor<?x64xf32> -> tensor<?x64xf32>
  %y = llama.add %x, %o : tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

llama.param @wo : tensor<64x64xf32>

func.func @no_group_is_legal(%x: tensor<?x64xf32>) -> tensor<?x64xf32>
    attributes {llama.bucket = #llama.bucket<prefill, logits, max_tokens = 64, max_rows = 64, device = gpu, gemm = cublas>} {
  // expected-error @below {{no skeleton builds it: cuBLAS computes the linear, and nothing beside it}}
  %y = llama.fusion "o" -> tensor<?x64xf32> {
    %o = llama.linear %x, [@wo] : tensor<?x64xf32> -> tensor<?x64xf32>
    %s = llama.add %x, %o : tensor<?x64xf32>
    llama.yield %s : tensor<?x64xf32>
  }
  return %y : tensor<?x64xf32>
}
