// Ops that change nothing, and ones beside them that do.
//
// RUN: quipu-opt %s --canonicalize | FileCheck %s

llama.param @w : tensor<8x8xf32>

// CHECK-LABEL: func.func @times_one
// CHECK-SAME: (%[[X:.*]]: tensor<4x8xf32>)
// CHECK-NEXT: return %[[X]]
func.func @times_one(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %one = arith.constant dense<1.0> : tensor<4x8xf32>
  %y = llama.mul %one, %x : tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// CHECK-LABEL: func.func @times_two
// CHECK: llama.mul
func.func @times_two(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %two = arith.constant dense<2.0> : tensor<4x8xf32>
  %y = llama.mul %x, %two : tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// CHECK-LABEL: func.func @plus_negative_zero
// CHECK-SAME: (%[[X:.*]]: tensor<4x8xf32>)
// CHECK-NEXT: return %[[X]]
func.func @plus_negative_zero(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant dense<-0.0> : tensor<4x8xf32>
  %y = llama.add %zero, %x : tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -0 + 0 is 0.
// CHECK-LABEL: func.func @plus_zero
// CHECK: llama.add
func.func @plus_zero(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant dense<0.0> : tensor<4x8xf32>
  %y = llama.add %x, %zero : tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// CHECK-LABEL: func.func @all_rows
// CHECK-SAME: (%[[X:.*]]: tensor<3x8xf32>)
// CHECK-NEXT: return %[[X]]
func.func @all_rows(%x: tensor<3x8xf32>) -> tensor<3x8xf32> {
  %rows = arith.constant dense<[0, 1, 2]> : tensor<3xi32>
  %y = llama.select_rows %x, %rows : tensor<3x8xf32>, tensor<3xi32> -> tensor<3x8xf32>
  return %y : tensor<3x8xf32>
}

// CHECK-LABEL: func.func @rows_in_another_order
// CHECK: llama.select_rows
func.func @rows_in_another_order(%x: tensor<3x8xf32>) -> tensor<3x8xf32> {
  %rows = arith.constant dense<[0, 2, 1]> : tensor<3xi32>
  %y = llama.select_rows %x, %rows : tensor<3x8xf32>, tensor<3xi32> -> tensor<3x8xf32>
  return %y : tensor<3x8xf32>
}

// CHECK-LABEL: func.func @first_rows
// CHECK: llama.select_rows
func.func @first_rows(%x: tensor<?x8xf32>) -> tensor<2x8xf32> {
  %rows = arith.constant dense<[0, 1]> : tensor<2xi32>
  %y = llama.select_rows %x, %rows : tensor<?x8xf32>, tensor<2xi32> -> tensor<2x8xf32>
  return %y : tensor<2x8xf32>
}

// CHECK-LABEL: func.func @append_padding
// CHECK-SAME: (%[[KV:[^:]*]]: !llama.kv
// CHECK-NEXT: return %[[KV]]
func.func @append_padding(%kv: !llama.kv<1, 8, page 16, f16>, %k: tensor<2x8xf32>) -> !llama.kv<1, 8, page 16, f16> {
  %slots = arith.constant dense<-1> : tensor<2xi32>
  %new = llama.kv_append %kv, %k, %k, %slots
      : !llama.kv<1, 8, page 16, f16>, tensor<2x8xf32>, tensor<2xi32>
  return %new : !llama.kv<1, 8, page 16, f16>
}

// CHECK-LABEL: func.func @append_no_tokens
// CHECK-SAME: (%[[KV:[^:]*]]: !llama.kv
// CHECK-NEXT: return %[[KV]]
func.func @append_no_tokens(%kv: !llama.kv<1, 8, page 16, f16>, %k: tensor<0x8xf32>, %slots: tensor<0xi32>) -> !llama.kv<1, 8, page 16, f16> {
  %new = llama.kv_append %kv, %k, %k, %slots
      : !llama.kv<1, 8, page 16, f16>, tensor<0x8xf32>, tensor<0xi32>
  return %new : !llama.kv<1, 8, page 16, f16>
}

// CHECK-LABEL: func.func @append_some
// CHECK: llama.kv_append
func.func @append_some(%kv: !llama.kv<1, 8, page 16, f16>, %k: tensor<2x8xf32>) -> !llama.kv<1, 8, page 16, f16> {
  %slots = arith.constant dense<[-1, 5]> : tensor<2xi32>
  %new = llama.kv_append %kv, %k, %k, %slots
      : !llama.kv<1, 8, page 16, f16>, tensor<2x8xf32>, tensor<2xi32>
  return %new : !llama.kv<1, 8, page 16, f16>
}

// CHECK-LABEL: func.func @no_biases
// CHECK: llama.linear %{{.*}}, [@w] : tensor
func.func @no_biases(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = llama.linear %x, [@w] bias [unit] : tensor<?x8xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @fusion_of_nothing
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>, %[[Y:.*]]: tensor<?x8xf32>)
// CHECK-NEXT: return %[[Y]], %[[X]]
func.func @fusion_of_nothing(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %a, %b = llama.fusion "nothing" -> tensor<?x8xf32>, tensor<?x8xf32> {
    llama.yield %y, %x : tensor<?x8xf32>, tensor<?x8xf32>
  }
  return %a, %b : tensor<?x8xf32>, tensor<?x8xf32>
}

// A group of one op is a kernel of its own.
// CHECK-LABEL: func.func @fusion_of_one
// CHECK: llama.fusion
func.func @fusion_of_one(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %a = llama.fusion "one" -> tensor<?x8xf32> {
    %s = llama.silu %x : tensor<?x8xf32>
    llama.yield %s : tensor<?x8xf32>
  }
  return %a : tensor<?x8xf32>
}
