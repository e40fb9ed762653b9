//===- IntegerInstructionTest.cpp - Integers, bits, lanes -----------------===//
//
// Runs single instructions on 32 lanes of interesting operands and compares
// with what C++ computes.
//
//===----------------------------------------------------------------------===//

#include "InstructionRun.h"

#include <algorithm>
#include <bit>
#include <functional>

namespace quipu::emulator {
namespace {

const std::vector<uint32_t> words = [] {
  std::vector<uint32_t> values = {
      0,          1,          2,          31,         32,  33,
      0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe, 255, 0x12345678};
  while (values.size() < 32)
    values.push_back(values[values.size() - 12] * 2654435761u + 12345);
  return values;
}();
std::vector<uint32_t> rotated(int by) {
  std::vector<uint32_t> values = words;
  std::rotate(values.begin(), values.begin() + by, values.end());
  return values;
}

using Word = std::function<uint32_t(uint32_t, uint32_t, uint32_t)>;
void expectWords(const char *text, const Word &expected) {
  std::vector<uint32_t> a = rotated(0), b = rotated(5), c = rotated(11);
  auto d = run<uint32_t>(text, a, b, c);
  for (int lane = 0; lane < 32; ++lane)
    EXPECT_EQ(d[lane], expected(a[lane], b[lane], c[lane]))
        << text << " of " << a[lane] << ", " << b[lane] << ", " << c[lane];
}

TEST(Instruction, addsAndMultipliesIntegers) {
  expectWords("add.u32 $d, $a, $b;",
              [](auto a, auto b, auto) { return a + b; });
  expectWords("sub.s32 $d, $a, $b;",
              [](auto a, auto b, auto) { return a - b; });
  expectWords("mad.lo.s32 $d, $a, $b, $c;",
              [](auto a, auto b, auto c) { return a * b + c; });
  expectWords("mul.hi.u32 $d, $a, $b;", [](auto a, auto b, auto) {
    return uint32_t(uint64_t(a) * b >> 32);
  });
  expectWords("mul.hi.s32 $d, $a, $b;", [](auto a, auto b, auto) {
    return uint32_t(int64_t(int32_t(a)) * int32_t(b) >> 32);
  });
  expectWords("max.s32 $d, $a, $b;", [](auto a, auto b, auto) {
    return int32_t(a) > int32_t(b) ? a : b;
  });
  expectWords("div.u32 $d, $a, $b;",
              [](auto a, auto b, auto) { return b ? a / b : ~0u; });
  expectWords("rem.u32 $d, $a, $b;",
              [](auto a, auto b, auto) { return b ? a % b : a; });
  expectWords("abs.s32 $d, $a;",
              [](auto a, auto, auto) { return int32_t(a) < 0 ? 0 - a : a; });
  expectWords("dp4a.s32.s32 $d, $a, $b, $c;", [](auto a, auto b, auto c) {
    for (int i = 0; i < 4; ++i)
      c += uint32_t(int8_t(a >> 8 * i) * int8_t(b >> 8 * i));
    return c;
  });
}

TEST(Instruction, carriesBetweenWords) {
  expectWords(
      "add.cc.u32 $d, $a, $b;\naddc.u32 $d, 0, 0;",
      [](auto a, auto b, auto) { return uint32_t((uint64_t(a) + b) >> 32); });
  expectWords("sub.cc.u32 $d, $a, $b;\nsubc.u32 $d, $c, 0;",
              [](auto a, auto b, auto c) { return c - (a < b); });
  expectWords("mad.lo.cc.u32 $d, $a, $b, $c;\nmadc.hi.u32 $d, $a, $b, 0;",
              [](auto a, auto b, auto c) {
                return uint32_t((uint64_t(a) * b + c) >> 32);
              });
}

TEST(Instruction, movesBits) {
  expectWords("shl.b32 $d, $a, $b;",
              [](auto a, auto b, auto) { return b > 31 ? 0 : a << b; });
  expectWords("shr.s32 $d, $a, $b;", [](auto a, auto b, auto) {
    return uint32_t(int32_t(a) >> (b > 31 ? 31 : b));
  });
  expectWords("shf.l.wrap.b32 $d, $a, $b, $c;", [](auto a, auto b, auto c) {
    return uint32_t((uint64_t(b) << 32 | a) << (c & 31) >> 32);
  });
  expectWords("shf.r.clamp.b32 $d, $a, $b, $c;", [](auto a, auto b, auto c) {
    return uint32_t((uint64_t(b) << 32 | a) >> std::min(c, 32u));
  });
  expectWords("lop3.b32 $d, $a, $b, $c, 0xe8;", [](auto a, auto b, auto c) {
    return (a & b) | (a & c) | (b & c);
  });
  expectWords("prmt.b32 $d, $a, $b, 0x73c0;", [](auto a, auto b, auto) {
    uint32_t sign = b & 0x80 ? 0xff : 0; // c: the sign of byte 4
    return (a & 0xff) | sign << 8 | a >> 24 << 16 | b >> 24 << 24;
  });
  expectWords("bfe.u32 $d, $a, 5, 9;",
              [](auto a, auto, auto) { return a >> 5 & 511; });
  expectWords("bfe.s32 $d, $a, 28, 9;",
              [](auto a, auto, auto) { return uint32_t(int32_t(a) >> 28); });
  expectWords("bfi.b32 $d, $a, $b, 7, 6;", [](auto a, auto b, auto) {
    return (b & ~(63u << 7)) | (a & 63) << 7;
  });
  expectWords("popc.b32 $d, $a;",
              [](auto a, auto, auto) { return uint32_t(std::popcount(a)); });
  expectWords("clz.b32 $d, $a;",
              [](auto a, auto, auto) { return uint32_t(std::countl_zero(a)); });
  expectWords("brev.b32 $d, $a;", [](auto a, auto, auto) {
    uint32_t r = 0;
    for (int i = 0; i < 32; ++i)
      r |= (a >> i & 1) << (31 - i);
    return r;
  });
}

TEST(Instruction, choosesByPredicates) {
  expectWords(
      "setp.lt.s32 %p0, $a, $b;\nselp.b32 $d, $b, $c, %p0;",
      [](auto a, auto b, auto c) { return int32_t(a) < int32_t(b) ? b : c; });
  expectWords("setp.lo.u32 %p0|%p1, $a, $b;\n@%p0 add.u32 $d, $a, 1;\n"
              "@%p1 add.u32 $d, $a, 2;",
              [](auto a, auto b, auto) { return a < b ? a + 1 : a + 2; });
  expectWords("setp.ne.u32 %p0, $c, 0;\nsetp.gt.and.u32 %p1, $a, $b, !%p0;\n"
              "selp.b32 $d, 1, 0, %p1;",
              [](auto a, auto b, auto c) { return uint32_t(a > b && !c); });
  expectWords("set.eq.u32.u32 $d, $a, $a;",
              [](auto, auto, auto) { return ~0u; });
}

TEST(Instruction, convertsBetweenIntegerWidths) {
  auto wide = run<uint64_t>("cvt.s64.s32 $d, $a;", words, words, words);
  auto bytes = run<uint32_t>("cvt.s32.s8 $d, $a;", words, words, words);
  auto clamped = run<uint32_t>("cvt.sat.u8.s32 $d, $a;", words, words, words);
  for (int lane = 0; lane < 32; ++lane) {
    auto x = int32_t(words[lane]);
    EXPECT_EQ(int64_t(wide[lane]), x);
    EXPECT_EQ(int32_t(bytes[lane]), int8_t(x));
    EXPECT_EQ(clamped[lane], uint32_t(std::clamp(x, 0, 255)));
  }
}

TEST(Instruction, sharesValuesBetweenLanes) {
  auto lanes = run<uint32_t>("shfl.sync.up.b32 $d|%p0, %r0, 3, 0, -1;\n"
                             "@!%p0 add.u32 $d, $d, 100;",
                             words, words, words);
  auto segments = run<uint32_t>("shfl.sync.down.b32 $d, %r0, 1, 6175, -1;",
                                words, words, words);
  auto votes = run<uint32_t>("setp.gt.s32 %p0, $a, 0;\n"
                             "vote.sync.ballot.b32 $d, %p0, -1;",
                             words, words, words);
  auto sums =
      run<uint32_t>("redux.sync.add.u32 $d, $a, -1;", words, words, words);
  uint32_t ballot = 0, sum = 0;
  for (int lane = 0; lane < 32; ++lane) {
    ballot |= uint32_t(int32_t(words[lane]) > 0) << lane;
    sum += words[lane];
  }
  for (uint32_t lane = 0; lane < 32; ++lane) {
    EXPECT_EQ(lanes[lane], lane < 3 ? lane + 100 : lane - 3);
    EXPECT_EQ(segments[lane], lane % 8 == 7 ? lane : lane + 1);
    EXPECT_EQ(votes[lane], ballot);
    EXPECT_EQ(sums[lane], sum);
  }
}

} // namespace
} // namespace quipu::emulator
