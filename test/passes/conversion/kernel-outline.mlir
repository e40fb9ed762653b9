// RUN: quipu-opt %s --kernel-outline | FileCheck %s

// Two kernels that differ in parameters and labels alone are one function.
// CHECK-LABEL: func.func @step
// CHECK: %[[A:.*]] = call @rowwise_0(%{{.*}}, %{{.*}}) {label = "first"}
// CHECK: %[[B:.*]] = call @rowwise_0(%[[A]], %{{.*}}) {label = "second"}
// CHECK: call @rowwise_1(%[[B]]) {label = "other"}
// CHECK: func.func private @rowwise_0
// CHECK: func.func private @rowwise_1
// CHECK-NOT: func.func
func.func @step(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %a = kernel.rowwise "first" tokens schedule <token_tile = 4> -> tensor<?x8xf32> {
    kernel.segment single into result elements(%x, %y : tensor<?x8xf32>, tensor<?x8xf32>) {
    ^bb0(%p: f32, %q: f32):
      %s = arith.addf %p, %q : f32
      kernel.yield %s : f32
    }
  }
  %b = kernel.rowwise "second" tokens schedule <token_tile = 4> -> tensor<?x8xf32> {
    kernel.segment single into result elements(%a, %y : tensor<?x8xf32>, tensor<?x8xf32>) {
    ^bb0(%p: f32, %q: f32):
      %s = arith.addf %p, %q : f32
      kernel.yield %s : f32
    }
  }
  %c = kernel.rowwise "other" tokens schedule <token_tile = 4> -> tensor<?x8xf32> {
    kernel.segment single into result elements(%b : tensor<?x8xf32>) {
    ^bb0(%p: f32):
      %s = arith.addf %p, %p : f32
      kernel.yield %s : f32
    }
  }
  return %c : tensor<?x8xf32>
}
