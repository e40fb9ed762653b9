// A map that changes nothing goes, and all that a skeleton consists of stays.
//
// RUN: quipu-opt %s --canonicalize --cse | FileCheck %s

// CHECK-LABEL: func.func @identity_map
// CHECK: kernel.prologue %{{.*}} : tensor<?x8xf32> statistic
// CHECK-NOT: map
// CHECK: kernel.segment
func.func @identity_map(%x: tensor<?x8xf32>, %g: tensor<8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> {
  %y = kernel.matvec "" tokens -> tensor<?x8xf32> {
    kernel.prologue %x : tensor<?x8xf32> columns(%g : tensor<8xf32>)
      map {
      ^bb0(%e: f32, %c: f32):
        kernel.yield %e : f32
      } statistic {
      ^bb0(%e: f32):
        %s = arith.mulf %e, %e : f32
        kernel.yield %s : f32
      } scale {
      ^bb0(%sum: f32):
        kernel.yield %sum : f32
      }
    kernel.segment single into result weights(%w : tensor<8x8xf32>) {
    ^bb0(%v: f32):
      kernel.yield %v : f32
    }
  }
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @gamma
// CHECK: kernel.prologue %{{.*}} columns
// CHECK-SAME: map
// CHECK: arith.mulf
func.func @gamma(%x: tensor<?x8xf32>, %g: tensor<8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> {
  %y = kernel.matvec "" tokens -> tensor<?x8xf32> {
    kernel.prologue %x : tensor<?x8xf32> columns(%g : tensor<8xf32>)
      map {
      ^bb0(%e: f32, %c: f32):
        %m = arith.mulf %e, %c : f32
        kernel.yield %m : f32
      }
    kernel.segment single into result weights(%w : tensor<8x8xf32>) {
    ^bb0(%v: f32):
      kernel.yield %v : f32
    }
  }
  return %y : tensor<?x8xf32>
}
