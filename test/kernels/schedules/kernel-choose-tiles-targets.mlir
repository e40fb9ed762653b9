// RUN: quipu-opt %s --kernel-choose-tiles | FileCheck %s
// RUN: quipu-opt %s --kernel-choose-tiles=gpu-targets=sm_80,sm_90a | FileCheck %s
// RUN: quipu-opt %s --kernel-choose-tiles=gpu-targets=sm_90a | FileCheck %s
// RUN: not quipu-opt %s --kernel-choose-tiles=gpu-targets=sm_80,sm_12 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// The largest schedule that is wanted takes 80 KiB, which every GPU has; the
// tests of the table have GPUs with less.
// UNKNOWN: error: kernel-choose-tiles: unknown GPU target 'sm_12'
#prefill = #llama.bucket<prefill, logits, max_tokens = 512, max_rows = 16, device = gpu>

// CHECK: kernel.matmul "up" tokens schedule <row_tile = 128, token_tile = 128, {{.*}}stages = 3
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
