// The tool knows every dialect, and names what it does not.
// RUN: quipu-opt --show-dialects | FileCheck %s --check-prefix=DIALECTS
// RUN: quipu-opt %s | FileCheck %s
// RUN: not quipu-opt --no-such-pass %s 2>&1 | FileCheck %s --check-prefix=FLAG

// DIALECTS: kernel
// DIALECTS: llama
// DIALECTS: plan

// FLAG: no-such-pass

// CHECK: llama.param @w : tensor<32x64x!llama.q4_1>
llama.param @w : tensor<32x64x!llama.q4_1>
