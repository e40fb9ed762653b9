//===- Decoders.mlir - How quantized blocks become numbers ----------------===//
//
// One kernel.decoder a GGUF format, from the block layouts of ggml-common.h.
// Embedded in the compiler; Decoders.h copies the ones a module needs into it.
//
// Ops used, which every reader of these regions handles: kernel.block_load,
// kernel.decoded; arith constant, andi, ori, addi, subi, shli, shrui, cmpi,
// select, uitofp, sitofp, extf, mulf, negf; vector shuffle, extract,
// extract_strided_slice, broadcast.
//
// Byte vectors have the width of a register half or whole (16 or 32), and bits
// move to their place with one shift and one mask. Products of an f16 scale and
// a 6- or 8-bit one have at most 19 bits: f32 holds them exactly.
//
//===----------------------------------------------------------------------===//

// d: f16, quants: 32 x i8.
kernel.decoder @q8_0 : !llama.q8_0 {
^bb0(%b: !kernel.block):
  %d16 = kernel.block_load %b[0] : f16
  %d = arith.extf %d16 : f16 to f32
  %q = kernel.block_load %b[2] : vector<32xi8>
  kernel.decoded quants(%q : vector<32xi8>) scales(%d)
}

// d: f16, quants: 16 bytes, low nibbles first. Element = d * (nibble - 8).
kernel.decoder @q4_0 : !llama.q4_0 {
^bb0(%b: !kernel.block):
  %d16 = kernel.block_load %b[0] : f16
  %d = arith.extf %d16 : f16 to f32
  %c4 = arith.constant dense<4> : vector<16xi8>
  %c8 = arith.constant dense<8> : vector<16xi8>
  %c15 = arith.constant dense<15> : vector<16xi8>
  %bytes = kernel.block_load %b[2] : vector<16xi8>
  %low = arith.andi %bytes, %c15 : vector<16xi8>
  %high = arith.shrui %bytes, %c4 : vector<16xi8>
  %q0 = arith.subi %low, %c8 : vector<16xi8>
  %q1 = arith.subi %high, %c8 : vector<16xi8>
  kernel.decoded quants(%q0, %q1 : vector<16xi8>, vector<16xi8>)
                 scales(%d, %d)
}

// d, m: f16, quants: as q4_0. Element = d * nibble + m.
kernel.decoder @q4_1 : !llama.q4_1 {
^bb0(%b: !kernel.block):
  %d16 = kernel.block_load %b[0] : f16
  %d = arith.extf %d16 : f16 to f32
  %m16 = kernel.block_load %b[2] : f16
  %m = arith.extf %m16 : f16 to f32
  %c4 = arith.constant dense<4> : vector<16xi8>
  %c15 = arith.constant dense<15> : vector<16xi8>
  %bytes = kernel.block_load %b[4] : vector<16xi8>
  %low = arith.andi %bytes, %c15 : vector<16xi8>
  %high = arith.shrui %bytes, %c4 : vector<16xi8>
  kernel.decoded quants(%low, %high : vector<16xi8>, vector<16xi8>)
                 scales(%d, %d) offsets(%m, %m)
}

// d: f16, fifth bits: 4 bytes (bit i of element i), quants: as q4_0.
// Element = d * (quant - 16): a clear fifth bit sets the sign bits instead.
kernel.decoder @q5_0 : !llama.q5_0 {
^bb0(%b: !kernel.block):
  %d16 = kernel.block_load %b[0] : f16
  %d = arith.extf %d16 : f16 to f32
  %c4 = arith.constant dense<4> : vector<16xi8>
  %c15 = arith.constant dense<15> : vector<16xi8>
  %cm16 = arith.constant dense<-16> : vector<16xi8>
  %bytes = kernel.block_load %b[6] : vector<16xi8>
  %low = arith.andi %bytes, %c15 : vector<16xi8>
  %high = arith.shrui %bytes, %c4 : vector<16xi8>
  %fifth = kernel.block_load %b[2] : vector<4xi8>
  %bit = arith.constant dense<[1, 2, 4, 8, 16, 32, 64, -128,
                               1, 2, 4, 8, 16, 32, 64, -128]> : vector<16xi8>
  %zero = arith.constant dense<0> : vector<16xi8>
  %spread0 = vector.shuffle %fifth, %fifth
      [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]
      : vector<4xi8>, vector<4xi8>
  %masked0 = arith.andi %spread0, %bit : vector<16xi8>
  %set0 = arith.cmpi ne, %masked0, %zero : vector<16xi8>
  %top0 = arith.select %set0, %zero, %cm16 : vector<16xi1>, vector<16xi8>
  %q0 = arith.ori %low, %top0 : vector<16xi8>
  %spread1 = vector.shuffle %fifth, %fifth
      [2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3]
      : vector<4xi8>, vector<4xi8>
  %masked1 = arith.andi %spread1, %bit : vector<16xi8>
  %set1 = arith.cmpi ne, %masked1, %zero : vector<16xi8>
  %top1 = arith.select %set1, %zero, %cm16 : vector<16xi1>, vector<16xi8>
  %q1 = arith.ori %high, %top1 : vector<16xi8>
  kernel.decoded quants(%q0, %q1 : vector<16xi8>, vector<16xi8>)
                 scales(%d, %d)
}

// d, m: f16, fifth bits: 4 bytes, quants: as q4_0. Element = d * quant + m.
kernel.decoder @q5_1 : !llama.q5_1 {
^bb0(%b: !kernel.block):
  %d16 = kernel.block_load %b[0] : f16
  %d = arith.extf %d16 : f16 to f32
  %m16 = kernel.block_load %b[2] : f16
  %m = arith.extf %m16 : f16 to f32
  %c4 = arith.constant dense<4> : vector<16xi8>
  %c15 = arith.constant dense<15> : vector<16xi8>
  %c16 = arith.constant dense<16> : vector<16xi8>
  %bytes = kernel.block_load %b[8] : vector<16xi8>
  %low = arith.andi %bytes, %c15 : vector<16xi8>
  %high = arith.shrui %bytes, %c4 : vector<16xi8>
  %fifth = kernel.block_load %b[4] : vector<4xi8>
  %bit = arith.constant dense<[1, 2, 4, 8, 16, 32, 64, -128,
                               1, 2, 4, 8, 16, 32, 64, -128]> : vector<16xi8>
  %zero = arith.constant dense<0> : vector<16xi8>
  %spread0 = vector.shuffle %fifth, %fifth
      [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]
      : vector<4xi8>, vector<4xi8>
  %masked0 = arith.andi %spread0, %bit : vector<16xi8>
  %set0 = arith.cmpi ne, %masked0, %zero : vector<16xi8>
  %top0 = arith.select %set0, %c16, %zero : vector<16xi1>, vector<16xi8>
  %q0 = arith.ori %low, %top0 : vector<16xi8>
  %spread1 = vector.shuffle %fifth, %fifth
      [2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3]
      : vector<4xi8>, vector<4xi8>
  %masked1 = arith.andi %spread1, %bit : vector<16xi8>
  %set1 = arith.cmpi ne, %masked1, %zero : vector<16xi8>
  %top1 = arith.select %set1, %c16, %zero : vector<16xi1>, vector<16xi8>
  %q1 = arith.ori %high, %top1 : vector<16xi8>
  kernel.decoded quants(%q0, %q1 : vector<16xi8>, vector<16xi8>)
                 scales(%d, %d) offsets(%m, %m)
}

// scales: 16 bytes (low nibble scale, high nibble minimum), quants: 64 bytes,
// d, dmin: f16. Plane p of half h, elements 128h + 32p + 0..31, is bits 2p and
// 2p + 1 of the 32 bytes of that half. Sub-blocks of 16 elements have a scale
// and a minimum each; element = d * scale * quant - dmin * minimum.
kernel.decoder @q2_k : !llama.q2_k {
^bb0(%b: !kernel.block):
  %d16 = kernel.block_load %b[80] : f16
  %d = arith.extf %d16 : f16 to f32
  %dmin16 = kernel.block_load %b[82] : f16
  %dmin = arith.extf %dmin16 : f16 to f32
  %packed = kernel.block_load %b[0] : vector<16xi8>
  %n4 = arith.constant dense<4> : vector<16xi8>
  %n15 = arith.constant dense<15> : vector<16xi8>
  %scales = arith.andi %packed, %n15 : vector<16xi8>
  %mins = arith.shrui %packed, %n4 : vector<16xi8>
  %sf = arith.uitofp %scales : vector<16xi8> to vector<16xf32>
  %sx = vector.broadcast %d : f32 to vector<16xf32>
  %s = arith.mulf %sf, %sx : vector<16xf32>
  %down = arith.negf %dmin : f32
  %of = arith.uitofp %mins : vector<16xi8> to vector<16xf32>
  %ox = vector.broadcast %down : f32 to vector<16xf32>
  %o = arith.mulf %of, %ox : vector<16xf32>
  %s0 = vector.extract %s[0] : f32 from vector<16xf32>
  %s1 = vector.extract %s[1] : f32 from vector<16xf32>
  %s2 = vector.extract %s[2] : f32 from vector<16xf32>
  %s3 = vector.extract %s[3] : f32 from vector<16xf32>
  %s4 = vector.extract %s[4] : f32 from vector<16xf32>
  %s5 = vector.extract %s[5] : f32 from vector<16xf32>
  %s6 = vector.extract %s[6] : f32 from vector<16xf32>
  %s7 = vector.extract %s[7] : f32 from vector<16xf32>
  %s8 = vector.extract %s[8] : f32 from vector<16xf32>
  %s9 = vector.extract %s[9] : f32 from vector<16xf32>
  %s10 = vector.extract %s[10] : f32 from vector<16xf32>
  %s11 = vector.extract %s[11] : f32 from vector<16xf32>
  %s12 = vector.extract %s[12] : f32 from vector<16xf32>
  %s13 = vector.extract %s[13] : f32 from vector<16xf32>
  %s14 = vector.extract %s[14] : f32 from vector<16xf32>
  %s15 = vector.extract %s[15] : f32 from vector<16xf32>
  %o0 = vector.extract %o[0] : f32 from vector<16xf32>
  %o1 = vector.extract %o[1] : f32 from vector<16xf32>
  %o2 = vector.extract %o[2] : f32 from vector<16xf32>
  %o3 = vector.extract %o[3] : f32 from vector<16xf32>
  %o4 = vector.extract %o[4] : f32 from vector<16xf32>
  %o5 = vector.extract %o[5] : f32 from vector<16xf32>
  %o6 = vector.extract %o[6] : f32 from vector<16xf32>
  %o7 = vector.extract %o[7] : f32 from vector<16xf32>
  %o8 = vector.extract %o[8] : f32 from vector<16xf32>
  %o9 = vector.extract %o[9] : f32 from vector<16xf32>
  %o10 = vector.extract %o[10] : f32 from vector<16xf32>
  %o11 = vector.extract %o[11] : f32 from vector<16xf32>
  %o12 = vector.extract %o[12] : f32 from vector<16xf32>
  %o13 = vector.extract %o[13] : f32 from vector<16xf32>
  %o14 = vector.extract %o[14] : f32 from vector<16xf32>
  %o15 = vector.extract %o[15] : f32 from vector<16xf32>
  %c2 = arith.constant dense<2> : vector<32xi8>
  %c3 = arith.constant dense<3> : vector<32xi8>
  %c4 = arith.constant dense<4> : vector<32xi8>
  %c6 = arith.constant dense<6> : vector<32xi8>
  %h0 = kernel.block_load %b[16] : vector<32xi8>
  %p0 = arith.andi %h0, %c3 : vector<32xi8>
  %q0 = vector.extract_strided_slice %p0
      {offsets = [0], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %q1 = vector.extract_strided_slice %p0
      {offsets = [16], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %r1 = arith.shrui %h0, %c2 : vector<32xi8>
  %p1 = arith.andi %r1, %c3 : vector<32xi8>
  %q2 = vector.extract_strided_slice %p1
      {offsets = [0], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %q3 = vector.extract_strided_slice %p1
      {offsets = [16], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %r2 = arith.shrui %h0, %c4 : vector<32xi8>
  %p2 = arith.andi %r2, %c3 : vector<32xi8>
  %q4 = vector.extract_strided_slice %p2
      {offsets = [0], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %q5 = vector.extract_strided_slice %p2
      {offsets = [16], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %r3 = arith.shrui %h0, %c6 : vector<32xi8>
  %p3 = arith.andi %r3, %c3 : vector<32xi8>
  %q6 = vector.extract_strided_slice %p3
      {offsets = [0], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %q7 = vector.extract_strided_slice %p3
      {offsets = [16], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %h1 = kernel.block_load %b[48] : vector<32xi8>
  %p4 = arith.andi %h1, %c3 : vector<32xi8>
  %q8 = vector.extract_strided_slice %p4
      {offsets = [0], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %q9 = vector.extract_strided_slice %p4
      {offsets = [16], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %r5 = arith.shrui %h1, %c2 : vector<32xi8>
  %p5 = arith.andi %r5, %c3 : vector<32xi8>
  %q10 = vector.extract_strided_slice %p5
      {offsets = [0], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %q11 = vector.extract_strided_slice %p5
      {offsets = [16], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %r6 = arith.shrui %h1, %c4 : vector<32xi8>
  %p6 = arith.andi %r6, %c3 : vector<32xi8>
  %q12 = vector.extract_strided_slice %p6
      {offsets = [0], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %q13 = vector.extract_strided_slice %p6
      {offsets = [16], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %r7 = arith.shrui %h1, %c6 : vector<32xi8>
  %p7 = arith.andi %r7, %c3 : vector<32xi8>
  %q14 = vector.extract_strided_slice %p7
      {offsets = [0], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %q15 = vector.extract_strided_slice %p7
      {offsets = [16], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  kernel.decoded quants(%q0, %q1, %q2, %q3, %q4, %q5, %q6, %q7, %q8, %q9,
                        %q10, %q11, %q12, %q13, %q14, %q15
                        : vector<16xi8>, vector<16xi8>, vector<16xi8>,
                          vector<16xi8>, vector<16xi8>, vector<16xi8>,
                          vector<16xi8>, vector<16xi8>, vector<16xi8>,
                          vector<16xi8>, vector<16xi8>, vector<16xi8>,
                          vector<16xi8>, vector<16xi8>, vector<16xi8>,
                          vector<16xi8>)
                 scales(%s0, %s1, %s2, %s3, %s4, %s5, %s6, %s7, %s8, %s9,
                        %s10, %s11, %s12, %s13, %s14, %s15)
                 offsets(%o0, %o1, %o2, %o3, %o4, %o5, %o6, %o7, %o8, %o9,
                         %o10, %o11, %o12, %o13, %o14, %o15)
}

// third bits: 32 bytes (bit i / 32 of byte i mod 32), quants: 64 bytes, planes
// as in q2_k, scales: 12 bytes, d: f16; element = d * (scale - 32) *
// (quant - 4).
// The 16 scales of 6 bits: low nibbles of bytes 0..7, then their high nibbles;
// the upper two bits are planes of bytes 8..11.
kernel.decoder @q3_k : !llama.q3_k {
^bb0(%b: !kernel.block):
  %d16 = kernel.block_load %b[108] : f16
  %d = arith.extf %d16 : f16 to f32
  %low = kernel.block_load %b[96] : vector<8xi8>
  %high = kernel.block_load %b[104] : vector<4xi8>
  %e4 = arith.constant dense<4> : vector<8xi8>
  %e15 = arith.constant dense<15> : vector<8xi8>
  %low0 = arith.andi %low, %e15 : vector<8xi8>
  %low1 = arith.shrui %low, %e4 : vector<8xi8>
  %lows = vector.shuffle %low0, %low1
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
      : vector<8xi8>, vector<8xi8>
  %f2 = arith.constant dense<2> : vector<4xi8>
  %f4 = arith.constant dense<4> : vector<4xi8>
  %high0 = arith.shli %high, %f4 : vector<4xi8>
  %high1 = arith.shli %high, %f2 : vector<4xi8>
  %high3 = arith.shrui %high, %f2 : vector<4xi8>
  %high01 = vector.shuffle %high0, %high1 [0, 1, 2, 3, 4, 5, 6, 7]
      : vector<4xi8>, vector<4xi8>
  %high23 = vector.shuffle %high, %high3 [0, 1, 2, 3, 4, 5, 6, 7]
      : vector<4xi8>, vector<4xi8>
  %shifted = vector.shuffle %high01, %high23
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
      : vector<8xi8>, vector<8xi8>
  %n48 = arith.constant dense<48> : vector<16xi8>
  %n32 = arith.constant dense<32> : vector<16xi8>
  %highs = arith.andi %shifted, %n48 : vector<16xi8>
  %joined = arith.ori %lows, %highs : vector<16xi8>
  %scales = arith.subi %joined, %n32 : vector<16xi8>
  %sf = arith.sitofp %scales : vector<16xi8> to vector<16xf32>
  %sx = vector.broadcast %d : f32 to vector<16xf32>
  %s = arith.mulf %sf, %sx : vector<16xf32>
  %s0 = vector.extract %s[0] : f32 from vector<16xf32>
  %s1 = vector.extract %s[1] : f32 from vector<16xf32>
  %s2 = vector.extract %s[2] : f32 from vector<16xf32>
  %s3 = vector.extract %s[3] : f32 from vector<16xf32>
  %s4 = vector.extract %s[4] : f32 from vector<16xf32>
  %s5 = vector.extract %s[5] : f32 from vector<16xf32>
  %s6 = vector.extract %s[6] : f32 from vector<16xf32>
  %s7 = vector.extract %s[7] : f32 from vector<16xf32>
  %s8 = vector.extract %s[8] : f32 from vector<16xf32>
  %s9 = vector.extract %s[9] : f32 from vector<16xf32>
  %s10 = vector.extract %s[10] : f32 from vector<16xf32>
  %s11 = vector.extract %s[11] : f32 from vector<16xf32>
  %s12 = vector.extract %s[12] : f32 from vector<16xf32>
  %s13 = vector.extract %s[13] : f32 from vector<16xf32>
  %s14 = vector.extract %s[14] : f32 from vector<16xf32>
  %s15 = vector.extract %s[15] : f32 from vector<16xf32>
  %c1 = arith.constant dense<1> : vector<32xi8>
  %c2 = arith.constant dense<2> : vector<32xi8>
  %c3 = arith.constant dense<3> : vector<32xi8>
  %c4 = arith.constant dense<4> : vector<32xi8>
  %c5 = arith.constant dense<5> : vector<32xi8>
  %c6 = arith.constant dense<6> : vector<32xi8>
  %third = kernel.block_load %b[0] : vector<32xi8>
  %h0 = kernel.block_load %b[32] : vector<32xi8>
  %l0 = arith.andi %h0, %c3 : vector<32xi8>
  %t0 = arith.shli %third, %c2 : vector<32xi8>
  %u0 = arith.andi %t0, %c4 : vector<32xi8>
  %v0 = arith.ori %l0, %u0 : vector<32xi8>
  %p0 = arith.subi %v0, %c4 : vector<32xi8>
  %q0 = vector.extract_strided_slice %p0
      {offsets = [0], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %q1 = vector.extract_strided_slice %p0
      {offsets = [16], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %r1 = arith.shrui %h0, %c2 : vector<32xi8>
  %l1 = arith.andi %r1, %c3 : vector<32xi8>
  %t1 = arith.shli %third, %c1 : vector<32xi8>
  %u1 = arith.andi %t1, %c4 : vector<32xi8>
  %v1 = arith.ori %l1, %u1 : vector<32xi8>
  %p1 = arith.subi %v1, %c4 : vector<32xi8>
  %q2 = vector.extract_strided_slice %p1
      {offsets = [0], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %q3 = vector.extract_strided_slice %p1
      {offsets = [16], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %r2 = arith.shrui %h0, %c4 : vector<32xi8>
  %l2 = arith.andi %r2, %c3 : vector<32xi8>
  %u2 = arith.andi %third, %c4 : vector<32xi8>
  %v2 = arith.ori %l2, %u2 : vector<32xi8>
  %p2 = arith.subi %v2, %c4 : vector<32xi8>
  %q4 = vector.extract_strided_slice %p2
      {offsets = [0], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %q5 = vector.extract_strided_slice %p2
      {offsets = [16], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %r3 = arith.shrui %h0, %c6 : vector<32xi8>
  %l3 = arith.andi %r3, %c3 : vector<32xi8>
  %t3 = arith.shrui %third, %c1 : vector<32xi8>
  %u3 = arith.andi %t3, %c4 : vector<32xi8>
  %v3 = arith.ori %l3, %u3 : vector<32xi8>
  %p3 = arith.subi %v3, %c4 : vector<32xi8>
  %q6 = vector.extract_strided_slice %p3
      {offsets = [0], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %q7 = vector.extract_strided_slice %p3
      {offsets = [16], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %h1 = kernel.block_load %b[64] : vector<32xi8>
  %l4 = arith.andi %h1, %c3 : vector<32xi8>
  %t4 = arith.shrui %third, %c2 : vector<32xi8>
  %u4 = arith.andi %t4, %c4 : vector<32xi8>
  %v4 = arith.ori %l4, %u4 : vector<32xi8>
  %p4 = arith.subi %v4, %c4 : vector<32xi8>
  %q8 = vector.extract_strided_slice %p4
      {offsets = [0], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %q9 = vector.extract_strided_slice %p4
      {offsets = [16], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %r5 = arith.shrui %h1, %c2 : vector<32xi8>
  %l5 = arith.andi %r5, %c3 : vector<32xi8>
  %t5 = arith.shrui %third, %c3 : vector<32xi8>
  %u5 = arith.andi %t5, %c4 : vector<32xi8>
  %v5 = arith.ori %l5, %u5 : vector<32xi8>
  %p5 = arith.subi %v5, %c4 : vector<32xi8>
  %q10 = vector.extract_strided_slice %p5
      {offsets = [0], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %q11 = vector.extract_strided_slice %p5
      {offsets = [16], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %r6 = arith.shrui %h1, %c4 : vector<32xi8>
  %l6 = arith.andi %r6, %c3 : vector<32xi8>
  %t6 = arith.shrui %third, %c4 : vector<32xi8>
  %u6 = arith.andi %t6, %c4 : vector<32xi8>
  %v6 = arith.ori %l6, %u6 : vector<32xi8>
  %p6 = arith.subi %v6, %c4 : vector<32xi8>
  %q12 = vector.extract_strided_slice %p6
      {offsets = [0], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %q13 = vector.extract_strided_slice %p6
      {offsets = [16], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %r7 = arith.shrui %h1, %c6 : vector<32xi8>
  %l7 = arith.andi %r7, %c3 : vector<32xi8>
  %t7 = arith.shrui %third, %c5 : vector<32xi8>
  %u7 = arith.andi %t7, %c4 : vector<32xi8>
  %v7 = arith.ori %l7, %u7 : vector<32xi8>
  %p7 = arith.subi %v7, %c4 : vector<32xi8>
  %q14 = vector.extract_strided_slice %p7
      {offsets = [0], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %q15 = vector.extract_strided_slice %p7
      {offsets = [16], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  kernel.decoded quants(%q0, %q1, %q2, %q3, %q4, %q5, %q6, %q7, %q8, %q9,
                        %q10, %q11, %q12, %q13, %q14, %q15
                        : vector<16xi8>, vector<16xi8>, vector<16xi8>,
                          vector<16xi8>, vector<16xi8>, vector<16xi8>,
                          vector<16xi8>, vector<16xi8>, vector<16xi8>,
                          vector<16xi8>, vector<16xi8>, vector<16xi8>,
                          vector<16xi8>, vector<16xi8>, vector<16xi8>,
                          vector<16xi8>)
                 scales(%s0, %s1, %s2, %s3, %s4, %s5, %s6, %s7, %s8, %s9,
                        %s10, %s11, %s12, %s13, %s14, %s15)
}

// d, dmin: f16, scales: 12 bytes, quants: 4 x 32 bytes, low nibbles first. Each
// sub-block of 32 elements has a scale and a minimum of 6 bits; element =
// d * scale * quant - dmin * minimum. With x, y, z the scale bytes 0..3, 4..7
// and 8..11: scales 0..3 are x mod 64, 4..7 are z mod 16 + 16 (x / 64); minima
// 0..3 are y mod 64, 4..7 are z / 16 + 16 (y / 64).
kernel.decoder @q4_k : !llama.q4_k {
^bb0(%b: !kernel.block):
  %d16 = kernel.block_load %b[0] : f16
  %d = arith.extf %d16 : f16 to f32
  %dmin16 = kernel.block_load %b[2] : f16
  %dmin = arith.extf %dmin16 : f16 to f32
  %x = kernel.block_load %b[4] : vector<4xi8>
  %y = kernel.block_load %b[8] : vector<4xi8>
  %z = kernel.block_load %b[12] : vector<4xi8>
  %f2 = arith.constant dense<2> : vector<4xi8>
  %f4 = arith.constant dense<4> : vector<4xi8>
  %f15 = arith.constant dense<15> : vector<4xi8>
  %f48 = arith.constant dense<48> : vector<4xi8>
  %f63 = arith.constant dense<63> : vector<4xi8>
  %scale0 = arith.andi %x, %f63 : vector<4xi8>
  %min0 = arith.andi %y, %f63 : vector<4xi8>
  %scaleLow = arith.andi %z, %f15 : vector<4xi8>
  %scaleMoved = arith.shrui %x, %f2 : vector<4xi8>
  %scaleHigh = arith.andi %scaleMoved, %f48 : vector<4xi8>
  %scale1 = arith.ori %scaleLow, %scaleHigh : vector<4xi8>
  %scales = vector.shuffle %scale0, %scale1 [0, 1, 2, 3, 4, 5, 6, 7]
      : vector<4xi8>, vector<4xi8>
  %minLow = arith.shrui %z, %f4 : vector<4xi8>
  %minMoved = arith.shrui %y, %f2 : vector<4xi8>
  %minHigh = arith.andi %minMoved, %f48 : vector<4xi8>
  %min1 = arith.ori %minLow, %minHigh : vector<4xi8>
  %mins = vector.shuffle %min0, %min1 [0, 1, 2, 3, 4, 5, 6, 7]
      : vector<4xi8>, vector<4xi8>
  %sf = arith.uitofp %scales : vector<8xi8> to vector<8xf32>
  %sx = vector.broadcast %d : f32 to vector<8xf32>
  %s = arith.mulf %sf, %sx : vector<8xf32>
  %down = arith.negf %dmin : f32
  %of = arith.uitofp %mins : vector<8xi8> to vector<8xf32>
  %ox = vector.broadcast %down : f32 to vector<8xf32>
  %o = arith.mulf %of, %ox : vector<8xf32>
  %s0 = vector.extract %s[0] : f32 from vector<8xf32>
  %s1 = vector.extract %s[1] : f32 from vector<8xf32>
  %s2 = vector.extract %s[2] : f32 from vector<8xf32>
  %s3 = vector.extract %s[3] : f32 from vector<8xf32>
  %s4 = vector.extract %s[4] : f32 from vector<8xf32>
  %s5 = vector.extract %s[5] : f32 from vector<8xf32>
  %s6 = vector.extract %s[6] : f32 from vector<8xf32>
  %s7 = vector.extract %s[7] : f32 from vector<8xf32>
  %o0 = vector.extract %o[0] : f32 from vector<8xf32>
  %o1 = vector.extract %o[1] : f32 from vector<8xf32>
  %o2 = vector.extract %o[2] : f32 from vector<8xf32>
  %o3 = vector.extract %o[3] : f32 from vector<8xf32>
  %o4 = vector.extract %o[4] : f32 from vector<8xf32>
  %o5 = vector.extract %o[5] : f32 from vector<8xf32>
  %o6 = vector.extract %o[6] : f32 from vector<8xf32>
  %o7 = vector.extract %o[7] : f32 from vector<8xf32>
  %c4 = arith.constant dense<4> : vector<32xi8>
  %c15 = arith.constant dense<15> : vector<32xi8>
  %g0 = kernel.block_load %b[16] : vector<32xi8>
  %q0 = arith.andi %g0, %c15 : vector<32xi8>
  %q1 = arith.shrui %g0, %c4 : vector<32xi8>
  %g1 = kernel.block_load %b[48] : vector<32xi8>
  %q2 = arith.andi %g1, %c15 : vector<32xi8>
  %q3 = arith.shrui %g1, %c4 : vector<32xi8>
  %g2 = kernel.block_load %b[80] : vector<32xi8>
  %q4 = arith.andi %g2, %c15 : vector<32xi8>
  %q5 = arith.shrui %g2, %c4 : vector<32xi8>
  %g3 = kernel.block_load %b[112] : vector<32xi8>
  %q6 = arith.andi %g3, %c15 : vector<32xi8>
  %q7 = arith.shrui %g3, %c4 : vector<32xi8>
  kernel.decoded quants(%q0, %q1, %q2, %q3, %q4, %q5, %q6, %q7
                        : vector<32xi8>, vector<32xi8>, vector<32xi8>,
                          vector<32xi8>, vector<32xi8>, vector<32xi8>,
                          vector<32xi8>, vector<32xi8>)
                 scales(%s0, %s1, %s2, %s3, %s4, %s5, %s6, %s7)
                 offsets(%o0, %o1, %o2, %o3, %o4, %o5, %o6, %o7)
}

// d, dmin, scales: as q4_k; fifth bits: 32 bytes (bit i / 32 of byte i mod 32),
// quants: as q4_k.
kernel.decoder @q5_k : !llama.q5_k {
^bb0(%b: !kernel.block):
  %d16 = kernel.block_load %b[0] : f16
  %d = arith.extf %d16 : f16 to f32
  %dmin16 = kernel.block_load %b[2] : f16
  %dmin = arith.extf %dmin16 : f16 to f32
  %x = kernel.block_load %b[4] : vector<4xi8>
  %y = kernel.block_load %b[8] : vector<4xi8>
  %z = kernel.block_load %b[12] : vector<4xi8>
  %f2 = arith.constant dense<2> : vector<4xi8>
  %f4 = arith.constant dense<4> : vector<4xi8>
  %f15 = arith.constant dense<15> : vector<4xi8>
  %f48 = arith.constant dense<48> : vector<4xi8>
  %f63 = arith.constant dense<63> : vector<4xi8>
  %scale0 = arith.andi %x, %f63 : vector<4xi8>
  %min0 = arith.andi %y, %f63 : vector<4xi8>
  %scaleLow = arith.andi %z, %f15 : vector<4xi8>
  %scaleMoved = arith.shrui %x, %f2 : vector<4xi8>
  %scaleHigh = arith.andi %scaleMoved, %f48 : vector<4xi8>
  %scale1 = arith.ori %scaleLow, %scaleHigh : vector<4xi8>
  %scales = vector.shuffle %scale0, %scale1 [0, 1, 2, 3, 4, 5, 6, 7]
      : vector<4xi8>, vector<4xi8>
  %minLow = arith.shrui %z, %f4 : vector<4xi8>
  %minMoved = arith.shrui %y, %f2 : vector<4xi8>
  %minHigh = arith.andi %minMoved, %f48 : vector<4xi8>
  %min1 = arith.ori %minLow, %minHigh : vector<4xi8>
  %mins = vector.shuffle %min0, %min1 [0, 1, 2, 3, 4, 5, 6, 7]
      : vector<4xi8>, vector<4xi8>
  %sf = arith.uitofp %scales : vector<8xi8> to vector<8xf32>
  %sx = vector.broadcast %d : f32 to vector<8xf32>
  %s = arith.mulf %sf, %sx : vector<8xf32>
  %down = arith.negf %dmin : f32
  %of = arith.uitofp %mins : vector<8xi8> to vector<8xf32>
  %ox = vector.broadcast %down : f32 to vector<8xf32>
  %o = arith.mulf %of, %ox : vector<8xf32>
  %s0 = vector.extract %s[0] : f32 from vector<8xf32>
  %s1 = vector.extract %s[1] : f32 from vector<8xf32>
  %s2 = vector.extract %s[2] : f32 from vector<8xf32>
  %s3 = vector.extract %s[3] : f32 from vector<8xf32>
  %s4 = vector.extract %s[4] : f32 from vector<8xf32>
  %s5 = vector.extract %s[5] : f32 from vector<8xf32>
  %s6 = vector.extract %s[6] : f32 from vector<8xf32>
  %s7 = vector.extract %s[7] : f32 from vector<8xf32>
  %o0 = vector.extract %o[0] : f32 from vector<8xf32>
  %o1 = vector.extract %o[1] : f32 from vector<8xf32>
  %o2 = vector.extract %o[2] : f32 from vector<8xf32>
  %o3 = vector.extract %o[3] : f32 from vector<8xf32>
  %o4 = vector.extract %o[4] : f32 from vector<8xf32>
  %o5 = vector.extract %o[5] : f32 from vector<8xf32>
  %o6 = vector.extract %o[6] : f32 from vector<8xf32>
  %o7 = vector.extract %o[7] : f32 from vector<8xf32>
  %c1 = arith.constant dense<1> : vector<32xi8>
  %c2 = arith.constant dense<2> : vector<32xi8>
  %c3 = arith.constant dense<3> : vector<32xi8>
  %c4 = arith.constant dense<4> : vector<32xi8>
  %c15 = arith.constant dense<15> : vector<32xi8>
  %c16 = arith.constant dense<16> : vector<32xi8>
  %fifth = kernel.block_load %b[16] : vector<32xi8>
  %g0 = kernel.block_load %b[48] : vector<32xi8>
  %l0 = arith.andi %g0, %c15 : vector<32xi8>
  %l1 = arith.shrui %g0, %c4 : vector<32xi8>
  %t0 = arith.shli %fifth, %c4 : vector<32xi8>
  %u0 = arith.andi %t0, %c16 : vector<32xi8>
  %q0 = arith.ori %l0, %u0 : vector<32xi8>
  %t1 = arith.shli %fifth, %c3 : vector<32xi8>
  %u1 = arith.andi %t1, %c16 : vector<32xi8>
  %q1 = arith.ori %l1, %u1 : vector<32xi8>
  %g1 = kernel.block_load %b[80] : vector<32xi8>
  %l2 = arith.andi %g1, %c15 : vector<32xi8>
  %l3 = arith.shrui %g1, %c4 : vector<32xi8>
  %t2 = arith.shli %fifth, %c2 : vector<32xi8>
  %u2 = arith.andi %t2, %c16 : vector<32xi8>
  %q2 = arith.ori %l2, %u2 : vector<32xi8>
  %t3 = arith.shli %fifth, %c1 : vector<32xi8>
  %u3 = arith.andi %t3, %c16 : vector<32xi8>
  %q3 = arith.ori %l3, %u3 : vector<32xi8>
  %g2 = kernel.block_load %b[112] : vector<32xi8>
  %l4 = arith.andi %g2, %c15 : vector<32xi8>
  %l5 = arith.shrui %g2, %c4 : vector<32xi8>
  %u4 = arith.andi %fifth, %c16 : vector<32xi8>
  %q4 = arith.ori %l4, %u4 : vector<32xi8>
  %t5 = arith.shrui %fifth, %c1 : vector<32xi8>
  %u5 = arith.andi %t5, %c16 : vector<32xi8>
  %q5 = arith.ori %l5, %u5 : vector<32xi8>
  %g3 = kernel.block_load %b[144] : vector<32xi8>
  %l6 = arith.andi %g3, %c15 : vector<32xi8>
  %l7 = arith.shrui %g3, %c4 : vector<32xi8>
  %t6 = arith.shrui %fifth, %c2 : vector<32xi8>
  %u6 = arith.andi %t6, %c16 : vector<32xi8>
  %q6 = arith.ori %l6, %u6 : vector<32xi8>
  %t7 = arith.shrui %fifth, %c3 : vector<32xi8>
  %u7 = arith.andi %t7, %c16 : vector<32xi8>
  %q7 = arith.ori %l7, %u7 : vector<32xi8>
  kernel.decoded quants(%q0, %q1, %q2, %q3, %q4, %q5, %q6, %q7
                        : vector<32xi8>, vector<32xi8>, vector<32xi8>,
                          vector<32xi8>, vector<32xi8>, vector<32xi8>,
                          vector<32xi8>, vector<32xi8>)
                 scales(%s0, %s1, %s2, %s3, %s4, %s5, %s6, %s7)
                 offsets(%o0, %o1, %o2, %o3, %o4, %o5, %o6, %o7)
}

// low bits: 128 bytes, high bits: 64 bytes, scales: 16 x i8, d: f16. Plane p of
// half h, elements 128h + 32p + 0..31, is nibble p / 2 of the 32 bytes at 64h +
// 32 (p mod 2), and bits 2p, 2p + 1 of the 32 high bytes at 32h. A scale is for
// 16 elements; element = d * scale * (quant - 32).
kernel.decoder @q6_k : !llama.q6_k {
^bb0(%b: !kernel.block):
  %d16 = kernel.block_load %b[208] : f16
  %d = arith.extf %d16 : f16 to f32
  %scales = kernel.block_load %b[192] : vector<16xi8>
  %sf = arith.sitofp %scales : vector<16xi8> to vector<16xf32>
  %sx = vector.broadcast %d : f32 to vector<16xf32>
  %s = arith.mulf %sf, %sx : vector<16xf32>
  %s0 = vector.extract %s[0] : f32 from vector<16xf32>
  %s1 = vector.extract %s[1] : f32 from vector<16xf32>
  %s2 = vector.extract %s[2] : f32 from vector<16xf32>
  %s3 = vector.extract %s[3] : f32 from vector<16xf32>
  %s4 = vector.extract %s[4] : f32 from vector<16xf32>
  %s5 = vector.extract %s[5] : f32 from vector<16xf32>
  %s6 = vector.extract %s[6] : f32 from vector<16xf32>
  %s7 = vector.extract %s[7] : f32 from vector<16xf32>
  %s8 = vector.extract %s[8] : f32 from vector<16xf32>
  %s9 = vector.extract %s[9] : f32 from vector<16xf32>
  %s10 = vector.extract %s[10] : f32 from vector<16xf32>
  %s11 = vector.extract %s[11] : f32 from vector<16xf32>
  %s12 = vector.extract %s[12] : f32 from vector<16xf32>
  %s13 = vector.extract %s[13] : f32 from vector<16xf32>
  %s14 = vector.extract %s[14] : f32 from vector<16xf32>
  %s15 = vector.extract %s[15] : f32 from vector<16xf32>
  %c2 = arith.constant dense<2> : vector<32xi8>
  %c4 = arith.constant dense<4> : vector<32xi8>
  %c15 = arith.constant dense<15> : vector<32xi8>
  %c32 = arith.constant dense<32> : vector<32xi8>
  %c48 = arith.constant dense<48> : vector<32xi8>
  %x0 = kernel.block_load %b[0] : vector<32xi8>
  %y0 = kernel.block_load %b[32] : vector<32xi8>
  %z0 = kernel.block_load %b[128] : vector<32xi8>
  %l0 = arith.andi %x0, %c15 : vector<32xi8>
  %t0 = arith.shli %z0, %c4 : vector<32xi8>
  %u0 = arith.andi %t0, %c48 : vector<32xi8>
  %v0 = arith.ori %l0, %u0 : vector<32xi8>
  %p0 = arith.subi %v0, %c32 : vector<32xi8>
  %q0 = vector.extract_strided_slice %p0
      {offsets = [0], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %q1 = vector.extract_strided_slice %p0
      {offsets = [16], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %l1 = arith.andi %y0, %c15 : vector<32xi8>
  %t1 = arith.shli %z0, %c2 : vector<32xi8>
  %u1 = arith.andi %t1, %c48 : vector<32xi8>
  %v1 = arith.ori %l1, %u1 : vector<32xi8>
  %p1 = arith.subi %v1, %c32 : vector<32xi8>
  %q2 = vector.extract_strided_slice %p1
      {offsets = [0], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %q3 = vector.extract_strided_slice %p1
      {offsets = [16], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %l2 = arith.shrui %x0, %c4 : vector<32xi8>
  %u2 = arith.andi %z0, %c48 : vector<32xi8>
  %v2 = arith.ori %l2, %u2 : vector<32xi8>
  %p2 = arith.subi %v2, %c32 : vector<32xi8>
  %q4 = vector.extract_strided_slice %p2
      {offsets = [0], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %q5 = vector.extract_strided_slice %p2
      {offsets = [16], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %l3 = arith.shrui %y0, %c4 : vector<32xi8>
  %t3 = arith.shrui %z0, %c2 : vector<32xi8>
  %u3 = arith.andi %t3, %c48 : vector<32xi8>
  %v3 = arith.ori %l3, %u3 : vector<32xi8>
  %p3 = arith.subi %v3, %c32 : vector<32xi8>
  %q6 = vector.extract_strided_slice %p3
      {offsets = [0], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %q7 = vector.extract_strided_slice %p3
      {offsets = [16], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %x1 = kernel.block_load %b[64] : vector<32xi8>
  %y1 = kernel.block_load %b[96] : vector<32xi8>
  %z1 = kernel.block_load %b[160] : vector<32xi8>
  %l4 = arith.andi %x1, %c15 : vector<32xi8>
  %t4 = arith.shli %z1, %c4 : vector<32xi8>
  %u4 = arith.andi %t4, %c48 : vector<32xi8>
  %v4 = arith.ori %l4, %u4 : vector<32xi8>
  %p4 = arith.subi %v4, %c32 : vector<32xi8>
  %q8 = vector.extract_strided_slice %p4
      {offsets = [0], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %q9 = vector.extract_strided_slice %p4
      {offsets = [16], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %l5 = arith.andi %y1, %c15 : vector<32xi8>
  %t5 = arith.shli %z1, %c2 : vector<32xi8>
  %u5 = arith.andi %t5, %c48 : vector<32xi8>
  %v5 = arith.ori %l5, %u5 : vector<32xi8>
  %p5 = arith.subi %v5, %c32 : vector<32xi8>
  %q10 = vector.extract_strided_slice %p5
      {offsets = [0], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %q11 = vector.extract_strided_slice %p5
      {offsets = [16], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %l6 = arith.shrui %x1, %c4 : vector<32xi8>
  %u6 = arith.andi %z1, %c48 : vector<32xi8>
  %v6 = arith.ori %l6, %u6 : vector<32xi8>
  %p6 = arith.subi %v6, %c32 : vector<32xi8>
  %q12 = vector.extract_strided_slice %p6
      {offsets = [0], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %q13 = vector.extract_strided_slice %p6
      {offsets = [16], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %l7 = arith.shrui %y1, %c4 : vector<32xi8>
  %t7 = arith.shrui %z1, %c2 : vector<32xi8>
  %u7 = arith.andi %t7, %c48 : vector<32xi8>
  %v7 = arith.ori %l7, %u7 : vector<32xi8>
  %p7 = arith.subi %v7, %c32 : vector<32xi8>
  %q14 = vector.extract_strided_slice %p7
      {offsets = [0], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  %q15 = vector.extract_strided_slice %p7
      {offsets = [16], sizes = [16], strides = [1]}
      : vector<32xi8> to vector<16xi8>
  kernel.decoded quants(%q0, %q1, %q2, %q3, %q4, %q5, %q6, %q7, %q8, %q9,
                        %q10, %q11, %q12, %q13, %q14, %q15
                        : vector<16xi8>, vector<16xi8>, vector<16xi8>,
                          vector<16xi8>, vector<16xi8>, vector<16xi8>,
                          vector<16xi8>, vector<16xi8>, vector<16xi8>,
                          vector<16xi8>, vector<16xi8>, vector<16xi8>,
                          vector<16xi8>, vector<16xi8>, vector<16xi8>,
                          vector<16xi8>)
                 scales(%s0, %s1, %s2, %s3, %s4, %s5, %s6, %s7, %s8, %s9,
                        %s10, %s11, %s12, %s13, %s14, %s15)
}
