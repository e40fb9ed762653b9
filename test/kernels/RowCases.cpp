//===- RowCases.cpp - Kernels over rows, as text --------------------------===//
//
// Sizes are parameters so that they can end inside registers and tiles.
//
//===----------------------------------------------------------------------===//

#include "test/kernels/RowCases.h"

#include "llvm/Support/FormatVariadic.h"

using namespace quipu;
using llvm::formatv;

std::string test::product(const std::string &skeleton, const std::string &type,
                          int64_t n, int64_t k, int64_t t) {
  bool quantized = type.starts_with("!");
  std::string decoder =
      quantized ? "decoders [@" + type.substr(7) + "]" : std::string();
  return formatv(R"(
func.func @f(%x: tensor<?x{0}xf32>, %w: tensor<{1}x{0}x{2}>) -> tensor<?x{1}xf32> {{
  %y = kernel.{3} "f" tokens -> tensor<?x{1}xf32> {{
    kernel.prologue %x : tensor<?x{0}xf32>
    kernel.segment single into result weights(%w : tensor<{1}x{0}x{2}>) {4} {{
    ^bb0(%v: f32):
      kernel.yield %v : f32
    }
  }
  return %y : tensor<?x{1}xf32>
})",
                 k, n, type, skeleton, decoder)
      .str();
}

std::string test::attentionInputs(const std::string &skeleton,
                                  const std::string &couple, int64_t headDim,
                                  const std::string &cache) {
  int64_t q = 3 * headDim, kv = 2 * headDim;
  return formatv(R"(
func.func @f(%x: tensor<?x64xf32>, %g: tensor<64xf32>, %wq: tensor<{1}x64xf16>, %wk: tensor<{2}x64x!llama.q8_0>, %wv: tensor<{2}x64xf32>, %bias: tensor<{1}xbf16>, %table: tensor<40x{3}x2xf32>, %positions: tensor<?xi32>, %slots: tensor<?xi32>, %kv: !llama.kv<2, {0}, page 8, {4}>) -> (tensor<?x{1}xf32>, !llama.kv<2, {0}, page 8, {4}>) {{
  %q, %new = kernel.{5} "qkv" tokens -> tensor<?x{1}xf32>, !llama.kv<2, {0}, page 8, {4}> {{
    kernel.prologue %x : tensor<?x64xf32> columns(%g : tensor<64xf32>)
      map {{
      ^bb0(%e: f32, %c: f32):
        %m = arith.mulf %e, %c : f32
        kernel.yield %m : f32
      } statistic {{
      ^bb0(%e: f32):
        %s = arith.mulf %e, %e : f32
        kernel.yield %s : f32
      } scale {{
      ^bb0(%sum: f32):
        %c = arith.constant 0.015625 : f32
        %mean = arith.mulf %sum, %c : f32
        %r = math.rsqrt %mean : f32
        kernel.yield %r : f32
      }
    kernel.segment {6} head_dim {0} into result weights(%wq : tensor<{1}x64xf16>)
        columns(%bias : tensor<{1}xbf16>)
        angles(%table, %positions : tensor<40x{3}x2xf32>, tensor<?xi32>) {{
    ^bb0(%y0: f32, %y1: f32, %b0: f32, %b1: f32, %cos: f32, %sin: f32):
      %a0 = arith.addf %y0, %b0 : f32
      %a1 = arith.addf %y1, %b1 : f32
      %c0 = arith.mulf %a0, %cos : f32
      %s1 = arith.mulf %a1, %sin : f32
      %r0 = arith.subf %c0, %s1 : f32
      %c1 = arith.mulf %a1, %cos : f32
      %s0 = arith.mulf %a0, %sin : f32
      %r1 = arith.addf %c1, %s0 : f32
      kernel.yield %r0, %r1 : f32, f32
    }
    kernel.segment {6} head_dim {0} into keys weights(%wk : tensor<{2}x64x!llama.q8_0>) decoders [@q8_0]
        angles(%table, %positions : tensor<40x{3}x2xf32>, tensor<?xi32>)
        kv(%kv : !llama.kv<2, {0}, page 8, {4}>, %slots : tensor<?xi32>) {{
    ^bb0(%y0: f32, %y1: f32, %cos: f32, %sin: f32):
      %c0 = arith.mulf %y0, %cos : f32
      %s1 = arith.mulf %y1, %sin : f32
      %r0 = arith.subf %c0, %s1 : f32
      %c1 = arith.mulf %y1, %cos : f32
      %s0 = arith.mulf %y0, %sin : f32
      %r1 = arith.addf %c1, %s0 : f32
      kernel.yield %r0, %r1 : f32, f32
    }
    kernel.segment single into values weights(%wv : tensor<{2}x64xf32>)
        kv(%kv : !llama.kv<2, {0}, page 8, {4}>, %slots : tensor<?xi32>) {{
    ^bb0(%y: f32):
      kernel.yield %y : f32
    }
  }
  return %q, %new : tensor<?x{1}xf32>, !llama.kv<2, {0}, page 8, {4}>
})",
                 headDim, q, kv, headDim / 2, cache, skeleton, couple)
      .str();
}

static std::string gatedOf(const std::string &skeleton, int64_t n, int64_t k,
                           const std::string &gate, const std::string &up,
                           const std::string &decoders) {
  return formatv(R"(
func.func @f(%x: tensor<?x{2}xf32>, %g: tensor<{0}x{2}x{3}>, %u: tensor<{0}x{2}x{4}>) -> tensor<?x{0}xf32> {{
  %y = kernel.{1} "gate_up" tokens -> tensor<?x{0}xf32> {{
    kernel.prologue %x : tensor<?x{2}xf32>
    kernel.segment zip into result weights(%g, %u : tensor<{0}x{2}x{3}>, tensor<{0}x{2}x{4}>) decoders [{5}] {{
    ^bb0(%a: f32, %b: f32):
      %c1 = arith.constant 1.0 : f32
      %q = arith.mulf %a, %a : f32
      %d = arith.addf %q, %c1 : f32
      %s = arith.divf %a, %d : f32
      %v = arith.mulf %s, %b : f32
      kernel.yield %v : f32
    }
  }
  return %y : tensor<?x{0}xf32>
})",
                 n, skeleton, k, gate, up, decoders)
      .str();
}

std::string test::gated(const std::string &skeleton, int64_t n) {
  return gatedOf(skeleton, n, 96, "!llama.q4_1", "f16", "@q4_1, unit");
}

std::string test::gatedQuantized(const std::string &skeleton,
                                 const std::string &gate, const std::string &up,
                                 int64_t n, int64_t k) {
  return gatedOf(skeleton, n, k, "!llama." + gate, "!llama." + up,
                 "@" + gate + ", @" + up);
}

std::string test::largest(const std::string &skeleton, int64_t n) {
  return formatv(R"(
func.func @f(%x: tensor<?x96xf32>, %w: tensor<{0}x96xbf16>, %r: tensor<?x{0}xf32>) -> tensor<?xi32> {{
  %y = kernel.{1} "lm_head" rows -> tensor<?xi32> {{
    kernel.prologue %x : tensor<?x96xf32>
    kernel.segment single into argmax weights(%w : tensor<{0}x96xbf16>) elements(%r : tensor<?x{0}xf32>) {{
    ^bb0(%a: f32, %b: f32):
      %v = arith.addf %a, %b : f32
      kernel.yield %v : f32
    }
  }
  return %y : tensor<?xi32>
})",
                 n, skeleton)
      .str();
}

std::string test::embedding(const std::string &type) {
  std::string decoder =
      type[0] == '!' ? "decoder @" + type.substr(7) : std::string();
  return formatv(R"(
func.func @f(%table: tensor<50x256x{0}>, %rows: tensor<?xi32>, %r: tensor<?x256xf32>) -> (tensor<?x256xf32>, tensor<?xi32>) {{
  %y, %i = kernel.rowwise "embedding" tokens -> tensor<?x256xf32>, tensor<?xi32> {{
    kernel.prologue %table : tensor<50x256x{0}> rows(%rows : tensor<?xi32>) {1}
    kernel.segment single into result elements(%r : tensor<?x256xf32>) {{
    ^bb0(%a: f32, %b: f32):
      %v = arith.mulf %a, %b : f32
      kernel.yield %v : f32
    }
    kernel.segment single into argmax {{
    ^bb0(%a: f32):
      kernel.yield %a : f32
    }
  }
  return %y, %i : tensor<?x256xf32>, tensor<?xi32>
})",
                 type, decoder)
      .str();
}

std::string test::elementwise(const std::string &couple, int64_t headDim) {
  int64_t n = 3 * headDim;
  return formatv(R"(
func.func @f(%x: tensor<?x{1}xf32>, %y: tensor<?x{1}xf32>, %table: tensor<40x{2}x2xf32>, %positions: tensor<?xi32>) -> (tensor<?x{1}xf32>, tensor<?x{1}xf32>) {{
  %a, %b = kernel.rowwise "f" tokens -> tensor<?x{1}xf32>, tensor<?x{1}xf32> {{
    kernel.segment single into result elements(%x, %y : tensor<?x{1}xf32>, tensor<?x{1}xf32>) {{
    ^bb0(%u: f32, %v: f32):
      %w = arith.addf %u, %v : f32
      kernel.yield %w : f32
    }
    kernel.segment {3} head_dim {0} into result elements(%x : tensor<?x{1}xf32>)
        angles(%table, %positions : tensor<40x{2}x2xf32>, tensor<?xi32>) {{
    ^bb0(%u: f32, %v: f32, %cos: f32, %sin: f32):
      %p = arith.mulf %u, %cos : f32
      %q = arith.mulf %v, %sin : f32
      %r = arith.subf %p, %q : f32
      kernel.yield %r, %p : f32, f32
    }
  }
  return %a, %b : tensor<?x{1}xf32>, tensor<?x{1}xf32>
})",
                 headDim, n, headDim / 2, couple)
      .str();
}
