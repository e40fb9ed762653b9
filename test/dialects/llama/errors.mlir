// Every message of the dialect's verifiers.
// RUN: quipu-opt %s --split-input-file --verify-diagnostics

// expected-error @below {{heads, head_dim and page must be positive, found 2, 0, 16}}
func.func private @kv(!llama.kv<2, 0, page 16, f16>)

// -----

// expected-error @below {{expected element type f32, f16 or bf16, found 'i8'}}
func.func private @kv(!llama.kv<2, 4, page 16, i8>)

// -----

// expected-error @below {{has no stored form for elements of type 'f64'}}
llama.param @w : tensor<4xf64>

// -----

// expected-error @below {{expected a static vector or matrix, found 'tensor<?x4xf32>'}}
llama.param @w : tensor<?x4xf32>

// -----

// expected-error @below {{expected a static vector or matrix, found 'tensor<2x2x4xf32>'}}
llama.param @w : tensor<2x2x4xf32>

// -----

// expected-error @below {{expected rows of a multiple of 32 elements, found 48}}
llama.param @w : tensor<2x48x!llama.q4_0>

// -----

llama.rope_table @table [1.0] scale 1.0

func.func @f(%tokens: tensor<?xi32>) {
  // expected-error @below {{expected @table to be a llama.param}}
  llama.embedding %tokens, @table : tensor<?xi32> -> tensor<?x4xf32>
  return
}

// -----

// expected-note @below {{declared here}}
llama.param @table : tensor<9x8xf32>

func.func @f(%tokens: tensor<?xi32>) {
  // expected-error @below {{expected @table of shape 9, 4, found 9, 8}}
  llama.embedding %tokens, @table : tensor<?xi32> -> tensor<?x4xf32>
  return
}

// -----

llama.param @table : tensor<9xf32>

func.func @f(%tokens: tensor<?xi32>) {
  // expected-error @below {{expected @table to be a matrix, found 'tensor<9xf32>'}}
  llama.embedding %tokens, @table : tensor<?xi32> -> tensor<?x9xf32>
  return
}

// -----

// expected-note @below {{declared here}}
llama.param @gamma : tensor<8xf32>

func.func @f(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected @gamma of shape 4, found 8}}
  llama.rms_norm %x, @gamma eps 1.0 : tensor<?x4xf32>
  return
}

// -----

func.func @f(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected at least one weight}}
  "llama.linear"(%x) <{weights = []}> : (tensor<?x4xf32>) -> ()
  return
}

// -----

func.func @f(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected one result a weight, found 2 weights and 1 results}}
  llama.linear %x, [@a, @b] : tensor<?x4xf32> -> tensor<?x4xf32>
  return
}

// -----

func.func @f(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected one bias a weight, found 1 weights and 2 biases}}
  llama.linear %x, [@a] bias [@b, @b] : tensor<?x4xf32> -> tensor<?x4xf32>
  return
}

// -----

func.func @f(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected a bias to be a symbol or unit, found 3 : i64}}
  llama.linear %x, [@a] bias [3] : tensor<?x4xf32> -> tensor<?x4xf32>
  return
}

// -----

// expected-note @below {{declared here}}
llama.param @w : tensor<4x8xf32>

func.func @f(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected @w of shape 8, 4, found 4, 8}}
  llama.linear %x, [@w] : tensor<?x4xf32> -> tensor<?x8xf32>
  return
}

// -----

llama.param @w : tensor<8x4xf32>
// expected-note @below {{declared here}}
llama.param @b : tensor<4xf32>

func.func @f(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected @b of shape 8, found 4}}
  llama.linear %x, [@w] bias [@b] : tensor<?x4xf32> -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x12xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{expected an even head_dim, found 3}}
  llama.rope %x, %p, @rope half head_dim 3 : tensor<?x12xf32>, tensor<?xi32>
  return
}

// -----

func.func @f(%x: tensor<?x12xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{expected whole heads of 8 columns, found 12}}
  llama.rope %x, %p, @rope half head_dim 8 : tensor<?x12xf32>, tensor<?xi32>
  return
}

// -----

llama.param @rope : tensor<4xf32>

func.func @f(%x: tensor<?x12xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{expected @rope to be a llama.rope_table}}
  llama.rope %x, %p, @rope half head_dim 4 : tensor<?x12xf32>, tensor<?xi32>
  return
}

// -----

// expected-note @below {{declared here}}
llama.rope_table @rope [1.0, 0.5, 0.1] scale 1.0

func.func @f(%x: tensor<?x12xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{expected @rope with 2 frequencies, found 3}}
  llama.rope %x, %p, @rope half head_dim 4 : tensor<?x12xf32>, tensor<?xi32>
  return
}

// -----

func.func @f(%kv: !llama.kv<2, 4, page 16, f16>, %k: tensor<?x4xf32>,
                     %slots: tensor<?xi32>) {
  // expected-error @below {{expected keys and values of 8 columns, found 4}}
  llama.kv_append %kv, %k, %k, %slots
      : !llama.kv<2, 4, page 16, f16>, tensor<?x4xf32>, tensor<?xi32>
  return
}

// -----

func.func @f(%kv: !llama.kv<2, 4, page 16, f16>, %q: tensor<?x12xf32>,
                     %i: tensor<?xi32>, %pages: tensor<?x?xi32>) {
  // expected-error @below {{expected query columns in groups of 8 (kv heads * head_dim), found 12}}
  llama.attention %q, %kv, %i, %i, %pages scale 1.0 : tensor<?x12xf32>,
      !llama.kv<2, 4, page 16, f16>, tensor<?xi32>, tensor<?x?xi32>
  return
}

// -----

func.func @f(%x: tensor<?x4xf32>) {
  %f = llama.fusion "f" -> tensor<?x4xf32> {
    // expected-error @below {{expected values of types 'tensor<?x4xf32>', found}}
    llama.yield
  }
  return
}

// -----

func.func @f() {
  llama.fusion "f" {
    // expected-error @below {{cannot be nested in a fusion}}
    llama.fusion "g" {
    }
  }
  return
}

// -----

// expected-error @below {{expected device gpu with gemm cublas, found cpu}}
func.func private @f() attributes {llama.bucket = #llama.bucket<b, logits, max_tokens = 64, max_rows = 1, device = cpu, gemm = cublas>}
