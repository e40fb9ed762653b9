// Segments with operands or regions that do not fit: one case a message.
//
// RUN: quipu-opt %s --split-input-file --verify-diagnostics

func.func @zip_of_one(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>) {
  %0 = kernel.matmul "m" tokens -> tensor<?x4xf32> {
    kernel.prologue %x : tensor<?x8xf32>
    // expected-error @below {{expected 2 weights, found 1}}
    kernel.segment zip into result weights(%w : tensor<4x8xf32>) {
    ^bb0(%y: f32):
      kernel.yield %y : f32
    }
  }
  return
}

// -----

func.func @nothing_to_read() {
  %0 = kernel.rowwise "r" tokens -> tensor<?x8xf32> {
    // expected-error @below {{expected weights, elements or a prologue}}
    kernel.segment single into result {
      kernel.yield
    }
  }
  return
}

// -----

func.func @decoders_for_some(%x: tensor<?x32xf32>, %w: tensor<4x32x!llama.q8_0>) {
  %0 = kernel.matmul "m" tokens -> tensor<?x4xf32> {
    kernel.prologue %x : tensor<?x32xf32>
    // expected-error @below {{expected one decoder a weight, found 2 weights and 1 decoders}}
    kernel.segment zip into result
        weights(%w, %w : tensor<4x32x!llama.q8_0>, tensor<4x32x!llama.q8_0>)
        decoders [@q8_0] {
    ^bb0(%y: f32, %z: f32):
      kernel.yield %y : f32
    }
  }
  return
}

// -----

func.func @weight_without_a_decoder(%x: tensor<?x32xf32>, %w: tensor<4x32x!llama.q8_0>) {
  %0 = kernel.matmul "m" tokens -> tensor<?x4xf32> {
    kernel.prologue %x : tensor<?x32xf32>
    // expected-error @below {{expected a decoder for 'tensor<4x32x!llama.q8_0>'}}
    kernel.segment single into result weights(%w : tensor<4x32x!llama.q8_0>) {
    ^bb0(%y: f32):
      kernel.yield %y : f32
    }
  }
  return
}

// -----

func.func @decoder_of_a_float(%x: tensor<?x32xf32>, %w: tensor<4x32xf16>) {
  %0 = kernel.matmul "m" tokens -> tensor<?x4xf32> {
    kernel.prologue %x : tensor<?x32xf32>
    // expected-error @below {{expected no decoder for 'tensor<4x32xf16>'}}
    kernel.segment single into result weights(%w : tensor<4x32xf16>) decoders [@q8_0] {
    ^bb0(%y: f32):
      kernel.yield %y : f32
    }
  }
  return
}

// -----

func.func @weights_of_two_shapes(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>, %v: tensor<5x8xf32>) {
  %0 = kernel.matmul "m" tokens -> tensor<?x4xf32> {
    kernel.prologue %x : tensor<?x8xf32>
    // expected-error @below {{expected weights of one (N, K) shape, found 'tensor<5x8xf32>'}}
    kernel.segment zip into result weights(%w, %v : tensor<4x8xf32>, tensor<5x8xf32>) {
    ^bb0(%y: f32, %z: f32):
      kernel.yield %y : f32
    }
  }
  return
}

// -----

func.func @weight_of_other_inputs(%x: tensor<?x8xf32>, %w: tensor<4x9xf32>) {
  %0 = kernel.matmul "m" tokens -> tensor<?x4xf32> {
    // expected-note @below {{activations come from here}}
    kernel.prologue %x : tensor<?x8xf32>
    // expected-error @below {{expected weights of 8 inputs, found 'tensor<4x9xf32>'}}
    kernel.segment single into result weights(%w : tensor<4x9xf32>) {
    ^bb0(%y: f32):
      kernel.yield %y : f32
    }
  }
  return
}

// -----

func.func @bias_of_another_length(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>, %b: tensor<5xf32>) {
  %0 = kernel.matmul "m" tokens -> tensor<?x4xf32> {
    kernel.prologue %x : tensor<?x8xf32>
    // expected-error @below {{expected columns of 4 elements, found 'tensor<5xf32>'}}
    kernel.segment single into result weights(%w : tensor<4x8xf32>) columns(%b : tensor<5xf32>) {
    ^bb0(%y: f32, %c: f32):
      kernel.yield %y : f32
    }
  }
  return
}

// -----

func.func @residual_of_another_width(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>) {
  %0 = kernel.matmul "m" tokens -> tensor<?x4xf32> {
    kernel.prologue %x : tensor<?x8xf32>
    // expected-error @below {{expected elements of 4 columns, found 'tensor<?x8xf32>'}}
    kernel.segment single into result weights(%w : tensor<4x8xf32>) elements(%x : tensor<?x8xf32>) {
    ^bb0(%y: f32, %e: f32):
      kernel.yield %y : f32
    }
  }
  return
}

// -----

func.func @heads_that_do_not_fit(%x: tensor<?x8xf32>) {
  %0 = kernel.rowwise "r" tokens -> tensor<?x8xf32> {
    kernel.prologue %x : tensor<?x8xf32>
    // expected-error @below {{expected an even head_dim that divides 8}}
    kernel.segment half head_dim 6 into result {
    ^bb0(%a: f32, %b: f32):
      kernel.yield %a, %b : f32, f32
    }
  }
  return
}

// -----

func.func @keys_without_a_cache(%x: tensor<?x8xf32>) {
  %0 = kernel.rowwise "r" tokens -> !llama.kv<2, 4, page 16, f16> {
    kernel.prologue %x : tensor<?x8xf32>
    // expected-error @below {{expected kv operands exactly for keys and values}}
    kernel.segment single into keys {
    ^bb0(%y: f32):
      kernel.yield %y : f32
    }
  }
  return
}

// -----

func.func @angles_of_single_outputs(%x: tensor<?x8xf32>, %t: tensor<?x2x2xf32>, %p: tensor<?xi32>) {
  %0 = kernel.rowwise "r" tokens -> tensor<?x8xf32> {
    kernel.prologue %x : tensor<?x8xf32>
    // expected-error @below {{expected angles (table, positions) on pairs}}
    kernel.segment single into result angles(%t, %p : tensor<?x2x2xf32>, tensor<?xi32>) {
    ^bb0(%y: f32, %c: f32, %s: f32):
      kernel.yield %y : f32
    }
  }
  return
}

// -----

func.func @angles_of_another_head(%x: tensor<?x8xf32>, %t: tensor<?x4x2xf32>, %p: tensor<?xi32>) {
  %0 = kernel.rowwise "r" tokens -> tensor<?x8xf32> {
    kernel.prologue %x : tensor<?x8xf32>
    // expected-error @below {{expected f32 angles of (positions, 2, 2), found 'tensor<?x4x2xf32>'}}
    kernel.segment half head_dim 4 into result angles(%t, %p : tensor<?x4x2xf32>, tensor<?xi32>) {
    ^bb0(%a: f32, %b: f32, %c: f32, %s: f32):
      kernel.yield %a, %b : f32, f32
    }
  }
  return
}

// -----

func.func @positions_of_another_type(%x: tensor<?x8xf32>, %t: tensor<?x2x2xf32>, %p: tensor<?xi64>) {
  %0 = kernel.rowwise "r" tokens -> tensor<?x8xf32> {
    kernel.prologue %x : tensor<?x8xf32>
    // expected-error @below {{expected a vector of i32 positions, found 'tensor<?xi64>'}}
    kernel.segment half head_dim 4 into result angles(%t, %p : tensor<?x2x2xf32>, tensor<?xi64>) {
    ^bb0(%a: f32, %b: f32, %c: f32, %s: f32):
      kernel.yield %a, %b : f32, f32
    }
  }
  return
}

// -----

func.func @keys_of_another_width(%x: tensor<?x8xf32>, %kv: !llama.kv<3, 4, page 16, f16>, %slots: tensor<?xi32>) {
  %0 = kernel.rowwise "r" tokens -> !llama.kv<3, 4, page 16, f16> {
    kernel.prologue %x : tensor<?x8xf32>
    // expected-error @below {{expected 12 outputs for '!llama.kv<3, 4, page 16, f16>', found 8}}
    kernel.segment single into keys kv(%kv : !llama.kv<3, 4, page 16, f16>, %slots : tensor<?xi32>) {
    ^bb0(%y: f32):
      kernel.yield %y : f32
    }
  }
  return
}

// -----

func.func @keys_of_another_head(%x: tensor<?x8xf32>, %kv: !llama.kv<2, 4, page 16, f16>, %slots: tensor<?xi32>) {
  %0 = kernel.rowwise "r" tokens -> !llama.kv<2, 4, page 16, f16> {
    kernel.prologue %x : tensor<?x8xf32>
    // expected-error @below {{expected head_dim 4 for '!llama.kv<2, 4, page 16, f16>', found 8}}
    kernel.segment half head_dim 8 into keys kv(%kv : !llama.kv<2, 4, page 16, f16>, %slots : tensor<?xi32>) {
    ^bb0(%a: f32, %b: f32):
      kernel.yield %a, %b : f32, f32
    }
  }
  return
}

// -----

func.func @epilogue_of_another_arity(%x: tensor<?x8xf32>) {
  %0 = kernel.rowwise "r" tokens -> tensor<?x8xf32> {
    kernel.prologue %x : tensor<?x8xf32>
    // expected-error @below {{expected epilogue with 2 f32 arguments, found ('f32', 'i32')}}
    kernel.segment interleaved head_dim 4 into result {
    ^bb0(%a: f32, %b: i32):
      kernel.yield %a, %a : f32, f32
    }
  }
  return
}

// -----

func.func @epilogue_that_yields_one_of_two(%x: tensor<?x8xf32>) {
  %0 = kernel.rowwise "r" tokens -> tensor<?x8xf32> {
    kernel.prologue %x : tensor<?x8xf32>
    // expected-error @below {{expected epilogue to yield 2 values}}
    kernel.segment interleaved head_dim 4 into result {
    ^bb0(%a: f32, %b: f32):
      kernel.yield %a : f32
    }
  }
  return
}
