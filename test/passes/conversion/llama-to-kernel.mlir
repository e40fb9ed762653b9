// RUN: quipu-opt %s --llama-to-kernel --split-input-file --verify-diagnostics | FileCheck %s

llama.param @gamma : tensor<64xf32>
llama.param @wq : tensor<64x64x!llama.q4_1>
llama.param @wk : tensor<32x64xf16>
llama.param @wv : tensor<32x64xf16>
llama.rope_table @rope [1.0, 0.1, 0.01, 0.001, 1.0, 0.1, 0.01, 0.001] scale 1.0

// One token: a matvec. The epilogue of each segment is its own.
// CHECK-LABEL: func.func @qkv
// CHECK: %[[WQ:.*]] = kernel.param @wq
// CHECK: kernel.matvec "qkv" tokens -> tensor<?x64xf32>, !llama.kv
// CHECK: kernel.prologue %{{.*}} columns(
// CHECK: kernel.segment half head_dim 16 into result weights(%[[WQ]] {{.*}}) decoders [@q4_1] angles(
// CHECK: kernel.segment interleaved head_dim 16 into keys
// CHECK: kernel.segment single head_dim 16 into values
func.func @qkv(%x: tensor<?x64xf32>, %positions: tensor<?xi32>,
               %slots: tensor<?xi32>, %kv: !llama.kv<2, 16, page 16, f16>)
    -> (tensor<?x64xf32>, !llama.kv<2, 16, page 16, f16>)
    attributes {llama.bucket = #llama.bucket<decode, logits, max_tokens = 1, max_rows = 1>} {
  %q, %kv1 = llama.fusion "qkv" -> tensor<?x64xf32>, !llama.kv<2, 16, page 16, f16> {
    %n = llama.rms_norm %x, @gamma eps 1.0e-5 : tensor<?x64xf32>
    %q0, %k0, %v0 = llama.linear %n, [@wq, @wk, @wv] : tensor<?x64xf32>
        -> tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>
    %qr = llama.rope %q0, %positions, @rope half head_dim 16 : tensor<?x64xf32>, tensor<?xi32>
    %kr = llama.rope %k0, %positions, @rope interleaved head_dim 16 : tensor<?x32xf32>, tensor<?xi32>
    %kvn = llama.kv_append %kv, %kr, %v0, %slots
        : !llama.kv<2, 16, page 16, f16>, tensor<?x32xf32>, tensor<?xi32>
    llama.yield %qr, %kvn : tensor<?x64xf32>, !llama.kv<2, 16, page 16, f16>
  }
  return %q, %kv1 : tensor<?x64xf32>, !llama.kv<2, 16, page 16, f16>
}

// -----

llama.param @gate : tensor<96x64xf32>
llama.param @up : tensor<96x64xf32>
llama.param @bias : tensor<96xf32>

// Without a bound the linear is a matmul; a bias is a column of one member.
// CHECK-LABEL: func.func @swiglu
// CHECK: kernel.matmul "mlp" tokens
// CHECK: kernel.segment zip into result weights({{.*}}) columns(
// CHECK-NEXT: ^bb0(%[[GATE:.*]]: f32, %[[UP:.*]]: f32, %[[BIAS:.*]]: f32):
// CHECK-NEXT: %[[U:.*]] = arith.addf %[[UP]], %[[BIAS]]
// CHECK: math.exp
// CHECK: %[[M:.*]] = arith.mulf %{{.*}}, %[[U]]
// CHECK-NEXT: kernel.yield %[[M]]
func.func @swiglu(%x: tensor<?x64xf32>) -> tensor<?x96xf32> {
  %m = llama.fusion "mlp" -> tensor<?x96xf32> {
    %g, %u = llama.linear %x, [@gate, @up] bias [unit, @bias]
        : tensor<?x64xf32> -> tensor<?x96xf32>, tensor<?x96xf32>
    %s = llama.silu %g : tensor<?x96xf32>
    %p = llama.mul %s, %u : tensor<?x96xf32>
    llama.yield %p : tensor<?x96xf32>
  }
  return %m : tensor<?x96xf32>
}

// -----

llama.param @head : tensor<128x64xbf16>

// Selected rows count R, and so does all that follows from them.
// CHECK-LABEL: func.func @tail
// CHECK: kernel.rowwise "select_rows" rows
// CHECK: kernel.matmul "lm_head" rows -> tensor<?xi32>
// CHECK: kernel.segment single into argmax
func.func @tail(%x: tensor<?x64xf32>, %rows: tensor<?xi32>) -> tensor<?xi32> {
  %l = llama.select_rows %x, %rows : tensor<?x64xf32>, tensor<?xi32> -> tensor<?x64xf32>
  %next = llama.fusion "lm_head" -> tensor<?xi32> {
    %y = llama.linear %l, [@head] : tensor<?x64xf32> -> tensor<?x128xf32>
    %a = llama.argmax %y : tensor<?x128xf32> -> tensor<?xi32>
    llama.yield %a : tensor<?xi32>
  }
  return %next : tensor<?xi32>
}

// -----

llama.param @w : tensor<64x64xf32>

func.func @two_linears(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %y = llama.fusion "both" -> tensor<?x64xf32> {
    %a = llama.linear %x, [@w] : tensor<?x64xf32> -> tensor<?x64xf32>
    // expected-error @+1 {{a group holds at most one linear}}
    %b = llama.linear %a, [@w] : tensor<?x64xf32> -> tensor<?x64xf32>
    llama.yield %b : tensor<?x64xf32>
  }
  return %y : tensor<?x64xf32>
}
