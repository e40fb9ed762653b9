//===- RowSkeletonTest.cpp - matvec, matmul and rowwise -------------------===//
//
// Each skeleton against the formula of its description as plain loops, in every
// order of tiles.
//
//===----------------------------------------------------------------------===//

#include "KernelProgram.h"

#include <cmath>

using namespace quipu;
using namespace quipu::kernel;

namespace {

TEST(Matmul, NormPrologueScalesAfterTheDotProduct) {
  KernelProgram program(R"mlir(
    func.func @f(%x: tensor<?x7xf32>, %gamma: tensor<7xf32>,
                 %w: tensor<10x7xf32>, %v: tensor<5x7xf32>,
                 %r: tensor<?x5xf32>) -> (tensor<?x10xf32>, tensor<?x5xf32>) {
      %0, %1 = kernel.matmul "qkv" tokens -> tensor<?x10xf32>, tensor<?x5xf32> {
        kernel.prologue %x : tensor<?x7xf32> columns(%gamma : tensor<7xf32>) map {
        ^bb0(%e: f32, %g: f32):
          %m = arith.mulf %e, %g : f32
          kernel.yield %m : f32
        } statistic {
        ^bb0(%e: f32):
          %s = arith.mulf %e, %e : f32
          kernel.yield %s : f32
        } scale {
        ^bb0(%sum: f32):
          %one = arith.constant 1.0 : f32
          %shifted = arith.addf %sum, %one : f32
          %s = math.rsqrt %shifted : f32
          kernel.yield %s : f32
        }
        kernel.segment single into result weights(%w : tensor<10x7xf32>) {
        ^bb0(%y: f32):
          kernel.yield %y : f32
        }
        kernel.segment single into result weights(%v : tensor<5x7xf32>)
            elements(%r : tensor<?x5xf32>) {
        ^bb0(%y: f32, %e: f32):
          %s = arith.addf %y, %e : f32
          kernel.yield %s : f32
        }
      }
      return %0, %1 : tensor<?x10xf32>, tensor<?x5xf32>
    })mlir");
  DenseTensor x = randomTensor({4, 7}, 1), gamma = randomTensor({7}, 2);
  DenseTensor w = randomTensor({10, 7}, 3), v = randomTensor({5, 7}, 4);
  DenseTensor r = randomTensor({4, 5}, 5);

  DenseTensor first = zeroTensor({4, 10}), second = r;
  for (int64_t t = 0; t < 4; ++t) {
    double rms = std::sqrt(dot(x.row(t), x.row(t)) + 1);
    std::vector<double> n(7);
    for (int64_t k = 0; k < 7; ++k)
      n[k] = x.row(t)[k] * gamma.values[k] / rms;
    for (int64_t i = 0; i < 10; ++i)
      first.row(t)[i] = dot(w.row(i), n);
    for (int64_t i = 0; i < 5; ++i)
      second.row(t)[i] += dot(v.row(i), n);
  }
  for (const KernelInterpreterOptions &options : allOrders()) {
    auto results = program.run({x, gamma, w, v, r}, options);
    ASSERT_EQ(results.size(), 2u);
    expectNear(results[0], first);
    expectNear(results[1], second);
  }
}

TEST(Matmul, ZipHoldsOneRowOfEachWeightWithBiases) {
  KernelProgram program(R"mlir(
    func.func @f(%x: tensor<?x3xf32>, %a: tensor<4x3xf32>, %b: tensor<4x3xf32>,
                 %c: tensor<4xf32>, %d: tensor<4xf32>) -> tensor<?x4xf32> {
      %0 = kernel.matmul "zip" tokens -> tensor<?x4xf32> {
        kernel.prologue %x : tensor<?x3xf32>
        kernel.segment zip into result
            weights(%a, %b : tensor<4x3xf32>, tensor<4x3xf32>)
            columns(%c, %d : tensor<4xf32>, tensor<4xf32>) {
        ^bb0(%y: f32, %z: f32, %m: f32, %n: f32):
          %s = arith.addf %y, %m : f32
          %t = arith.addf %z, %n : f32
          %p = arith.divf %s, %t : f32
          kernel.yield %p : f32
        }
      }
      return %0 : tensor<?x4xf32>
    })mlir");
  DenseTensor x = randomTensor({5, 3}, 1), a = randomTensor({4, 3}, 2);
  DenseTensor b = randomTensor({4, 3}, 3), c = randomTensor({4}, 4);
  DenseTensor d{{4}, {10, 11, 12, 13}};
  DenseTensor expected = zeroTensor({5, 4});
  for (int64_t t = 0; t < 5; ++t)
    for (int64_t n = 0; n < 4; ++n)
      expected.row(t)[n] = (dot(a.row(n), x.row(t)) + c.values[n]) /
                           (dot(b.row(n), x.row(t)) + d.values[n]);
  for (const KernelInterpreterOptions &options : allOrders())
    expectNear(program.run({x, a, b, c, d}, options).at(0), expected);
}

TEST(Matvec, MixedStoredTypesAreReadAsTheyAre) {
  KernelProgram program(R"mlir(
    func.func @f(%x: tensor<?x256xf32>) -> (tensor<?x3xf32>, tensor<?x2xf32>) {
      %a = kernel.param @a : tensor<3x256x!llama.q4_k>
      %b = kernel.param @b : tensor<2x256xbf16>
      %0, %1 = kernel.matvec "mixed" rows -> tensor<?x3xf32>, tensor<?x2xf32> {
        kernel.prologue %x : tensor<?x256xf32>
        kernel.segment single into result
            weights(%a : tensor<3x256x!llama.q4_k>) decoders [@q4_k] {
        ^bb0(%y: f32):
          kernel.yield %y : f32
        }
        kernel.segment single into result weights(%b : tensor<2x256xbf16>) {
        ^bb0(%y: f32):
          kernel.yield %y : f32
        }
      }
      return %0, %1 : tensor<?x3xf32>, tensor<?x2xf32>
    })mlir",
                        {ElementType::q4_k});
  auto a = randomBytes(3 * 144, 1), b = randomBytes(2 * 512, 2);
  program.parameters.set("a", a);
  program.parameters.set("b", b);
  DenseTensor x = randomTensor({1, 256}, 3);
  auto product = [&](ElementType type, int64_t rows,
                     std::span<const std::byte> bytes) {
    DenseTensor w = dequantize({type, rows, 256, bytes});
    DenseTensor y = zeroTensor({1, rows});
    for (int64_t n = 0; n < rows; ++n)
      y.values[n] = dot(w.row(n), x.row(0));
    return y;
  };
  auto results = program.run({x});
  ASSERT_EQ(results.size(), 2u);
  expectNear(results[0], product(ElementType::q4_k, 3, a));
  expectNear(results[1], product(ElementType::bf16, 2, b));
}

TEST(Matvec, MoreThanOneRowIsAnError) {
  KernelProgram program(R"mlir(
    func.func @f(%x: tensor<?x3xf32>, %w: tensor<2x3xf32>) -> tensor<?x2xf32> {
      %0 = kernel.matvec "m" tokens -> tensor<?x2xf32> {
        kernel.prologue %x : tensor<?x3xf32>
        kernel.segment single into result weights(%w : tensor<2x3xf32>) {
        ^bb0(%y: f32):
          kernel.yield %y : f32
        }
      }
      return %0 : tensor<?x2xf32>
    })mlir");
  EXPECT_TRUE(failed(
      program.tryRun({randomTensor({2, 3}, 1), randomTensor({2, 3}, 2)})));
  EXPECT_THAT(program.messages,
              testing::HasSubstr("expected one row, found 2"));
}

TEST(Argmax, TieGoesToTheLowestOutputInAnyOrder) {
  KernelProgram program(R"mlir(
    func.func @f(%x: tensor<?x1xf32>, %w: tensor<20x1xf32>) -> tensor<?xi32> {
      %0 = kernel.matmul "head" rows -> tensor<?xi32> {
        kernel.prologue %x : tensor<?x1xf32>
        kernel.segment single into argmax weights(%w : tensor<20x1xf32>) {
        ^bb0(%y: f32):
          kernel.yield %y : f32
        }
      }
      return %0 : tensor<?xi32>
    })mlir");
  DenseTensor w = zeroTensor({20, 1});
  w.values[3] = w.values[17] = w.values[18] = 2;
  w.values[0] = w.values[11] = -1;
  // The largest are 3, 17, 18; with the sign changed 0 and 11; then all equal.
  DenseTensor x{{3, 1}, {1, -1, 0}};
  for (const KernelInterpreterOptions &options : allOrders())
    expectNear(program.run({x, w}, options).at(0), {{3}, {3, 0, 0}});
}

TEST(Rowwise, GathersRowsOfAQuantizedTable) {
  KernelProgram program(R"mlir(
    func.func @f(%tokens: tensor<?xi32>) -> tensor<?x32xf32> {
      %table = kernel.param @table : tensor<5x32x!llama.q5_1>
      %0 = kernel.rowwise "embed" tokens -> tensor<?x32xf32> {
        kernel.prologue %table : tensor<5x32x!llama.q5_1>
            rows(%tokens : tensor<?xi32>) decoder @q5_1
        kernel.segment single into result {
        ^bb0(%y: f32):
          kernel.yield %y : f32
        }
      }
      return %0 : tensor<?x32xf32>
    })mlir",
                        {ElementType::q5_1});
  auto bytes = randomBytes(5 * 24, 1);
  program.parameters.set("table", bytes);
  std::vector<int32_t> tokens = {4, 0, 4};
  DenseTensor table = dequantize({ElementType::q5_1, 5, 32, bytes});
  DenseTensor expected = zeroTensor({3, 32});
  for (int64_t t = 0; t < 3; ++t)
    llvm::copy(table.row(tokens[t]), expected.row(t).begin());
  for (const KernelInterpreterOptions &options : allOrders())
    expectNear(program.run({indexTensor({3}, tokens)}, options).at(0),
               expected);

  tokens[1] = 5;
  EXPECT_TRUE(failed(program.tryRun({indexTensor({3}, tokens)})));
  EXPECT_THAT(program.messages,
              testing::HasSubstr("expected a row below 5, found 5"));
}

TEST(Function, CallsAndParametersOfTheWrongSize) {
  KernelProgram program(R"mlir(
    func.func private @double(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
      %0 = kernel.rowwise "" tokens -> tensor<?x2xf32> {
        kernel.segment single into result
            elements(%x, %x : tensor<?x2xf32>, tensor<?x2xf32>) {
        ^bb0(%a: f32, %b: f32):
          %s = arith.addf %a, %b : f32
          kernel.yield %s : f32
        }
      }
      return %0 : tensor<?x2xf32>
    }
    func.func @f(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
      %0 = call @double(%x) : (tensor<?x2xf32>) -> tensor<?x2xf32>
      %1 = call @double(%0) : (tensor<?x2xf32>) -> tensor<?x2xf32>
      %unused = kernel.param @missing : tensor<2xf32>
      return %1 : tensor<?x2xf32>
    })mlir");
  DenseTensor x{{2, 2}, {1, 2, 3, -4}};
  EXPECT_TRUE(failed(program.tryRun({x})));
  EXPECT_EQ(program.messages, "expected 8 bytes of 'missing', found 0\n");
  program.parameters.set("missing", std::vector<std::byte>(8));
  expectNear(program.run({x}).at(0), {{2, 2}, {4, 8, 12, -16}});
}

} // namespace
