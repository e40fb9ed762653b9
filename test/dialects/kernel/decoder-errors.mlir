// Decoders that do not describe their format: one case a message.
//
// RUN: quipu-opt %s --split-input-file --verify-diagnostics

// expected-error @below {{expected a quantized type, found 'f32'}}
kernel.decoder @f32 : f32 {
^bb0(%b: !kernel.block):
  %q = kernel.block_load %b[0] : vector<32xi8>
  %d = arith.constant 1.0 : f32
  kernel.decoded quants(%q : vector<32xi8>) scales(%d)
}

// -----

// expected-error @below {{expected a region from !kernel.block to kernel.decoded}}
kernel.decoder @q8_0 : !llama.q8_0 {
^bb0(%b: i8):
  %q = arith.constant dense<0> : vector<32xi8>
  %d = arith.constant 1.0 : f32
  kernel.decoded quants(%q : vector<32xi8>) scales(%d)
}

// -----

// expected-error @below {{expected 32 elements a block, found 16}}
kernel.decoder @q8_0 : !llama.q8_0 {
^bb0(%b: !kernel.block):
  %q = kernel.block_load %b[2] : vector<16xi8>
  %d = arith.constant 1.0 : f32
  kernel.decoded quants(%q : vector<16xi8>) scales(%d)
}

// -----

kernel.decoder @q8_0 : !llama.q8_0 {
^bb0(%b: !kernel.block):
  // expected-error @below {{expected bytes within a block of 34, found end 35}}
  %q = kernel.block_load %b[3] : vector<32xi8>
  %d = arith.constant 1.0 : f32
  kernel.decoded quants(%q : vector<32xi8>) scales(%d)
}

// -----

kernel.decoder @q8_0 : !llama.q8_0 {
^bb0(%b: !kernel.block):
  // expected-error @below {{expected bytes within a block of 34, found end 31}}
  %q = kernel.block_load %b[-1] : vector<32xi8>
  %d = arith.constant 1.0 : f32
  kernel.decoded quants(%q : vector<32xi8>) scales(%d)
}

// -----

kernel.decoder @q8_0 : !llama.q8_0 {
^bb0(%b: !kernel.block):
  %q = kernel.block_load %b[2] : vector<32xi8>
  %d = arith.constant 1.0 : f32
  // expected-error @below {{expected one scale a part, found 1 parts and 2 scales}}
  kernel.decoded quants(%q : vector<32xi8>) scales(%d, %d)
}

// -----

kernel.decoder @q8_0 : !llama.q8_0 {
^bb0(%b: !kernel.block):
  %q0 = kernel.block_load %b[2] : vector<16xi8>
  %q1 = kernel.block_load %b[18] : vector<16xi8>
  %d = arith.constant 1.0 : f32
  // expected-error @below {{expected no offsets or one a part, found 1}}
  kernel.decoded quants(%q0, %q1 : vector<16xi8>, vector<16xi8>)
                 scales(%d, %d) offsets(%d)
}
