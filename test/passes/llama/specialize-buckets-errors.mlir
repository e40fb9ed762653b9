// RUN: quipu-opt %s --split-input-file --verify-diagnostics \
// RUN:   --llama-specialize-buckets="entries=logits,logits"
// RUN: not quipu-opt %s --llama-specialize-buckets="buckets=decode:0:1" 2>&1 \
// RUN:   | FileCheck %s --check-prefix=BOUNDS
// RUN: not quipu-opt %s --llama-specialize-buckets="buckets=decode" 2>&1 \
// RUN:   | FileCheck %s --check-prefix=SHAPE

// BOUNDS: expected NAME:MAX_TOKENS:MAX_ROWS, found 'decode:0:1'
// SHAPE: expected NAME:MAX_TOKENS:MAX_ROWS, found 'decode'

// expected-error @below {{expected a function @step}}
module {}

// -----

module {
  // expected-error @below {{expected @step to return logits, argmax and KV caches, found '(tensor<?xi32>) -> tensor<?xi32>'}}
  func.func @step(%x: tensor<?xi32>) -> tensor<?xi32> {
    return %x : tensor<?xi32>
  }
}

// -----

// expected-error @below {{expected each entry once, found 'logits' twice}}
module {
  func.func @step(%l: tensor<?x8xf32>, %a: tensor<?xi32>)
      -> (tensor<?x8xf32>, tensor<?xi32>) {
    return %l, %a : tensor<?x8xf32>, tensor<?xi32>
  }
}
