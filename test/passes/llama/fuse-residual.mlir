// RUN: quipu-opt %s --llama-fuse-residual --verify-diagnostics | FileCheck %s

llama.param @wo : tensor<64x64xf32>
llama.param @wp : tensor<64x64xf32>

// CHECK-LABEL: func.func @groups_linear_and_add
// CHECK-SAME:    %[[X:.*]]: tensor<?x64xf32>, %[[A:.*]]: tensor
// CHECK-NEXT:    %[[F:.*]] = llama.fusion "layers.7.o" -> tensor<?x64xf32> {
// CHECK-NEXT:      %[[O:.*]] = llama.linear %[[A]], [@wo]
// CHECK-NEXT:      %[[S:.*]] = llama.add %[[X]], %[[O]]
// CHECK-NEXT:      llama.yield %[[S]]
// CHECK:         return %[[F]]
func.func @groups_linear_and_add(%x: tensor<?x64xf32>, %a: tensor<?x64xf32>)
    -> tensor<?x64xf32> {
  %o = llama.linear %a, [@wo] : tensor<?x64xf32> -> tensor<?x64xf32> loc("layers.7.attn.o")
  %y = llama.add %x, %o : tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// Two linears meet in one add: the later one takes it.
// CHECK-LABEL: func.func @parallel_blocks
// CHECK-NEXT:    %[[O:.*]] = llama.linear %{{.*}}, [@wo]
// CHECK-NEXT:    llama.fusion "wp"
// CHECK-NEXT:      %[[P:.*]] = llama.linear %{{.*}}, [@wp]
// CHECK-NEXT:      llama.add %[[O]], %[[P]]
func.func @parallel_blocks(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %o = llama.linear %x, [@wo] : tensor<?x64xf32> -> tensor<?x64xf32>
  %p = llama.linear %x, [@wp] : tensor<?x64xf32> -> tensor<?x64xf32>
  %y = llama.add %o, %p : tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// The later linear cannot take the add, the earlier one can: no remark.
// CHECK-LABEL: func.func @earlier_linear_takes_it
// CHECK-NEXT:    %[[P:.*]] = llama.linear %{{.*}}, [@wp]
// CHECK-NEXT:    llama.fusion "wo"
// CHECK-NEXT:      %[[O:.*]] = llama.linear %{{.*}}, [@wo]
// CHECK-NEXT:      llama.add %[[O]], %[[P]]
func.func @earlier_linear_takes_it(%x: tensor<?x64xf32>)
    -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %o = llama.linear %x, [@wo] : tensor<?x64xf32> -> tensor<?x64xf32>
  %p = llama.linear %x, [@wp] : tensor<?x64xf32> -> tensor<?x64xf32>
  %y = llama.add %o, %p : tensor<?x64xf32>
  return %y, %p : tensor<?x64xf32>, tensor<?x64xf32>
}

// CHECK-LABEL: func.func @neither_linear_takes_it
// CHECK-NOT:     llama.fusion
func.func @neither_linear_takes_it(%x: tensor<?x64xf32>)
    -> (tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>) {
  // expected-remark @below {{llama.add not fused into "wo": the result of llama.linear is also read by a func.return}}
  %o = llama.linear %x, [@wo] : tensor<?x64xf32> -> tensor<?x64xf32>
  // expected-remark @below {{llama.add not fused into "wp": the result of llama.linear is also read by a func.return}}
  %p = llama.linear %x, [@wp] : tensor<?x64xf32> -> tensor<?x64xf32>
  %y = llama.add %o, %p : tensor<?x64xf32>
  return %y, %o, %p : tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>
}

// CHECK-LABEL: func.func @result_is_read_elsewhere
// CHECK-NOT:     llama.fusion
func.func @result_is_read_elsewhere(%x: tensor<?x64xf32>)
    -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  // expected-remark @below {{llama.add not fused into "wo": the result of llama.linear is also read by a func.return}}
  %o = llama.linear %x, [@wo] : tensor<?x64xf32> -> tensor<?x64xf32>
  %y = llama.add %x, %o : tensor<?x64xf32>
  return %y, %o : tensor<?x64xf32>, tensor<?x64xf32>
}

// CHECK-LABEL: func.func @doubled
// CHECK-NOT:     llama.fusion
func.func @doubled(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // expected-remark @below {{llama.add not fused into "wo": the add takes the linear's result twice}}
  %o = llama.linear %x, [@wo] : tensor<?x64xf32> -> tensor<?x64xf32>
  %y = llama.add %o, %o : tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// CHECK-LABEL: func.func @no_linear
// CHECK-NOT:     llama.fusion
func.func @no_linear(%x: tensor<?x64xf32>, %a: tensor<?x64xf32>)
    -> tensor<?x64xf32> {
  %y = llama.add %x, %a : tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// A linear takes one add; the next one is no reader of the linear.
// CHECK-LABEL: func.func @second_add_stays
// CHECK:         llama.fusion "wo"
// CHECK-COUNT-1:   llama.add
// CHECK:           llama.yield
// CHECK:         }
// CHECK:         llama.add
func.func @second_add_stays(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %f = llama.fusion "wo" -> tensor<?x64xf32> {
    %o = llama.linear %x, [@wo] : tensor<?x64xf32> -> tensor<?x64xf32>
    %y = llama.add %x, %o : tensor<?x64xf32>
    llama.yield %y : tensor<?x64xf32>
  }
  %z = llama.add %x, %f : tensor<?x64xf32>
  return %z : tensor<?x64xf32>
}
