// Launches that do not pass what their kernels take.
//
// RUN: quipu-opt %s --split-input-file --verify-diagnostics

plan.bucket @b "decode" entry "logits" max_tokens 1 max_rows 1 arena 128 {
  // expected-error @below {{expected @project to be the function of a kernel, found none}}
  plan.launch @project "" [] grid <1>
  plan.output "logits" at 0 columns 8
}

// -----

func.func @project() {
  return
}
plan.bucket @b "decode" entry "logits" max_tokens 1 max_rows 1 arena 128 {
  // expected-error @below {{expected @project to be the function of a kernel, found another function}}
  plan.launch @project "" [] grid <1>
  plan.output "logits" at 0 columns 8
}

// -----

// expected-note @below {{the kernel is here}}
func.func @project(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> {
  %y = kernel.matvec "" tokens -> tensor<?x8xf32> {
    kernel.prologue %x : tensor<?x8xf32>
    kernel.segment single into result weights(%w : tensor<8x8xf32>) {
    ^bb0(%v: f32):
      kernel.yield %v : f32
    }
  }
  return %y : tensor<?x8xf32>
}
plan.bucket @b "decode" entry "logits" max_tokens 1 max_rows 1 arena 128 {
  // expected-error @below {{expected 3 arguments, found 2}}
  plan.launch @project "" [#plan.arena<0>, #plan.arena<64>] grid <1>
  plan.output "logits" at 0 columns 8
}

// -----

// expected-note @below {{the kernel is here}}
func.func @project(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> {
  %y = kernel.matvec "" tokens -> tensor<?x8xf32> {
    kernel.prologue %x : tensor<?x8xf32>
    kernel.segment single into result weights(%w : tensor<8x8xf32>) {
    ^bb0(%v: f32):
      kernel.yield %v : f32
    }
  }
  return %y : tensor<?x8xf32>
}
plan.bucket @b "decode" entry "logits" max_tokens 1 max_rows 1 arena 128 {
  // expected-error @below {{expected a kernel with partial results to merge, found kernel.matvec}}
  plan.launch @project_merge "" [#plan.arena<0>, #plan.arena<0>, #plan.arena<64>] grid <1>
  plan.output "logits" at 0 columns 8
}

// -----

func.func @project(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> {
  %y = kernel.matvec "" tokens -> tensor<?x8xf32> {
    kernel.prologue %x : tensor<?x8xf32>
    kernel.segment single into result weights(%w : tensor<8x8xf32>) {
    ^bb0(%v: f32):
      kernel.yield %v : f32
    }
  }
  return %y : tensor<?x8xf32>
}
plan.bucket @b "decode" entry "logits" max_tokens 1 max_rows 1 arena 128 {
  // expected-error @below {{expected @w to be a plan.parameter or plan.rope_table, found none}}
  plan.launch @project "" [#plan.arena<0>, #plan.param<@w>, #plan.arena<64>] grid <1>
  plan.output "logits" at 0 columns 8
}

// -----

func.func @project(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> {
  %y = kernel.matvec "" tokens -> tensor<?x8xf32> {
    kernel.prologue %x : tensor<?x8xf32>
    kernel.segment single into result weights(%w : tensor<8x8xf32>) {
    ^bb0(%v: f32):
      kernel.yield %v : f32
    }
  }
  return %y : tensor<?x8xf32>
}
plan.bucket @b "decode" entry "logits" max_tokens 1 max_rows 1 arena 128 {
  // expected-error @below {{expected @project to be a plan.parameter or plan.rope_table, found func.func}}
  plan.launch @project "" [#plan.arena<0>, #plan.param<@project>, #plan.arena<64>] grid <1>
  plan.output "logits" at 0 columns 8
}

// -----

// expected-note @below {{declared here}}
plan.parameter @w : tensor<8x8xf16>
func.func @project(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> {
  %y = kernel.matvec "" tokens -> tensor<?x8xf32> {
    kernel.prologue %x : tensor<?x8xf32>
    kernel.segment single into result weights(%w : tensor<8x8xf32>) {
    ^bb0(%v: f32):
      kernel.yield %v : f32
    }
  }
  return %y : tensor<?x8xf32>
}
plan.bucket @b "decode" entry "logits" max_tokens 1 max_rows 1 arena 128 {
  // expected-error @below {{reads @w as another type:}}
  plan.launch @project "" [#plan.arena<0>, #plan.param<@w>, #plan.arena<64>] grid <1>
  plan.output "logits" at 0 columns 8
}

// -----

func.func @project(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> {
  %y = kernel.matvec "" tokens -> tensor<?x8xf32> {
    kernel.prologue %x : tensor<?x8xf32>
    kernel.segment single into result weights(%w : tensor<8x8xf32>) {
    ^bb0(%v: f32):
      kernel.yield %v : f32
    }
  }
  return %y : tensor<?x8xf32>
}
plan.bucket @b "decode" entry "logits" max_tokens 1 max_rows 1 arena 128 device gpu {
  // expected-error @below {{expected a kernel for gpu, found one for cpu}}
  plan.launch @project "" [#plan.arena<0>, #plan.arena<0>, #plan.arena<64>] grid <1>
  plan.output "logits" at 0 columns 8
}

// -----

func.func @attend(%q: tensor<?x8xf32>, %kv: !llama.kv<1, 8, page 16, f16>, %positions: tensor<?xi32>,
    %sequences: tensor<?xi32>, %pages: tensor<?x?xi32>) -> tensor<?x8xf32> {
  %y = kernel.attention_decode "" %q, %kv, %positions, %sequences, %pages scale 0.125
      : tensor<?x8xf32>, !llama.kv<1, 8, page 16, f16>, tensor<?xi32>, tensor<?x?xi32>
  return %y : tensor<?x8xf32>
}
plan.bucket @b "decode" entry "logits" max_tokens 1 max_rows 1 arena 128 {
  // expected-error @below {{expected keys and values of one layer as arguments 1 and 2, found #plan.keys<0> and #plan.values<1>}}
  plan.launch @attend "" [#plan.arena<0>, #plan.keys<0>, #plan.values<1>, #plan.input<positions>, #plan.input<sequences>, #plan.input<pages>, #plan.arena<64>, #plan.arena<64>] grid <1>
  plan.output "logits" at 0 columns 8
}

// -----

module attributes {plan.kv_layers = 2} {
  func.func @attend(%q: tensor<?x8xf32>, %kv: !llama.kv<1, 8, page 16, f16>, %positions: tensor<?xi32>,
      %sequences: tensor<?xi32>, %pages: tensor<?x?xi32>) -> tensor<?x8xf32> {
    %y = kernel.attention_decode "" %q, %kv, %positions, %sequences, %pages scale 0.125
        : tensor<?x8xf32>, !llama.kv<1, 8, page 16, f16>, tensor<?xi32>, tensor<?x?xi32>
    return %y : tensor<?x8xf32>
  }
  plan.bucket @b "decode" entry "logits" max_tokens 1 max_rows 1 arena 128 {
    // expected-error @below {{expected a layer below 2, found 2}}
    plan.launch @attend "" [#plan.arena<0>, #plan.keys<2>, #plan.values<2>, #plan.input<positions>, #plan.input<sequences>, #plan.input<pages>, #plan.arena<64>, #plan.arena<64>] grid <1>
    plan.output "logits" at 0 columns 8
  }
}

// -----

func.func @project(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> {
  %y = kernel.matvec "" tokens -> tensor<?x8xf32> {
    kernel.prologue %x : tensor<?x8xf32>
    kernel.segment single into result weights(%w : tensor<8x8xf32>) {
    ^bb0(%v: f32):
      kernel.yield %v : f32
    }
  }
  return %y : tensor<?x8xf32>
}
plan.parameter @w : tensor<8x8xf32>
plan.bucket @b "decode" entry "logits" max_tokens 1 max_rows 1 arena 128 {
  // expected-error @below {{states another product than its kernel computes:}}
  plan.launch @project "" [#plan.arena<0>, #plan.param<@w>, #plan.arena<64>] grid <1>
      product <rows, input = 0, weights = 1, output = 2>
  plan.output "logits" at 0 columns 8
}

// -----

func.func @project(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> {
  %y = kernel.matvec "" tokens -> tensor<?x8xf32> {
    kernel.prologue %x : tensor<?x8xf32>
    kernel.segment single into result weights(%w : tensor<8x8xf32>) {
    ^bb0(%v: f32):
      kernel.yield %v : f32
    }
  }
  return %y : tensor<?x8xf32>
}
plan.parameter @w : tensor<8x8xf32>
plan.bucket @b "decode" entry "logits" max_tokens 1 max_rows 1 arena 128 {
  // expected-error @below {{expected argument 0 of a product in the arena, found #plan.input<tokens>}}
  plan.launch @project "" [#plan.input<tokens>, #plan.param<@w>, #plan.arena<64>] grid <1>
      product <tokens, input = 0, weights = 1, output = 2>
  plan.output "logits" at 0 columns 8
}

// -----

func.func @project(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> {
  %y = kernel.matvec "" tokens -> tensor<?x8xf32> {
    kernel.prologue %x : tensor<?x8xf32>
    kernel.segment single into result weights(%w : tensor<8x8xf32>) {
    ^bb0(%v: f32):
      kernel.yield %v : f32
    }
  }
  return %y : tensor<?x8xf32>
}
plan.parameter @w : tensor<8x8xf32>
plan.bucket @b "decode" entry "logits" max_tokens 1 max_rows 1 arena 128 {
  // expected-error @below {{expected argument 1 of a product to be a parameter, found #plan.arena<64>}}
  plan.launch @project "" [#plan.arena<0>, #plan.arena<64>, #plan.arena<64>] grid <1>
      product <tokens, input = 0, weights = 1, output = 2>
  plan.output "logits" at 0 columns 8
}

// -----

// expected-note @below {{the kernel is here}}
func.func @project(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> {
  %y = kernel.matvec "" tokens -> tensor<?x8xf32> {
    kernel.prologue %x : tensor<?x8xf32>
    kernel.segment single into result weights(%w : tensor<8x8xf32>) {
    ^bb0(%v: f32):
      %n = arith.negf %v : f32
      kernel.yield %n : f32
    }
  }
  return %y : tensor<?x8xf32>
}
plan.parameter @w : tensor<8x8xf32>
plan.bucket @b "decode" entry "logits" max_tokens 1 max_rows 1 arena 128 {
  // expected-error @below {{expected a kernel that is a product and no more, found another kernel.matvec}}
  plan.launch @project "" [#plan.arena<0>, #plan.param<@w>, #plan.arena<64>] grid <1>
      product <tokens, input = 0, weights = 1, output = 2>
  plan.output "logits" at 0 columns 8
}

// -----

plan.bucket @b "decode" entry "logits" max_tokens 1 max_rows 1 arena 128 {
  // expected-error @below {{expected a product of tokens or rows, found work}}
  plan.launch @project "" [] grid <1> product <work, input = 0, weights = 1, output = 2>
  plan.output "logits" at 0 columns 8
}

// -----

func.func @project(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> {
  %y = kernel.matvec "" tokens -> tensor<?x8xf32> {
    kernel.prologue %x : tensor<?x8xf32>
    kernel.segment single into result weights(%w : tensor<8x8xf32>) {
    ^bb0(%v: f32):
      kernel.yield %v : f32
    }
  }
  return %y : tensor<?x8xf32>
}
plan.parameter @w : tensor<8x8xf32>
plan.bucket @b "decode" entry "logits" max_tokens 4 max_rows 4 arena 256 {
  // expected-note @below {{this lives at the same launch}}
  plan.buffer at 0 tokens by 32 live 0 to 1
  // expected-error @below {{expected to begin at 128 or behind, found 64}}
  plan.buffer at 64 tokens by 32 live 1 to 1
  plan.launch @project "" [#plan.input<tokens>, #plan.param<@w>, #plan.arena<0>] grid <1>
  plan.launch @project "" [#plan.arena<0>, #plan.param<@w>, #plan.arena<64>] grid <1>
  plan.output "logits" at 64 columns 8
}

// -----

func.func @project(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> {
  %y = kernel.matvec "" tokens -> tensor<?x8xf32> {
    kernel.prologue %x : tensor<?x8xf32>
    kernel.segment single into result weights(%w : tensor<8x8xf32>) {
    ^bb0(%v: f32):
      kernel.yield %v : f32
    }
  }
  return %y : tensor<?x8xf32>
}
plan.parameter @w : tensor<8x8xf32>
plan.bucket @b "decode" entry "logits" max_tokens 4 max_rows 4 arena 256 {
  plan.buffer at 0 tokens by 32 live 0 to 0
  plan.buffer at 128 tokens by 32 live 1 to 1
  plan.launch @project "" [#plan.input<tokens>, #plan.param<@w>, #plan.arena<0>] grid <1>
  // expected-error @below {{expected a plan.buffer that lives at this launch for argument 0, found none at 0}}
  plan.launch @project "" [#plan.arena<0>, #plan.param<@w>, #plan.arena<128>] grid <1>
  plan.output "logits" at 128 columns 8
}

// -----

func.func @project(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> {
  %y = kernel.matvec "" tokens -> tensor<?x8xf32> {
    kernel.prologue %x : tensor<?x8xf32>
    kernel.segment single into result weights(%w : tensor<8x8xf32>) {
    ^bb0(%v: f32):
      kernel.yield %v : f32
    }
  }
  return %y : tensor<?x8xf32>
}
plan.parameter @w : tensor<8x8xf32>
plan.bucket @b "decode" entry "logits" max_tokens 4 max_rows 4 arena 256 {
  plan.buffer at 0 rows by 32 live 0 to 0
  plan.buffer at 128 rows by 16 live 1 to 1
  plan.launch @project "" [#plan.input<tokens>, #plan.param<@w>, #plan.arena<0>] grid <1>
  plan.launch @project "" [#plan.input<tokens>, #plan.param<@w>, #plan.arena<128>] grid <1>
  // expected-error @below {{expected a plan.buffer of rows of 8 columns that lives to the end, found none at 128}}
  plan.output "logits" at 128 columns 8
}

// -----

func.func @project(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> {
  %y = kernel.matvec "" tokens -> tensor<?x8xf32> {
    kernel.prologue %x : tensor<?x8xf32>
    kernel.segment single into result weights(%w : tensor<8x8xf32>) {
    ^bb0(%v: f32):
      kernel.yield %v : f32
    }
  }
  return %y : tensor<?x8xf32>
}
plan.parameter @w : tensor<8x8xf32>
plan.bucket @b "decode" entry "logits" max_tokens 4 max_rows 4 arena 256 {
  plan.buffer at 0 rows by 32 live 0 to 0
  plan.buffer at 128 rows by 32 live 1 to 1
  plan.launch @project "" [#plan.input<tokens>, #plan.param<@w>, #plan.arena<0>] grid <1>
  plan.launch @project "" [#plan.input<tokens>, #plan.param<@w>, #plan.arena<128>] grid <1>
  // expected-error @below {{expected a plan.buffer of rows of 8 columns that lives to the end, found none at 0}}
  plan.output "logits" at 0 columns 8
}
