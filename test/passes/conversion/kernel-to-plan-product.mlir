// RUN: quipu-opt %s --llama-to-kernel --kernel-choose-tiles --kernel-outline --kernel-to-plan | FileCheck %s

// Where a bucket leaves linears to cuBLAS, a launch that is a product and no
// more says so: of tokens, or of rows behind select_rows. Norms, quantized
// weights, biases and other buckets have none.

llama.param @gamma : tensor<64xf32>
llama.param @w : tensor<64x64xf16>
llama.param @q : tensor<64x64x!llama.q8_0>
llama.param @b : tensor<64xf32>

// CHECK: plan.bucket @prefill
// CHECK: plan.launch @{{.*}} "embedding" {{.*}} grid <1, <tokens by {{[0-9]+}}>>{{$}}
// CHECK: plan.launch @[[PLAIN:matmul_[0-9]+]] "linear" {{.*}} product <tokens, input = 0, weights = 1, output = 2>{{$}}
// CHECK: plan.launch @matmul_{{.*}} "linear" {{.*}}#plan.param<@q>{{.*}}>>{{$}}
// CHECK: plan.launch @matmul_{{.*}} "linear" {{.*}}#plan.param<@b>{{.*}}>>{{$}}
// CHECK: plan.launch @matmul_{{.*}} "normed" {{.*}}#plan.param<@gamma>{{.*}}>>{{$}}
// CHECK: plan.launch @matmul_{{.*}} "linear" {{.*}} product <rows, input = 0, weights = 1, output = 2>{{$}}
func.func @prefill(
    %tokens: tensor<?xi32>, %positions: tensor<?xi32>, %slots: tensor<?xi32>,
    %sequences: tensor<?xi32>, %pages: tensor<?x?xi32>, %rows: tensor<?xi32>,
    %kv: !llama.kv<1, 64, page 16, f16>) -> (tensor<?x64xf32>, !llama.kv<1, 64, page 16, f16>)
    attributes {llama.bucket = #llama.bucket<prefill, logits, max_tokens = 64, max_rows = 16, device = gpu, gemm = cublas>} {
  %x = llama.embedding %tokens, @w : tensor<?xi32> -> tensor<?x64xf32>
  %y = llama.linear %x, [@w] : tensor<?x64xf32> -> tensor<?x64xf32>
  %z = llama.linear %y, [@q] : tensor<?x64xf32> -> tensor<?x64xf32>
  %u = llama.linear %z, [@w] bias [@b] : tensor<?x64xf32> -> tensor<?x64xf32>
  %v = llama.fusion "normed" -> tensor<?x64xf32> {
    %n = llama.rms_norm %u, @gamma eps 1.0e-5 : tensor<?x64xf32>
    %l = llama.linear %n, [@w] : tensor<?x64xf32> -> tensor<?x64xf32>
    llama.yield %l : tensor<?x64xf32>
  }
  %r = llama.select_rows %v, %rows : tensor<?x64xf32>, tensor<?xi32> -> tensor<?x64xf32>
  %logits = llama.linear %r, [@w] : tensor<?x64xf32> -> tensor<?x64xf32>
  return %logits, %kv : tensor<?x64xf32>, !llama.kv<1, 64, page 16, f16>
}

// CHECK: plan.bucket @generated
// CHECK-NOT: product
func.func @generated(
    %tokens: tensor<?xi32>, %positions: tensor<?xi32>, %slots: tensor<?xi32>,
    %sequences: tensor<?xi32>, %pages: tensor<?x?xi32>, %rows: tensor<?xi32>,
    %kv: !llama.kv<1, 64, page 16, f16>) -> (tensor<?x64xf32>, !llama.kv<1, 64, page 16, f16>)
    attributes {llama.bucket = #llama.bucket<prefill, logits, max_tokens = 64, max_rows = 16, device = gpu>} {
  %x = llama.embedding %tokens, @w : tensor<?xi32> -> tensor<?x64xf32>
  %r = llama.select_rows %x, %rows : tensor<?x64xf32>, tensor<?xi32> -> tensor<?x64xf32>
  %y = llama.linear %r, [@w] : tensor<?x64xf32> -> tensor<?x64xf32>
  return %y, %kv : tensor<?x64xf32>, !llama.kv<1, 64, page 16, f16>
}
