// A factor of one multiplies by one.
//
// RUN: quipu-opt %s --canonicalize | FileCheck %s

func.func @copy(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = kernel.rowwise "" tokens schedule <token_tile = 4> -> tensor<?x8xf32> {
    kernel.segment single into result elements(%x : tensor<?x8xf32>) {
    ^bb0(%v: f32):
      kernel.yield %v : f32
    }
  }
  return %y : tensor<?x8xf32>
}

// CHECK: plan.launch @copy "a" [{{.*}}] grid <1, <tokens by 4>>
// CHECK: plan.launch @copy "b" [{{.*}}] grid <3>
// CHECK: plan.launch @copy "c" [{{.*}}] grid <1, <tokens by 1>>
plan.bucket @b "decode" entry "logits" max_tokens 4 max_rows 4 arena 128 {
  plan.launch @copy "a" [#plan.arena<0>, #plan.arena<0>] grid <1, <one by 1>, <tokens by 4>, <one by 2>>
  plan.launch @copy "b" [#plan.arena<0>, #plan.arena<0>] grid <3, <one by 1>>
  plan.launch @copy "c" [#plan.arena<0>, #plan.arena<0>] grid <1, <tokens by 1>>
  plan.output "logits" at 0 columns 8
}
