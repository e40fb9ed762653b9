// RUN: quipu-opt %s --llama-to-kernel --kernel-choose-tiles --kernel-outline --kernel-to-plan | FileCheck %s

// The merge of attention's splits: a thread of a CPU takes all 6 query heads of
// a token, a block of a GPU one of them.

// CHECK: plan.bucket @on_cpu
// CHECK: plan.launch @[[CPU:attention_decode_.*]] "attention" {{.*}} grid <2, <tokens by 1>, <splits by 1>>
// CHECK: plan.launch @[[CPU]]_merge "attention" {{.*}} grid <1, <tokens by 1>>
func.func @on_cpu(
    %tokens: tensor<?xi32>, %positions: tensor<?xi32>, %slots: tensor<?xi32>,
    %sequences: tensor<?xi32>, %pages: tensor<?x?xi32>, %rows: tensor<?xi32>,
    %kv: !llama.kv<2, 64, page 16, f16>) -> (tensor<?x384xf32>, !llama.kv<2, 64, page 16, f16>)
    attributes {llama.bucket = #llama.bucket<decode, logits, max_tokens = 2, max_rows = 2>} {
  %x = llama.embedding %tokens, @w : tensor<?xi32> -> tensor<?x384xf32>
  %a = llama.attention %x, %kv, %positions, %sequences, %pages scale 0.125 : tensor<?x384xf32>, !llama.kv<2, 64, page 16, f16>, tensor<?xi32>, tensor<?x?xi32>
  %l = llama.select_rows %a, %rows : tensor<?x384xf32>, tensor<?xi32> -> tensor<?x384xf32>
  return %l, %kv : tensor<?x384xf32>, !llama.kv<2, 64, page 16, f16>
}

// CHECK: plan.bucket @on_gpu
// CHECK: plan.launch @[[GPU:attention_decode_.*]] "attention" {{.*}} grid <2, <tokens by 1>, <splits by 1>>
// CHECK: plan.launch @[[GPU]]_merge "attention" {{.*}} grid <6, <tokens by 1>>
func.func @on_gpu(
    %tokens: tensor<?xi32>, %positions: tensor<?xi32>, %slots: tensor<?xi32>,
    %sequences: tensor<?xi32>, %pages: tensor<?x?xi32>, %rows: tensor<?xi32>,
    %kv: !llama.kv<2, 64, page 16, f16>) -> (tensor<?x384xf32>, !llama.kv<2, 64, page 16, f16>)
    attributes {llama.bucket = #llama.bucket<decode, logits, max_tokens = 2, max_rows = 2, device = gpu>} {
  %x = llama.embedding %tokens, @w : tensor<?xi32> -> tensor<?x384xf32>
  %a = llama.attention %x, %kv, %positions, %sequences, %pages scale 0.125 : tensor<?x384xf32>, !llama.kv<2, 64, page 16, f16>, tensor<?xi32>, tensor<?x?xi32>
  %l = llama.select_rows %a, %rows : tensor<?x384xf32>, tensor<?xi32> -> tensor<?x384xf32>
  return %l, %kv : tensor<?x384xf32>, !llama.kv<2, 64, page 16, f16>
}

llama.param @w : tensor<100x384xf32>
