// Prologues with operands or regions that do not fit: one case a message.
//
// RUN: quipu-opt %s --split-input-file --verify-diagnostics

func.func @source_is_a_vector(%x: tensor<8xf32>) {
  %0 = kernel.rowwise "r" tokens -> tensor<?x8xf32> {
    // expected-error @below {{expected a source of rows, found 'tensor<8xf32>'}}
    kernel.prologue %x : tensor<8xf32>
  }
  return
}

// -----

func.func @source_of_an_unknown_type(%x: tensor<?x8xi64>) {
  %0 = kernel.rowwise "r" tokens -> tensor<?x8xf32> {
    // expected-error @below {{has no stored form for 'tensor<?x8xi64>'}}
    kernel.prologue %x : tensor<?x8xi64>
  }
  return
}

// -----

func.func @quantized_source(%x: tensor<8x32x!llama.q8_0>, %rows: tensor<?xi32>) {
  %0 = kernel.rowwise "r" tokens -> tensor<?x32xf32> {
    // expected-error @below {{expected a decoder for 'tensor<8x32x!llama.q8_0>'}}
    kernel.prologue %x : tensor<8x32x!llama.q8_0> rows(%rows : tensor<?xi32>)
  }
  return
}

// -----

func.func @columns_of_another_length(%x: tensor<?x8xf32>, %g: tensor<9xf32>) {
  %0 = kernel.rowwise "r" tokens -> tensor<?x8xf32> {
    // expected-error @below {{expected columns of 8 elements, found 'tensor<9xf32>'}}
    kernel.prologue %x : tensor<?x8xf32> columns(%g : tensor<9xf32>)
  }
  return
}

// -----

func.func @map_without_its_column(%x: tensor<?x8xf32>, %g: tensor<8xf32>) {
  %0 = kernel.rowwise "r" tokens -> tensor<?x8xf32> {
    // expected-error @below {{expected map with 2 f32 arguments, found ('f32')}}
    kernel.prologue %x : tensor<?x8xf32> columns(%g : tensor<8xf32>) map {
    ^bb0(%e: f32):
      kernel.yield %e : f32
    }
  }
  return
}

// -----

func.func @statistic_of_two(%x: tensor<?x8xf32>) {
  %0 = kernel.rowwise "r" tokens -> tensor<?x8xf32> {
    // expected-error @below {{expected statistic with 1 f32 arguments, found ('f32', 'f32')}}
    kernel.prologue %x : tensor<?x8xf32> statistic {
    ^bb0(%e: f32, %f: f32):
      kernel.yield %e : f32
    } scale {
    ^bb0(%s: f32):
      kernel.yield %s : f32
    }
  }
  return
}

// -----

func.func @scale_that_yields_nothing(%x: tensor<?x8xf32>) {
  %0 = kernel.rowwise "r" tokens -> tensor<?x8xf32> {
    // expected-error @below {{expected scale to yield 1 values}}
    kernel.prologue %x : tensor<?x8xf32> statistic {
    ^bb0(%e: f32):
      kernel.yield %e : f32
    } scale {
    ^bb0(%s: f32):
      kernel.yield
    }
  }
  return
}

// -----

func.func @statistic_alone(%x: tensor<?x8xf32>) {
  %0 = kernel.rowwise "r" tokens -> tensor<?x8xf32> {
    // expected-error @below {{expected statistic and scale together}}
    "kernel.prologue"(%x) <{operandSegmentSizes = array<i32: 1, 0, 0>}> ({}, {
    ^bb0(%e: f32):
      kernel.yield %e : f32
    }, {}) : (tensor<?x8xf32>) -> ()
  }
  return
}
