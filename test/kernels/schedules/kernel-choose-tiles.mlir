// RUN: quipu-opt %s --kernel-choose-tiles | FileCheck %s

// Sizes depend on the device and the bound of the step; one that stands in the
// IR is kept.
#decode = #llama.bucket<decode, logits, max_tokens = 1, max_rows = 1>
#gpu = #llama.bucket<decode, logits, max_tokens = 1, max_rows = 1, device = gpu>

// CHECK-LABEL: func.func @on_cpu
// CHECK: kernel.matvec "chosen" tokens schedule <row_tile = {{[0-9]+}}> ->
// CHECK: kernel.matvec "kept" tokens schedule <row_tile = 24> ->
func.func @on_cpu(%x: tensor<?x64xf32>, %w: tensor<48x64xf16>)
    -> tensor<?x48xf32> attributes {llama.bucket = #decode} {
  %a = kernel.matvec "chosen" tokens -> tensor<?x48xf32> {
    kernel.prologue %x : tensor<?x64xf32>
    kernel.segment single into result weights(%w : tensor<48x64xf16>) {
    ^bb0(%y: f32):
      kernel.yield %y : f32
    }
  }
  %b = kernel.matvec "kept" tokens schedule <row_tile = 24> -> tensor<?x48xf32> {
    kernel.prologue %x : tensor<?x64xf32>
    kernel.segment single into result weights(%w : tensor<48x64xf16>) {
    ^bb0(%y: f32):
      kernel.yield %y : f32
    }
  }
  return %b : tensor<?x48xf32>
}

// CHECK-LABEL: func.func @on_gpu
// CHECK: kernel.matvec "chosen" tokens schedule <{{.*}}threads = 128
func.func @on_gpu(%x: tensor<?x64xf32>, %w: tensor<48x64xf16>)
    -> tensor<?x48xf32> attributes {llama.bucket = #gpu} {
  %a = kernel.matvec "chosen" tokens -> tensor<?x48xf32> {
    kernel.prologue %x : tensor<?x64xf32>
    kernel.segment single into result weights(%w : tensor<48x64xf16>) {
    ^bb0(%y: f32):
      kernel.yield %y : f32
    }
  }
  return %a : tensor<?x48xf32>
}
