// The examples of the op descriptions, word for word (examples.test checks
// that), as parts of one step.
//
// RUN: quipu-opt %s | quipu-opt | FileCheck %s

// CHECK: llama.param @layers.0.attn.wq : tensor<576x576x!llama.q4_1>
llama.param @layers.0.attn.wq : tensor<576x576x!llama.q4_1>
llama.param @tok_embed : tensor<49152x576xf16>
llama.param @layers.0.attn_norm : tensor<576xf32>
llama.param @wq : tensor<576x576xf16>
llama.param @wk : tensor<192x576xf16>
llama.param @wo : tensor<576x576xf16>

module {
  // CHECK: llama.rope_table @rope [1.000000e+00, 1.000000e-01] scale 1.000000e+00
  llama.rope_table @rope [1.0, 0.1] scale 1.0
}
llama.rope_table @rope [
  1.0, 0.7, 0.6, 0.4, 0.3, 0.2, 0.2, 0.1, 0.1, 0.07, 0.05, 0.04, 0.03, 0.02,
  0.02, 0.01, 0.01, 0.007, 0.005, 0.004, 0.003, 0.002, 0.001, 0.001, 0.001,
  0.0007, 0.0005, 0.0004, 0.0003, 0.0002, 0.0001, 0.0001] scale 1.0

// CHECK-LABEL: func.func @attention_block
// CHECK: %[[X:.*]] = llama.embedding
// CHECK: %[[N:.*]] = llama.rms_norm %[[X]], @layers.0.attn_norm
// CHECK: %[[QK:.*]]:2 = llama.linear %[[N]], [@wq, @wk]
// CHECK: llama.rope %[[QK]]#0
// CHECK: %[[KV:.*]] = llama.kv_append %{{.*}}, %[[QK]]#1
// CHECK: %[[A:.*]] = llama.attention %[[QK]]#0, %[[KV]]
// CHECK: %[[Y:.*]] = llama.fusion "o"
// CHECK: llama.linear %[[A]], [@wo]
// CHECK: llama.select_rows %[[X]]
func.func @attention_block(%tokens: tensor<?xi32>, %positions: tensor<?xi32>,
                           %slots: tensor<?xi32>, %sequences: tensor<?xi32>,
                           %pages: tensor<?x?xi32>, %rows: tensor<?xi32>,
                           %v: tensor<?x192xf32>,
                           %kv0: !llama.kv<3, 64, page 64, f16>) {
  %x = llama.embedding %tokens, @tok_embed
           : tensor<?xi32> -> tensor<?x576xf32>
  %n = llama.rms_norm %x, @layers.0.attn_norm eps 1.0e-5 : tensor<?x576xf32>
  %q, %k = llama.linear %n, [@wq, @wk] : tensor<?x576xf32>
               -> tensor<?x576xf32>, tensor<?x192xf32>
  %r = llama.rope %q, %positions, @rope half head_dim 64
           : tensor<?x576xf32>, tensor<?xi32>
  %kv1 = llama.kv_append %kv0, %k, %v, %slots
      : !llama.kv<3, 64, page 64, f16>, tensor<?x192xf32>, tensor<?xi32>
  %a = llama.attention %q, %kv1, %positions, %sequences, %pages scale 0.125
      : tensor<?x576xf32>, !llama.kv<3, 64, page 64, f16>, tensor<?xi32>,
        tensor<?x?xi32>
  %y = llama.fusion "o" -> tensor<?x576xf32> {
    %o = llama.linear %a, [@wo] : tensor<?x576xf32> -> tensor<?x576xf32>
    %s = llama.add %x, %o : tensor<?x576xf32>
    llama.yield %s : tensor<?x576xf32>
  }
  %l = llama.select_rows %x, %rows
           : tensor<?x576xf32>, tensor<?xi32> -> tensor<?x576xf32>
  return
}

// CHECK-LABEL: func.func @mlp_block
// CHECK: %[[S:.*]] = llama.silu
// CHECK: llama.mul %[[S]]
// CHECK: llama.add
// CHECK: llama.argmax
func.func @mlp_block(%x: tensor<?x576xf32>, %o: tensor<?x576xf32>,
                     %gate: tensor<?x1536xf32>, %up: tensor<?x1536xf32>,
                     %logits: tensor<?x49152xf32>) {
  %s = llama.silu %gate : tensor<?x1536xf32>
  %m = llama.mul %s, %up : tensor<?x1536xf32>
  %y = llama.add %x, %o : tensor<?x576xf32>
  %next = llama.argmax %logits : tensor<?x49152xf32> -> tensor<?xi32>
  return
}

// CHECK-LABEL: func.func @yield
// CHECK: llama.yield %{{.*}} : tensor<?x576xf32>
func.func @yield(%x: tensor<?x576xf32>) {
  %0 = llama.fusion "nothing" -> tensor<?x576xf32> {
    llama.yield %x : tensor<?x576xf32>
  }
  return
}
