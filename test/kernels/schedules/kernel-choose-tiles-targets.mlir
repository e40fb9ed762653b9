// RUN: quipu-opt %s --kernel-choose-tiles=gpu-targets=sm_80,sm_90a | FileCheck %s
// RUN: quipu-opt %s --kernel-choose-tiles='gpu-targets=sm_90a shared-bytes=71680' | FileCheck %s --check-prefix=LESS
// RUN: quipu-opt %s --kernel-choose-tiles=shared-bytes=1000000 | FileCheck %s
// RUN: not quipu-opt %s --kernel-choose-tiles=gpu-targets=sm_80,sm_12 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not quipu-opt %s --kernel-choose-tiles=shared-bytes=-1 2>&1 | FileCheck %s --check-prefix=NEGATIVE

// What is wanted takes 80.5 KiB, which the GPUs of every target have: with 70 KiB
// there is a stage less. The tests of the table have more of such GPUs.
// UNKNOWN: error: kernel-choose-tiles: unknown GPU target 'sm_12'; known are sm_80, sm_86, sm_89, sm_90a
// NEGATIVE: error: kernel-choose-tiles: shared-bytes: expected at least 0, found -1
#prefill = #llama.bucket<prefill, logits, max_tokens = 512, max_rows = 16, device = gpu>

// CHECK: kernel.matmul "up" tokens schedule <row_tile = 128, token_tile = 128, {{.*}}stages = 3
// LESS: kernel.matmul "up" tokens schedule <row_tile = 128, token_tile = 128, {{.*}}stages = 2
func.func @step(%x: tensor<?x2048xf32>, %w: tensor<16384x2048xbf16>)
    -> tensor<?x16384xf32> attributes {llama.bucket = #prefill} {
  %a = kernel.matmul "up" tokens -> tensor<?x16384xf32> {
    kernel.prologue %x : tensor<?x2048xf32>
    kernel.segment single into result weights(%w : tensor<16384x2048xbf16>) {
    ^bb0(%y: f32):
      kernel.yield %y : f32
    }
  }
  return %a : tensor<?x16384xf32>
}
