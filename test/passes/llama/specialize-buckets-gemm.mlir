// Linears that cuBLAS does not compute are named where a bucket leaves linears
// to it, once for each clone.
// RUN: quipu-opt %s --verify-diagnostics \
// RUN:   --llama-specialize-buckets="buckets=few:8:8,many:9:9 entries=logits devices=cpu,gpu gemm=cublas"
// RUN: not quipu-opt %s --llama-specialize-buckets="gemm=mkl" 2>&1 \
// RUN:   | FileCheck %s --check-prefix=UNKNOWN

// UNKNOWN: expected gemm generated or cublas, found 'mkl'

llama.param @f16 : tensor<64x64xf16>
llama.param @q4_1 : tensor<64x64x!llama.q4_1>
llama.param @f32 : tensor<32x64xf32>
llama.param @bias : tensor<32xf32>

func.func @step(%x: tensor<?x64xf32>, %kv: !llama.kv<2, 16, page 64, f16>)
    -> (tensor<?x32xf32>, tensor<?xi32>, !llama.kv<2, 16, page 64, f16>) {
  %a = llama.linear %x, [@f16] : tensor<?x64xf32> -> tensor<?x64xf32>
  // expected-remark @below {{llama.linear not left to cuBLAS: expected a weight of f32, f16 or bf16, found !llama.q4_1}}
  %b = llama.linear %a, [@q4_1] : tensor<?x64xf32> -> tensor<?x64xf32>
  // expected-remark @below {{llama.linear not left to cuBLAS: it has a bias}}
  %logits = llama.linear %b, [@f32] bias [@bias] : tensor<?x64xf32> -> tensor<?x32xf32>
  %next = llama.argmax %logits : tensor<?x32xf32> -> tensor<?xi32>
  return %logits, %next, %kv
      : tensor<?x32xf32>, tensor<?xi32>, !llama.kv<2, 16, page 64, f16>
}
