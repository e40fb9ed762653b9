// Plans that are no plans: grammar, sizes of a bucket, places in its arena.
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

// -----

// expected-error @below {{expected a positive max_tokens, found 0}}
plan.bucket @b "decode" entry "logits" max_tokens 0 max_rows 1 arena 0 {
}

// -----

// expected-error @below {{expected max_rows from 1 to max_tokens 4, found 5}}
plan.bucket @b "decode" entry "logits" max_tokens 4 max_rows 5 arena 0 {
}

// -----

// expected-error @below {{expected an arena of a multiple of 64 bytes, found 100}}
plan.bucket @b "decode" entry "logits" max_tokens 4 max_rows 4 arena 100 {
}

// -----

// expected-error @below {{expected a query_tile from 0, found -1}}
plan.bucket @b "decode" entry "logits" max_tokens 4 max_rows 4 arena 64 query_tile -1 {
}

// -----

// expected-error @below {{expected entry 'logits' or 'argmax', found 'tokens'}}
plan.bucket @b "decode" entry "tokens" max_tokens 4 max_rows 4 arena 64 {
}

// -----

// expected-error @below {{expected an output 'argmax', which is its entry, found none}}
plan.bucket @b "decode" entry "argmax" max_tokens 4 max_rows 4 arena 64 {
  plan.output "logits" at 0 columns 4
}

// -----

plan.bucket @b "decode" entry "logits" max_tokens 4 max_rows 4 arena 64 {
  // expected-error @below {{cannot stand in a bucket; expected plan.buffer, plan.launch or plan.output}}
  %c = arith.constant 1 : i32
  plan.output "logits" at 0 columns 4
}

// -----

// expected-note @below {{the bucket is here}}
plan.bucket @b "decode" entry "logits" max_tokens 4 max_rows 4 arena 128 {
  // expected-error @below {{expected to end within the arena of 128 bytes, found 4 rows of 5 columns at 64}}
  plan.output "logits" at 64 columns 5
}

// -----

plan.bucket @b "decode" entry "logits" max_tokens 4 max_rows 4 arena 128 {
  // expected-error @below {{expected an offset that is a multiple of 64, found 4}}
  plan.output "logits" at 4 columns 1
}

// -----

plan.bucket @b "decode" entry "logits" max_tokens 4 max_rows 4 arena 128 {
  // expected-error @below {{expected columns, found 0}}
  plan.output "logits" at 0 columns 0
}

// -----

plan.bucket @b "decode" entry "logits" max_tokens 4 max_rows 4 arena 128 {
  // expected-error @below {{expected an offset that is a multiple of 64, found 32}}
  plan.launch @k "" [#plan.arena<32>] grid <1>
}

// -----

plan.bucket @b "decode" entry "logits" max_tokens 4 max_rows 4 arena 128 {
  // expected-error @below {{expected a layer from 0, found -1}}
  plan.launch @k "" [#plan.keys<-1>] grid <1>
}

// -----

plan.bucket @b "decode" entry "logits" max_tokens 4 max_rows 4 arena 128 {
  // expected-error @below {{expected a positive divisor, found 0}}
  // expected-error @below {{failed to parse Plan_Grid parameter 'factors'}}
  plan.launch @k "" [] grid <1, <tokens by 0>>
}

// -----

plan.bucket @b "decode" entry "logits" max_tokens 4 max_rows 4 arena 128 {
  // expected-error @below {{expected a positive count of tiles, found 0}}
  plan.launch @k "" [] grid <0>
}

// -----

plan.bucket @b "decode" entry "logits" max_tokens 4 max_rows 4 arena 128 {
  // expected-error @below {{expected argument 1 within the arena of 128 bytes, found offset 128}}
  plan.launch @k "" [#plan.arena<64>, #plan.arena<128>] grid <1>
  plan.output "logits" at 0 columns 4
}

// -----

plan.bucket @b "decode" entry "logits" max_tokens 4 max_rows 4 arena 128 {
  // expected-error @below {{expected argument 0 to be a place of a plan, found 7 : i64}}
  plan.launch @k "" [7] grid <1>
  plan.output "logits" at 0 columns 4
}

// -----

plan.bucket @b "decode" entry "logits" max_tokens 4 max_rows 4 arena 128 {
  // expected-error @below {{expected a bucket with a query_tile for the work list of argument 0, found none}}
  plan.launch @k "" [#plan.input<work>] grid <1>
  plan.output "logits" at 0 columns 4
}

// -----

plan.bucket @b "decode" entry "logits" max_tokens 4 max_rows 2 arena 128 {
  // expected-error @below {{expected an offset that is a multiple of 64, found 32}}
  plan.buffer at 32 rows by 4 live 0 to 0
}

// -----

plan.bucket @b "decode" entry "logits" max_tokens 4 max_rows 2 arena 128 {
  // expected-error @below {{expected tokens or rows, found splits}}
  plan.buffer at 0 splits by 4 live 0 to 0
}

// -----

plan.bucket @b "decode" entry "logits" max_tokens 4 max_rows 2 arena 128 {
  // expected-error @below {{expected bytes, found 0}}
  plan.buffer at 0 rows by 0 live 0 to 0
}

// -----

plan.bucket @b "decode" entry "logits" max_tokens 4 max_rows 2 arena 128 {
  // expected-error @below {{expected to live from a launch to the same or a later one, found 2 to 1}}
  plan.buffer at 0 rows by 4 live 2 to 1
}

// -----

plan.bucket @b "decode" entry "logits" max_tokens 4 max_rows 2 arena 128 {
  plan.buffer at 64 rows by 32 live 0 to 0
  // expected-error @below {{expected to end within the arena of 128 bytes, found 4 times 32 bytes at 64}}
  plan.buffer at 64 tokens by 32 live 0 to 0
}

// -----

plan.bucket @b "decode" entry "logits" max_tokens 4 max_rows 2 arena 128 {
  // expected-error @below {{expected to live to a launch below 0, found 0}}
  plan.buffer at 0 rows by 4 live 0 to 0
  plan.output "logits" at 0 columns 1
}
