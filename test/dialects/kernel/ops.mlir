// Every op, its custom form printed and read again. The examples of the op
// descriptions stand here word for word; examples.test checks that.
//
// RUN: quipu-opt %s | quipu-opt | FileCheck %s
// RUN: quipu-opt %s --mlir-print-op-generic | quipu-opt | FileCheck %s

// CHECK-LABEL: kernel.decoder @q4_0 : !llama.q4_0 {
// CHECK-NEXT: ^bb0(%[[B:.*]]: !kernel.block):
// CHECK-NEXT: %[[D16:.*]] = kernel.block_load %[[B]][0] : f16
// CHECK: kernel.block_load %[[B]][2] : vector<16xi8>
// CHECK: kernel.decoded quants(%[[Q0:.*]], %[[Q1:.*]] : vector<16xi8>, vector<16xi8>) scales(%[[D:.*]], %[[D]])
kernel.decoder @q4_0 : !llama.q4_0 {
^bb0(%b: !kernel.block):
  %d16 = kernel.block_load %b[0] : f16
  %d = arith.extf %d16 : f16 to f32
  %bytes = kernel.block_load %b[2] : vector<16xi8>
  %c4 = arith.constant dense<4> : vector<16xi8>
  %c8 = arith.constant dense<8> : vector<16xi8>
  %c15 = arith.constant dense<15> : vector<16xi8>
  %low = arith.andi %bytes, %c15 : vector<16xi8>
  %high = arith.shrui %bytes, %c4 : vector<16xi8>
  %q0 = arith.subi %low, %c8 : vector<16xi8>
  %q1 = arith.subi %high, %c8 : vector<16xi8>
  kernel.decoded quants(%q0, %q1 : vector<16xi8>, vector<16xi8>)
                 scales(%d, %d)
}

// CHECK-LABEL: kernel.decoder @q4_1 : !llama.q4_1 {
// CHECK: kernel.decoded quants({{.*}}) scales({{.*}}) offsets(%[[M:.*]], %[[M]])
kernel.decoder @q4_1 : !llama.q4_1 {
^bb0(%b: !kernel.block):
  %d16 = kernel.block_load %b[0] : f16
  %m16 = kernel.block_load %b[2] : f16
  %d = arith.extf %d16 : f16 to f32
  %m = arith.extf %m16 : f16 to f32
  %bytes = kernel.block_load %b[4] : vector<16xi8>
  %c4 = arith.constant dense<4> : vector<16xi8>
  %c15 = arith.constant dense<15> : vector<16xi8>
  %q0 = arith.andi %bytes, %c15 : vector<16xi8>
  %q1 = arith.shrui %bytes, %c4 : vector<16xi8>
  kernel.decoded quants(%q0, %q1 : vector<16xi8>, vector<16xi8>)
                 scales(%d, %d) offsets(%m, %m)
}

// CHECK-LABEL: kernel.decoder @q8_0
// CHECK: kernel.block_load %{{.*}}[33] : i8
kernel.decoder @q8_0 : !llama.q8_0 {
^bb0(%b: !kernel.block):
  %d = kernel.block_load %b[0] : f16
  %s = arith.extf %d : f16 to f32
  %last = kernel.block_load %b[33] : i8
  %q = kernel.block_load %b[2] : vector<32xi8>
  kernel.decoded quants(%q : vector<32xi8>) scales(%s)
}

// CHECK-LABEL: func.func @param
// CHECK-NEXT: kernel.param @layers.0.attn.wq : tensor<576x576x!llama.q4_1>
func.func @param() {
  %w = kernel.param @layers.0.attn.wq : tensor<576x576x!llama.q4_1>
  return
}

// CHECK-LABEL: func.func @matvec
// CHECK: kernel.matvec "layers.0.attn.o" tokens -> tensor<?x576xf32> {
// CHECK-NEXT: kernel.prologue %{{.*}} : tensor<?x576xf32>
// CHECK-NEXT: kernel.segment single into result weights(%{{.*}} : tensor<576x576x!llama.q4_1>) decoders [@q4_1] {
// CHECK-NEXT: ^bb0(%[[Y:.*]]: f32):
// CHECK-NEXT: kernel.yield %[[Y]] : f32
func.func @matvec(%a: tensor<?x576xf32>, %w: tensor<576x576x!llama.q4_1>) {
  %o = kernel.matvec "layers.0.attn.o" tokens -> tensor<?x576xf32> {
    kernel.prologue %a : tensor<?x576xf32>
    kernel.segment single into result
        weights(%w : tensor<576x576x!llama.q4_1>) decoders [@q4_1] {
    ^bb0(%y: f32):
      kernel.yield %y : f32
    }
  }
  return
}

// CHECK-LABEL: func.func @matmul
// CHECK: kernel.matmul "lm_head" rows schedule <row_tile = 32, token_tile = 4> -> tensor<?xi32> {
// CHECK: kernel.segment single into argmax
func.func @matmul(%x: tensor<?x576xf32>, %head: tensor<49152x576xbf16>) {
  %next = kernel.matmul "lm_head" rows schedule <row_tile = 32, token_tile = 4>
      -> tensor<?xi32> {
    kernel.prologue %x : tensor<?x576xf32>
    kernel.segment single into argmax
        weights(%head : tensor<49152x576xbf16>) {
    ^bb0(%y: f32):
      kernel.yield %y : f32
    }
  }
  return
}

// CHECK-LABEL: func.func @rowwise
// CHECK: kernel.rowwise "embed" tokens -> tensor<?x576xf32> {
// CHECK-NEXT: kernel.prologue %{{.*}} : tensor<49152x576xf16> rows(%{{.*}} : tensor<?xi32>)
// CHECK-NEXT: kernel.segment single into result {
func.func @rowwise(%table: tensor<49152x576xf16>, %tokens: tensor<?xi32>) {
  %x = kernel.rowwise "embed" tokens -> tensor<?x576xf32> {
    kernel.prologue %table : tensor<49152x576xf16> rows(%tokens : tensor<?xi32>)
    kernel.segment single into result {
    ^bb0(%e: f32):
      kernel.yield %e : f32
    }
  }
  return
}

// A prologue with every part, and a segment with a decoder and elements.
// CHECK-LABEL: func.func @norm_and_residual
// CHECK: kernel.prologue %{{.*}} : tensor<?x576xf32> columns(%{{.*}} : tensor<576xf32>) map {
// CHECK: } statistic {
// CHECK: } scale {
// CHECK: kernel.segment single into result weights({{.*}}) decoders [@q4_1] elements(%{{.*}} : tensor<?x576xf32>) {
func.func @norm_and_residual(%x: tensor<?x576xf32>, %gamma: tensor<576xf32>,
                             %w: tensor<576x576x!llama.q4_1>,
                             %residual: tensor<?x576xf32>) {
  %0 = kernel.matmul "o" tokens -> tensor<?x576xf32> {
    kernel.prologue %x : tensor<?x576xf32> columns(%gamma : tensor<576xf32>)
      map {
      ^bb0(%e: f32, %g: f32):
        %m = arith.mulf %e, %g : f32
        kernel.yield %m : f32
      } statistic {
      ^bb0(%e: f32):
        %s = arith.mulf %e, %e : f32
        kernel.yield %s : f32
      } scale {
      ^bb0(%sum: f32):
        %c = arith.constant 576.0 : f32
        %eps = arith.constant 1.0e-5 : f32
        %mean = arith.divf %sum, %c : f32
        %v = arith.addf %mean, %eps : f32
        %r = math.rsqrt %v : f32
        kernel.yield %r : f32
      }
    kernel.segment single into result
        weights(%w : tensor<576x576x!llama.q4_1>) decoders [@q4_1]
        elements(%residual : tensor<?x576xf32>) {
    ^bb0(%y: f32, %r: f32):
      %s = arith.addf %y, %r : f32
      kernel.yield %s : f32
    }
  }
  return
}

// Pairs with angles into keys, values, and the results in order.
// CHECK-LABEL: func.func @qkv
// CHECK: kernel.matmul "qkv" tokens schedule <> -> tensor<?x16xf32>, !llama.kv<2, 4, page 16, bf16> {
// CHECK: kernel.segment half head_dim 4 into result weights({{.*}}) columns({{.*}}) angles(%{{.*}}, %{{.*}} : tensor<?x2x2xf32>, tensor<?xi32>) {
// CHECK: kernel.segment interleaved head_dim 4 into keys weights({{.*}}) angles({{.*}}) kv(%{{.*}} : !llama.kv<2, 4, page 16, bf16>, %{{.*}} : tensor<?xi32>) {
// CHECK: kernel.segment single into values weights({{.*}}) kv({{.*}}) {
func.func @qkv(%x: tensor<?x6xf32>, %wq: tensor<16x6xf32>, %bq: tensor<16xf32>,
               %wk: tensor<8x6xf16>, %wv: tensor<8x6xbf16>,
               %table: tensor<?x2x2xf32>, %positions: tensor<?xi32>,
               %slots: tensor<?xi32>, %kv: !llama.kv<2, 4, page 16, bf16>) {
  %0:2 = kernel.matmul "qkv" tokens schedule <>
      -> tensor<?x16xf32>, !llama.kv<2, 4, page 16, bf16> {
    kernel.prologue %x : tensor<?x6xf32>
    kernel.segment half head_dim 4 into result weights(%wq : tensor<16x6xf32>)
        columns(%bq : tensor<16xf32>)
        angles(%table, %positions : tensor<?x2x2xf32>, tensor<?xi32>) {
    ^bb0(%a: f32, %b: f32, %m: f32, %n: f32, %c: f32, %s: f32):
      kernel.yield %a, %b : f32, f32
    }
    kernel.segment interleaved head_dim 4 into keys weights(%wk : tensor<8x6xf16>)
        angles(%table, %positions : tensor<?x2x2xf32>, tensor<?xi32>)
        kv(%kv : !llama.kv<2, 4, page 16, bf16>, %slots : tensor<?xi32>) {
    ^bb0(%a: f32, %b: f32, %c: f32, %s: f32):
      kernel.yield %a, %b : f32, f32
    }
    kernel.segment single into values weights(%wv : tensor<8x6xbf16>)
        kv(%kv : !llama.kv<2, 4, page 16, bf16>, %slots : tensor<?xi32>) {
    ^bb0(%y: f32):
      kernel.yield %y : f32
    }
  }
  return
}

// CHECK-LABEL: func.func @zip
// CHECK: kernel.segment zip into result weights(%{{.*}}, %{{.*}} : tensor<8x32xf32>, tensor<8x32x!llama.q8_0>) decoders [unit, @q8_0] {
func.func @zip(%x: tensor<?x32xf32>, %gate: tensor<8x32xf32>,
               %up: tensor<8x32x!llama.q8_0>) {
  %0 = kernel.matvec "mlp" tokens -> tensor<?x8xf32> {
    kernel.prologue %x : tensor<?x32xf32>
    kernel.segment zip into result
        weights(%gate, %up : tensor<8x32xf32>, tensor<8x32x!llama.q8_0>)
        decoders [unit, @q8_0] {
    ^bb0(%g: f32, %u: f32):
      %p = arith.mulf %g, %u : f32
      kernel.yield %p : f32
    }
  }
  return
}

// CHECK-LABEL: func.func @rowwise_without_prologue
// CHECK: kernel.rowwise "add" rows schedule <token_tile = 8, vector = 16> -> tensor<?x8xf32> {
// CHECK-NEXT: kernel.segment single into result elements(
func.func @rowwise_without_prologue(%x: tensor<?x8xf32>) {
  %0 = kernel.rowwise "add" rows schedule <token_tile = 8, vector = 16>
      -> tensor<?x8xf32> {
    kernel.segment single into result
        elements(%x, %x : tensor<?x8xf32>, tensor<?x8xf32>) {
    ^bb0(%a: f32, %b: f32):
      %s = arith.addf %a, %b : f32
      kernel.yield %s : f32
    }
  }
  return
}

// CHECK-LABEL: func.func @attention_decode
// CHECK: kernel.attention_decode "layers.0.attention" %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} scale 1.250000e-01 : tensor<?x576xf32>, !llama.kv<3, 64, page 64, f16>, tensor<?xi32>, tensor<?x?xi32>
func.func @attention_decode(%q: tensor<?x576xf32>,
                            %kv: !llama.kv<3, 64, page 64, f16>,
                            %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                            %pages: tensor<?x?xi32>) {
  %o = kernel.attention_decode "layers.0.attention" %q, %kv, %positions,
      %sequences, %pages scale 0.125 : tensor<?x576xf32>,
      !llama.kv<3, 64, page 64, f16>, tensor<?xi32>, tensor<?x?xi32>
  return
}

// CHECK-LABEL: func.func @attention_prefill
// CHECK: kernel.attention_prefill {{.*}} scale 1.250000e-01 schedule <token_tile = 16, kv_tile = 64, arithmetic = bf16> :
// CHECK: kernel.attention_prefill {{.*}} scale 1.250000e-01 schedule <token_tile = 16, kv_tile = 64> :
func.func @attention_prefill(%q: tensor<?x576xf32>,
                             %kv: !llama.kv<3, 64, page 64, f16>,
                             %positions: tensor<?xi32>,
                             %sequences: tensor<?xi32>, %pages: tensor<?x?xi32>) {
  %p = kernel.attention_prefill "" %q, %kv, %positions, %sequences, %pages
      scale 0.125 schedule <token_tile = 16, kv_tile = 64, arithmetic = bf16>
      : tensor<?x576xf32>, !llama.kv<3, 64, page 64, f16>, tensor<?xi32>,
        tensor<?x?xi32>
  %o = kernel.attention_prefill "layers.0.attention" %q, %kv, %positions,
      %sequences, %pages scale 0.125 schedule <token_tile = 16, kv_tile = 64>
      : tensor<?x576xf32>, !llama.kv<3, 64, page 64, f16>, tensor<?xi32>,
        tensor<?x?xi32>
  return
}
