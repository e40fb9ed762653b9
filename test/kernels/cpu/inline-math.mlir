// RUN: quipu-opt %s -cpu-inline-math | FileCheck %s

// CHECK-LABEL: @exp2_of_a_vector
// CHECK-SAME: (%[[X:.*]]: vector<8xf32>)
// CHECK: %[[BIASED:.*]] = arith.addf %[[X]], %[[BIAS:.*]] : vector<8xf32>
// CHECK: %[[N:.*]] = arith.subf %[[BIASED]], %[[BIAS]]
// CHECK: %[[F:.*]] = arith.subf %[[X]], %[[N]]
// CHECK-COUNT-6: math.fma {{.*}} : vector<8xf32>
// CHECK: arith.cmpf uno, %[[X]], %[[X]]
// CHECK-NOT: math.exp2
func.func @exp2_of_a_vector(%x: vector<8xf32>) -> vector<8xf32> {
  %r = math.exp2 %x : vector<8xf32>
  return %r : vector<8xf32>
}

// CHECK-LABEL: @exp_without_nan
// CHECK-NOT: cmpf uno
// CHECK: return
func.func @exp_without_nan(%x: f32) -> f32 {
  %r = math.exp %x fastmath<nnan> : f32
  return %r : f32
}

// CHECK-LABEL: @rsqrt
// CHECK: %[[ROOT:.*]] = math.sqrt %{{.*}} : f32
// CHECK: arith.divf %{{.*}}, %[[ROOT]] : f32
func.func @rsqrt(%x: f32) -> f32 {
  %r = math.rsqrt %x : f32
  return %r : f32
}

// CHECK-LABEL: @others_stay
// CHECK: math.exp %{{.*}} : f64
// CHECK: math.sqrt %{{.*}} : f32
func.func @others_stay(%x: f64, %y: f32) -> (f64, f32) {
  %r = math.exp %x : f64
  %s = math.sqrt %y : f32
  return %r, %s : f64, f32
}
