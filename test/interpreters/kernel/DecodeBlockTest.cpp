//===- DecodeBlockTest.cpp - Decoders mean what the formats mean ----------===//
//
// Runs every embedded decoder over random and extreme blocks and compares with
// base/Dequantize, which was written from the format's description on its own.
//
//===----------------------------------------------------------------------===//

#include "interpreters/kernel/DecodeBlock.h"

#include "base/Dequantize.h"
#include "dialects/kernel/Decoders.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "gmock/gmock.h"

#include <cmath>
#include <random>

using namespace mlir;
using namespace quipu;

namespace {

constexpr ElementType quantizedTypes[] = {
    ElementType::q8_0, ElementType::q4_0, ElementType::q4_1, ElementType::q5_0,
    ElementType::q5_1, ElementType::q2_k, ElementType::q3_k, ElementType::q4_k,
    ElementType::q5_k, ElementType::q6_k};

/// Where a block of `type` holds f16 values.
std::vector<int64_t> halfOffsets(ElementType type) {
  switch (type) {
  case ElementType::q4_1:
  case ElementType::q5_1:
  case ElementType::q4_k:
  case ElementType::q5_k:
    return {0, 2};
  case ElementType::q2_k:
    return {80, 82};
  case ElementType::q3_k:
    return {108};
  case ElementType::q6_k:
    return {208};
  default:
    return {0};
  }
}

class DecoderTest : public testing::TestWithParam<ElementType> {
protected:
  DecoderTest() : module(ModuleOp::create(UnknownLoc::get(&context))) {
    decoder = kernel::getOrInsertDecoder(*module, GetParam());
  }

  void SetUp() override { ASSERT_TRUE(succeeded(verify(*module))); }

  /// Compares all elements of `block` with the reference.
  void check(const std::vector<std::byte> &block) {
    std::vector<double> expected(blockElements(GetParam()));
    dequantizeRow(GetParam(), block, expected);
    auto parts = kernel::decodeBlock(decoder, block);
    ASSERT_TRUE(succeeded(parts));
    size_t i = 0;
    for (const kernel::DecodedPart &part : *parts)
      for (int8_t quant : part.quants) {
        double value = part.scale * quant + part.offset;
        double size = std::abs(part.scale * quant) + std::abs(part.offset);
        ASSERT_NEAR(value, expected[i], 1e-12 * size) << "element " << i;
        ++i;
      }
    ASSERT_EQ(i, expected.size());
  }

  /// A block with every byte from `byte` and finite scales `half`.
  std::vector<std::byte> block(llvm::function_ref<uint8_t()> byte,
                               llvm::function_ref<uint16_t()> half) {
    std::vector<std::byte> bytes(blockBytes(GetParam()));
    for (std::byte &b : bytes)
      b = std::byte(byte());
    for (int64_t at : halfOffsets(GetParam())) {
      uint16_t bits = half();
      bytes[at] = std::byte(bits & 0xff);
      bytes[at + 1] = std::byte(bits >> 8);
    }
    return bytes;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  kernel::DecoderOp decoder;
};

TEST_P(DecoderTest, RandomBlocksDecodeAsTheFormatSays) {
  std::mt19937 random(7);
  for (int i = 0; i < 50; ++i)
    check(
        block([&] { return uint8_t(random()); },
              [&] { return floatToHalf(float(random() % 2001) / 1000 - 1); }));
}

TEST_P(DecoderTest, ExtremeBlocksDecodeAsTheFormatSays) {
  // Zero, the smallest subnormal, one, minus the largest.
  for (uint16_t half : {0x0000, 0x0001, 0x3c00, 0xfbff})
    for (uint8_t byte : {0x00, 0x01, 0x0f, 0x55, 0x7f, 0x80, 0xaa, 0xf0, 0xff})
      check(block([&] { return byte; }, [&] { return half; }));
}

TEST_P(DecoderTest, DecoderThatStandsInTheModuleIsKept) {
  EXPECT_EQ(kernel::getOrInsertDecoder(*module, GetParam()), decoder);
}

INSTANTIATE_TEST_SUITE_P(AllTypes, DecoderTest,
                         testing::ValuesIn(quantizedTypes),
                         [](const auto &info) {
                           return std::string(name(info.param));
                         });

TEST(DecodeBlock, OpOutsideTheListIsAnError) {
  MLIRContext context;
  context.loadDialect<kernel::KernelDialect>();
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    message = diagnostic.str();
    return success();
  });
  auto module = parseSourceString<ModuleOp>(R"mlir(
    kernel.decoder @q8_0 : !llama.q8_0 {
    ^bb0(%b: !kernel.block):
      %q = kernel.block_load %b[2] : vector<32xi8>
      %d16 = kernel.block_load %b[0] : f16
      %d = arith.extf %d16 : f16 to f32
      %r = math.sqrt %d : f32
      kernel.decoded quants(%q : vector<32xi8>) scales(%r)
    })mlir",
                                            &context);
  ASSERT_TRUE(module);
  std::vector<std::byte> bytes(34);
  EXPECT_TRUE(failed(kernel::decodeBlock(
      *module->getOps<kernel::DecoderOp>().begin(), bytes)));
  EXPECT_EQ(message, "'math.sqrt' op cannot stand in a decoder");
}

} // namespace
