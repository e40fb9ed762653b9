// RUN: quipu-opt %s --split-input-file --verify-diagnostics

func.func @argmax(%x: tensor<4x64xf32>) -> tensor<5xi32> {
  // expected-error @+2 {{op inferred type(s) 'tensor<4xi32>' are incompatible with return type(s) of operation 'tensor<5xi32>'}}
  // expected-error @+1 {{op failed to infer returned types}}
  %a = llama.argmax %x : tensor<4x64xf32> -> tensor<5xi32>
  return %a : tensor<5xi32>
}

// -----

func.func @select_rows(%x: tensor<?x64xf32>, %rows: tensor<?xi32>) -> tensor<?x32xf32> {
  // expected-error @+2 {{op inferred type(s) 'tensor<?x64xf32>' are incompatible with return type(s) of operation 'tensor<?x32xf32>'}}
  // expected-error @+1 {{op failed to infer returned types}}
  %a = llama.select_rows %x, %rows : tensor<?x64xf32>, tensor<?xi32> -> tensor<?x32xf32>
  return %a : tensor<?x32xf32>
}
