// RUN: quipu-opt %s --llama-specialize-buckets | FileCheck %s
// RUN: quipu-opt %s --llama-specialize-buckets="buckets=two:2:1 entries=argmax" \
// RUN:   | FileCheck %s --check-prefix=TWO
// RUN: quipu-opt %s --llama-specialize-buckets="buckets=one:1:1 devices=cpu,gpu" \
// RUN:   | FileCheck %s --check-prefix=DEVICES
// RUN: quipu-opt %s --llama-specialize-buckets="buckets=few:8:8,many:9:9 entries=logits devices=cpu,gpu gemm=cublas" \
// RUN:   | FileCheck %s --check-prefix=GEMM

llama.param @lm_head : tensor<32x64xf32>

// CHECK-NOT: @step
// CHECK-LABEL: func.func @decode_logits
// CHECK-SAME:    -> (tensor<?x32xf32>, !llama.kv<2, 16, page 64, f16>)
// CHECK-SAME:    #llama.bucket<decode, logits, max_tokens = 1, max_rows = 1>
// CHECK:         %[[L:.*]] = llama.linear
// CHECK-NOT:     llama.argmax
// CHECK:         return %[[L]], %{{.*}}

// CHECK-LABEL: func.func @decode_argmax
// CHECK-SAME:    -> (tensor<?xi32>, !llama.kv<2, 16, page 64, f16>)
// CHECK-SAME:    #llama.bucket<decode, argmax, max_tokens = 1, max_rows = 1>
// CHECK:         %[[A:.*]] = llama.argmax
// CHECK:         return %[[A]], %{{.*}}

// CHECK-LABEL: func.func @small_logits
// CHECK-SAME:    #llama.bucket<small, logits, max_tokens = 8, max_rows = 8>
// CHECK-LABEL: func.func @small_argmax
// CHECK-LABEL: func.func @batch_logits
// CHECK-SAME:    #llama.bucket<batch, logits, max_tokens = 64, max_rows = 64>
// CHECK-LABEL: func.func @batch_argmax
// CHECK-LABEL: func.func @prefill_logits
// CHECK-SAME:    #llama.bucket<prefill, logits, max_tokens = 512, max_rows = 16>
// CHECK-LABEL: func.func @prefill_argmax
// CHECK-NOT: func.func

// TWO-COUNT-1: func.func @two_argmax
// TWO-SAME:      #llama.bucket<two, argmax, max_tokens = 2, max_rows = 1>
// TWO-NOT: func.func

// DEVICES: func.func @one_logits(
// DEVICES-SAME: #llama.bucket<one, logits, max_tokens = 1, max_rows = 1>
// DEVICES: func.func @one_argmax(
// DEVICES: func.func @one_logits_gpu(
// DEVICES-SAME: #llama.bucket<one, logits, max_tokens = 1, max_rows = 1, device = gpu>
// DEVICES: func.func @one_argmax_gpu(

// cuBLAS is for many tokens on a GPU.
// GEMM: #llama.bucket<few, logits, max_tokens = 8, max_rows = 8>
// GEMM: #llama.bucket<many, logits, max_tokens = 9, max_rows = 9>
// GEMM: #llama.bucket<few, logits, max_tokens = 8, max_rows = 8, device = gpu>
// GEMM: #llama.bucket<many, logits, max_tokens = 9, max_rows = 9, device = gpu, gemm = cublas>
func.func @step(%x: tensor<?x64xf32>, %kv: !llama.kv<2, 16, page 64, f16>)
    -> (tensor<?x32xf32>, tensor<?xi32>, !llama.kv<2, 16, page 64, f16>) {
  %logits = llama.linear %x, [@lm_head] : tensor<?x64xf32> -> tensor<?x32xf32>
  %next = llama.argmax %logits : tensor<?x32xf32> -> tensor<?xi32>
  return %logits, %next, %kv
      : tensor<?x32xf32>, tensor<?xi32>, !llama.kv<2, 16, page 64, f16>
}
