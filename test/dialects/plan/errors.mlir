// Plans that are no plans. Indices and bounds are checked where a plan becomes
// data (runtime/package).
//
// RUN: quipu-opt %s --split-input-file --verify-diagnostics

// expected-error @below {{expects parent op 'plan.bucket'}}
plan.launch @matvec_0 "layers.0.qkv" [] grid <30>

// -----

// expected-error @below {{expects parent op 'plan.bucket'}}
plan.output "logits" at 0 columns 8

// -----

plan.bucket @b "decode" entry "logits" max_tokens 1 max_rows 1 arena 0 {
  // expected-error @below {{expected one of [tokens, positions, slots, sequences, pages, rows, work] for an array that the runtime fills before a step, got: logits}}
  // expected-error @below {{failed to parse Plan_Input parameter 'kind'}}
  plan.launch @k "" [#plan.input<logits>] grid <1>
}

// -----

plan.bucket @b "decode" entry "logits" max_tokens 1 max_rows 1 arena 0 {
  // expected-error @below {{expected one of [one, tokens, rows, work, splits] for a size known at run time, got: pages}}
  // expected-error @below {{failed to parse Plan_Factor parameter 'symbol'}}
  // expected-error @below {{failed to parse Plan_Grid parameter 'factors'}}
  plan.launch @k "" [] grid <1, <pages by 2>>
}

// -----

// expected-note @below {{see existing symbol definition here}}
plan.parameter @w : tensor<8xf32>
// expected-error @below {{redefinition of symbol named 'w'}}
plan.parameter @w : tensor<8xf32>
