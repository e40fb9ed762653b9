// Row skeletons that do not fit together: one case a message.
//
// RUN: quipu-opt %s --split-input-file --verify-diagnostics

func.func @other_op(%x: tensor<?x8xf32>) {
  %0 = kernel.rowwise "r" tokens -> tensor<?x8xf32> {
    // expected-error @below {{cannot stand in a skeleton; expected kernel.prologue or kernel.segment}}
    %c = arith.constant 0.0 : f32
  }
  return
}

// -----

func.func @matmul_without_weights(%x: tensor<?x8xf32>) {
  %0 = kernel.matmul "m" tokens -> tensor<?x8xf32> {
    kernel.prologue %x : tensor<?x8xf32>
    // expected-error @below {{expected weights in kernel.matmul}}
    kernel.segment single into result {
    ^bb0(%y: f32):
      kernel.yield %y : f32
    }
  }
  return
}

// -----

func.func @rowwise_with_weights(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>) {
  %0 = kernel.rowwise "r" tokens -> tensor<?x4xf32> {
    kernel.prologue %x : tensor<?x8xf32>
    // expected-error @below {{expected no weights in kernel.rowwise}}
    kernel.segment single into result weights(%w : tensor<4x8xf32>) {
    ^bb0(%y: f32):
      kernel.yield %y : f32
    }
  }
  return
}

// -----

func.func @too_few_results(%x: tensor<?x8xf32>) {
  // expected-error @below {{expected a result for each segment}}
  %0 = kernel.rowwise "r" tokens -> tensor<?x8xf32> {
    kernel.prologue %x : tensor<?x8xf32>
    kernel.segment single into result {
    ^bb0(%y: f32):
      kernel.yield %y : f32
    }
    kernel.segment single into result {
    ^bb0(%y: f32):
      kernel.yield %y : f32
    }
  }
  return
}

// -----

func.func @result_of_other_width(%x: tensor<?x8xf32>) {
  // expected-error @below {{expected result 0 of 8 columns, found 'tensor<?x9xf32>'}}
  %0 = kernel.rowwise "r" tokens -> tensor<?x9xf32> {
    kernel.prologue %x : tensor<?x8xf32>
    kernel.segment single into result {
    ^bb0(%y: f32):
      kernel.yield %y : f32
    }
  }
  return
}

// -----

func.func @argmax_is_a_vector(%x: tensor<?x8xf32>) {
  // expected-error @below {{expected result 0 of 8 columns, found 'tensor<?x8xi32>'}}
  %0 = kernel.rowwise "r" tokens -> tensor<?x8xi32> {
    kernel.prologue %x : tensor<?x8xf32>
    kernel.segment single into argmax {
    ^bb0(%y: f32):
      kernel.yield %y : f32
    }
  }
  return
}

// -----

func.func @matmul_without_prologue(%w: tensor<4x8xf32>) {
  // expected-error @below {{expected one prologue, found 0}}
  %0 = kernel.matmul "m" tokens -> tensor<?x4xf32> {
    kernel.segment single into result weights(%w : tensor<4x8xf32>) {
    ^bb0(%y: f32):
      kernel.yield %y : f32
    }
  }
  return
}

// -----

func.func @two_prologues(%x: tensor<?x8xf32>) {
  // expected-error @below {{expected one prologue, found 2}}
  %0 = kernel.rowwise "r" tokens -> tensor<?x8xf32> {
    kernel.prologue %x : tensor<?x8xf32>
    kernel.prologue %x : tensor<?x8xf32>
    kernel.segment single into result {
    ^bb0(%y: f32):
      kernel.yield %y : f32
    }
  }
  return
}

// -----

func.func @too_many_results(%x: tensor<?x8xf32>) {
  // expected-error @below {{expected 1 results, found 2}}
  %0:2 = kernel.rowwise "r" tokens -> tensor<?x8xf32>, tensor<?x8xf32> {
    kernel.prologue %x : tensor<?x8xf32>
    kernel.segment single into result {
    ^bb0(%y: f32):
      kernel.yield %y : f32
    }
  }
  return
}

// -----

func.func @cache_of_another_type(%x: tensor<?x8xf32>, %slots: tensor<?xi32>,
                                 %kv: !llama.kv<2, 4, page 16, f16>) {
  // expected-error @below {{expected the last result of type '!llama.kv<2, 4, page 16, f16>', found '!llama.kv<2, 4, page 16, f32>'}}
  %0 = kernel.rowwise "r" tokens -> !llama.kv<2, 4, page 16, f32> {
    kernel.prologue %x : tensor<?x8xf32>
    kernel.segment single into keys
        kv(%kv : !llama.kv<2, 4, page 16, f16>, %slots : tensor<?xi32>) {
    ^bb0(%y: f32):
      kernel.yield %y : f32
    }
  }
  return
}

// -----

func.func @part_of_a_group(%q: tensor<?x12xf32>, %kv: !llama.kv<2, 4, page 16, f16>,
                           %p: tensor<?xi32>, %s: tensor<?xi32>, %pages: tensor<?x?xi32>) {
  // expected-error @below {{expected query columns in groups of 8 (kv heads * head_dim), found 12}}
  %0 = kernel.attention_decode "a" %q, %kv, %p, %s, %pages scale 0.5
      : tensor<?x12xf32>, !llama.kv<2, 4, page 16, f16>, tensor<?xi32>, tensor<?x?xi32>
  return
}

// -----

func.func @part_of_a_group(%q: tensor<?x12xf32>, %kv: !llama.kv<2, 4, page 16, f16>,
                           %p: tensor<?xi32>, %s: tensor<?xi32>, %pages: tensor<?x?xi32>) {
  // expected-error @below {{expected query columns in groups of 8 (kv heads * head_dim), found 12}}
  %0 = kernel.attention_prefill "a" %q, %kv, %p, %s, %pages scale 0.5
      : tensor<?x12xf32>, !llama.kv<2, 4, page 16, f16>, tensor<?xi32>, tensor<?x?xi32>
  return
}

// -----

// expected-error @below {{row_tile and token_tile must be positive, found 0 and 1}}
func.func @empty_tile() attributes {s = #kernel.schedule<row_tile = 0>} {
  return
}

// -----

// expected-error @below {{sizes must not be negative}}
func.func @negative_size() attributes {s = #kernel.schedule<kv_tile = -1>} {
  return
}
