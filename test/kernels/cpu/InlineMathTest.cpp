//===- InlineMathTest.cpp - Our exp, exp2 and rsqrt against libm ----------===//
//
// A compiled kernel evaluates each function on vectors and scalars over the
// whole range of f32, and libm in double precision says what is right.
//
//===----------------------------------------------------------------------===//

#include "test/compiler/cpu/LoadedImage.h"

#include "mlir/Parser/Parser.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>

using namespace quipu;
using namespace quipu::test;

namespace {

constexpr int64_t block = 1 << 16;

/// Kernels `vector` and `scalar`: scratch[i] = FUNCTION(scratch[i]), i < 2^16.
constexpr llvm::StringLiteral source = R"(
  func.func @vector(%arguments: !llvm.ptr, %dims: !llvm.ptr,
                    %scratch: !llvm.ptr, %begin: i64, %end: i64) {
    %lanes = arith.constant 16 : i64
    scf.for %i = %begin to %end step %lanes : i64 {
      %p = llvm.getelementptr %scratch[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
      %v = llvm.load %p {alignment = 4} : !llvm.ptr -> vector<16xf32>
      %r = math.FUNCTION %v : vector<16xf32>
      llvm.store %r, %p {alignment = 4} : vector<16xf32>, !llvm.ptr
    }
    return
  }
  func.func @scalar(%arguments: !llvm.ptr, %dims: !llvm.ptr,
                    %scratch: !llvm.ptr, %begin: i64, %end: i64) {
    %one = arith.constant 1 : i64
    scf.for %i = %begin to %end step %one : i64 {
      %p = llvm.getelementptr %scratch[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
      %v = llvm.load %p : !llvm.ptr -> f32
      %r = math.FUNCTION %v : f32
      llvm.store %r, %p : f32, !llvm.ptr
    }
    return
  }
)";

struct Case {
  const char *name;
  double (*reference)(double);
  const CpuVariant *variant;
};

double rsqrtReference(double x) { return 1.0 / std::sqrt(x); }

CpuImage compile(const Case &tested) {
  std::string text = source.str();
  for (size_t at; (at = text.find("FUNCTION")) != std::string::npos;)
    text.replace(at, 8, tested.name);
  mlir::DialectRegistry registry;
  registerCpuBackend(registry);
  mlir::MLIRContext context(registry);
  context.loadAllAvailableDialects();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  return llvm::cantFail(
      buildCpuImage(*module, *tested.variant, {"vector", "scalar"}));
}

/// True if `actual` is what `tested` promises at `x`.
bool isRight(const Case &tested, float x, float actual) {
  double expected = tested.reference(x);
  if (std::isnan(expected))
    return std::isnan(actual);
  bool isExponential = tested.reference != rsqrtReference;
  if (isExponential && expected < std::numeric_limits<float>::min() * 1.000001)
    return actual <= std::numeric_limits<float>::min() && actual >= 0;
  if (std::isinf(float(expected)))
    return actual == float(expected);
  return std::abs(actual - expected) <= 2e-7 * std::abs(expected);
}

class InlineMathTest : public testing::TestWithParam<Case> {
protected:
  void check(size_t entry) {
    if (!canRun(*GetParam().variant))
      GTEST_SKIP() << "this processor cannot run the variant";
    CpuImage image = compile(GetParam());
    LoadedImage loaded(image);
    std::vector<float> values(block);
    // Every 769th bit pattern: all exponents, both signs, NaN and infinity.
    constexpr uint64_t step = 769;
    for (uint64_t first = 0; first < (uint64_t(1) << 32);
         first += block * step) {
      auto input = [&](int64_t i) {
        uint32_t bits = uint32_t(first + i * step);
        float x;
        memcpy(&x, &bits, 4);
        return x;
      };
      for (int64_t i = 0; i < block; ++i)
        values[i] = input(i);
      loaded.entry(entry)(nullptr, nullptr, values.data(), 0, block);
      for (int64_t i = 0; i < block; ++i)
        ASSERT_TRUE(isRight(GetParam(), input(i), values[i]))
            << std::hexfloat << GetParam().name << "(" << input(i)
            << ") = " << values[i] << ", not "
            << GetParam().reference(input(i));
    }
  }
  void checkPoints(size_t entry) {
    if (!canRun(*GetParam().variant))
      GTEST_SKIP() << "this processor cannot run the variant";
    CpuImage image = compile(GetParam());
    LoadedImage loaded(image);
    float infinity = std::numeric_limits<float>::infinity();
    float points[16] = {0.0f,      -0.0f,     infinity, -infinity,
                        128.0f,    127.999f,  -126.0f,  -126.1f,
                        88.72283f, 88.72284f, -87.336f, -87.337f,
                        -1e30f,    1e30f,     NAN,      1.0f};
    float values[16];
    memcpy(values, points, sizeof points);
    loaded.entry(entry)(nullptr, nullptr, values, 0, 16);
    for (int i = 0; i < 16; ++i)
      EXPECT_TRUE(isRight(GetParam(), points[i], values[i]))
          << GetParam().name << "(" << points[i] << ") = " << values[i];
    if (GetParam().reference != rsqrtReference) {
      EXPECT_EQ(values[0], 1.0f);
      EXPECT_EQ(values[3], 0.0f);
    }
  }
};

TEST_P(InlineMathTest, vectorsOverTheWholeRange) { check(0); }
TEST_P(InlineMathTest, scalarsOverTheWholeRange) { check(1); }
TEST_P(InlineMathTest, vectorsAtSpecialPoints) { checkPoints(0); }
TEST_P(InlineMathTest, scalarsAtSpecialPoints) { checkPoints(1); }

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const CpuVariant *variant : {&cpuVariants[0], &cpuVariants[1]}) {
    all.push_back({"exp", std::exp, variant});
    all.push_back({"exp2", std::exp2, variant});
    all.push_back({"rsqrt", rsqrtReference, variant});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Functions, InlineMathTest, testing::ValuesIn(cases()),
                         [](const auto &info) {
                           return std::string(info.param.name) +
                                  (info.param.variant->lanes == 16 ? "_v4"
                                                                   : "_v3");
                         });

} // namespace
