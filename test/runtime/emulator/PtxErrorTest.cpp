//===- PtxErrorTest.cpp - Malformed PTX -----------------------------------===//
//
// One clear message with file and line for whatever is wrong.
//
//===----------------------------------------------------------------------===//

#include "test/runtime/emulator/PtxText.h"

#include <gmock/gmock.h>

using namespace quipu;
using quipu::test::kernelText;
using quipu::test::problemOf;
using testing::HasSubstr;

namespace {

struct Bad {
  const char *body; // begins in line 12
  const char *message;
};

class PtxError : public testing::TestWithParam<Bad> {};

TEST_P(PtxError, IsNamedWithItsLine) {
  EXPECT_EQ(problemOf(kernelText(GetParam().body)),
            "k.ptx:" + std::string(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Instructions, PtxError,
    testing::Values(
        Bad{"foo.bar %r1;", "12: unknown instruction 'foo.bar'"},
        Bad{"\n\nwgmma.fence.sync.aligned;",
            "14: unknown instruction 'wgmma.fence.sync.aligned': compile for "
            "sm_90 without 'a', or use mma.sync"},
        Bad{"add.foo.s32 %r1, %r2, %r3;",
            "12: unknown modifier '.foo' in 'add.foo.s32'"},
        Bad{"add.u8 %r1, %r2, %r3;", "12: unsupported type '.u8' in 'add.u8'"},
        Bad{"add %r1, %r2, %r3;", "12: no type in 'add'"},
        Bad{"add.rn.s32 %r1, %r2, %r3;",
            "12: unsupported combination of modifiers and types in "
            "'add.rn.s32'"},
        Bad{"mma.sync.aligned.m16n8k16.f32.bf16.bf16.f32 {%r1}, {%r1}, {%r1}, "
            "{%r1};",
            "12: 'mma.sync.aligned.m16n8k16.f32.bf16.bf16.f32' lacks .row"},
        Bad{"setp.s32 %p1, %r1, %r2;",
            "12: 'setp.s32' lacks one of .eq, .ne, .lt, .le, .gt, .ge, .lo, "
            ".ls, .hi, .hs"}));

INSTANTIATE_TEST_SUITE_P(
    Operands, PtxError,
    testing::Values(
        Bad{"add.s32 %r1, %r2;", "12: 'add.s32' takes 3 operands, found 2"},
        Bad{"bar.sync;", "12: 'bar.sync' takes 1 to 2 operands, found 0"},
        Bad{"ld.global.b32 %r1, %rd1;",
            "12: operand 2 of 'ld.global.b32' is not of a form it takes"},
        Bad{"add.s32 %r1, %r2, %rd3;",
            "12: '%rd3' is a 64-bit register, expected a 32-bit register"},
        Bad{"mov.b32 %r1, %p1;",
            "12: '%p1' is a predicate, expected a 32-bit register"},
        Bad{"add.s32 %r1, %r2, %r40;", "12: undefined register '%r40'"},
        Bad{"add.s32 %r1, %r2, %r01;", "12: undefined register '%r01'"},
        Bad{"add.s32 4, %r2, %r3;",
            "12: expected a register to write to, found a number"},
        Bad{"add.s32 %r1, %r2, 4294967296;",
            "12: 4294967296 does not fit in 32 bits"},
        Bad{"add.f32 %r1, %r2, 1;",
            "12: expected a .f32 literal, found an integer"},
        Bad{"add.s32 %r1, %r2, 0f3F800000;",
            "12: expected a .s32 literal, found a float"},
        Bad{"mov.u32 %r1, %envreg32;", "12: undefined register '%envreg32'"},
        Bad{"mov.u32 %r1, %envreg;", "12: undefined register '%envreg'"},
        Bad{"add.s32 %r1, %tid.x, 1;",
            "12: '%tid.x' may only be read by a mov"},
        Bad{"mov.u64 %rd1, %tid.x;", "12: '%tid.x' has 32 bits"},
        Bad{"add.s32 _, %r1, 1;", "12: '_' cannot stand here"},
        Bad{"add.s32 %r1, %r2, !%r3;",
            "12: only a predicate that is read may be inverted"},
        Bad{"ld.global.b32 %r1, [%r2];",
            "12: '%r2' is a 32-bit register, expected a 64-bit address"},
        Bad{"ld.global.b32 %r1, [tile];",
            "12: 'tile' is in .shared, but the instruction accesses .global"},
        Bad{"ld.shared.b32 %r1, [nothing];",
            "12: undefined variable 'nothing'"},
        Bad{"ld.global.v4.b32 {%r1, %r2}, [%rd1];",
            "12: expected 4 registers in braces, found 2"},
        Bad{"mov.b32 {%rs1, %rs2, %rs3}, %r1;",
            "12: 3 registers cannot fill 32 bits"},
        Bad{"@%r1 bra L;", "12: '%r1' is no predicate register"},
        Bad{"bra Nowhere;", "12: undefined label 'Nowhere'"},
        Bad{"{ L: }\nbra L;", "13: undefined label 'L'"},
        Bad{"bra tile;", "12: 'tile' is no label"},
        Bad{"brx.idx %r1, L;\nL:", "12: 'L' is no list of branch targets"},
        Bad{"call nothing;", "12: undefined function 'nothing'"}));

INSTANTIATE_TEST_SUITE_P(
    Declarations, PtxError,
    testing::Values(
        Bad{".reg .b32 %r<4>;", "12: '%r' is declared again; it was in line 8"},
        Bad{"L:\nL:", "13: 'L' is declared again; it was in line 12"},
        Bad{".reg .b32 %x<4000000000>;",
            "12: expected a number of registers of at most 131072, found "
            "4000000000"},
        Bad{".reg .b128 %x;",
            "12: expected a type of at most 64 bits, found '.b128'"},
        Bad{".shared .b8 huge[1000000000];",
            "12: more than 67108864 bytes of variables with 'huge'"},
        Bad{".shared .b64 huge[1000000000][1000000000];",
            "12: 'huge' is larger than 1073741824 bytes"},
        Bad{".shared .align 3 .b8 x[4];",
            "12: expected an alignment that is a power of two, found 3"},
        Bad{".global .b8 x[2] = {1, 2, 3};",
            "12: 'x' has 2 bytes and 3 bytes of initial values"},
        Bad{".wonder;", "12: unknown directive '.wonder'"}));

INSTANTIATE_TEST_SUITE_P(
    Text, PtxError,
    testing::Values(Bad{"/* open", "12: a comment that does not end"},
                    Bad{"add.s32 %r1, %r2, 0x;", "12: a malformed number"},
                    Bad{"add.s32 %r1, %r2, 0f3F8;", "12: a malformed number"},
                    Bad{"add.s32 %r1, %r2, 99999999999999999999;",
                        "12: a malformed number"},
                    Bad{".pragma \"open", "12: a string that does not end"},
                    Bad{"\x01", "12: a byte that is not PTX"},
                    Bad{"add.s32 %r1 %r2;",
                        "12: expected ',' or ';', found '%r2'"},
                    Bad{"{ ret;", "14: expected an instruction, found the end "
                                  "of the file"}));

TEST(PtxErrorTest, FilesThatAreNoPtx) {
  EXPECT_EQ(problemOf(""), "k.ptx:1: expected '.version' at the start of a PTX "
                           "file, found the end of the file");
  EXPECT_THAT(problemOf("\x7f"
                        "ELF"),
              HasSubstr("k.ptx:1: "));
  EXPECT_EQ(problemOf(".version 8.0\n.target compute_80\n"),
            "k.ptx:2: expected a target such as sm_80, found 'compute_80'");
  EXPECT_EQ(problemOf(".version 8.0\n.target sm_80\n.address_size 32\n"),
            "k.ptx:3: expected an address size of 64, found 32");
  EXPECT_EQ(problemOf(".version 8.0\n"), "k.ptx:2: no .target");
  EXPECT_EQ(problemOf(".version 99.9\n.target sm_80\n"),
            "k.ptx:1: expected a PTX version of at most 9.x, found 99.9");
  EXPECT_EQ(problemOf(".version 9.0\n.target sm_300\n"),
            "k.ptx:2: expected a target of sm_50 to sm_121, found 'sm_300'");
  EXPECT_EQ(problemOf(".version 9.0\n.target sm_75\n"), "");
  EXPECT_EQ(problemOf(".version 9.0\n.target sm_100a\n"), "");
}

TEST(PtxErrorTest, CallsMustMatch) {
  std::string head = ".version 8.0\n.target sm_80\n";
  std::string call = ".entry k() { .param .b64 p; call f, (p); }\n";
  EXPECT_EQ(problemOf(head + ".func f(.param .b32 x) { ret; }\n" + call),
            "k.ptx:4: what is passed to 'f' does not match its parameters in "
            "line 3");
  EXPECT_EQ(problemOf(head + ".func f(.param .b64 x);\n" + call +
                      ".func f(.param .b64 x) { ret; }\n"),
            "");
  EXPECT_EQ(problemOf(head + ".entry f() { }\n.entry f() { }\n"),
            "k.ptx:4: 'f' is declared again; it was in line 3");
}

TEST(PtxErrorTest, NestingIsBounded) {
  std::string deep(100, '{');
  EXPECT_EQ(problemOf(kernelText(deep)),
            "k.ptx:12: more than 64 blocks inside each other");
}

/// Whatever is cut off, it is an error and nothing worse.
TEST(PtxErrorTest, EveryBeginningIsRefused) {
  std::string text =
      kernelText("@%p1 bra L;\nld.global.v2.b32 {%r1, %r2}, [%rd1+8];\n"
                 "$T: .branchtargets L, L;\nbrx.idx %r1, $T;\nL: ret; // end\n"
                 "shfl.sync.idx.b32 %r1|%p1, %r2, 0, 31, -1;\n");
  size_t last = text.rfind('}');
  // The header alone is a module without functions.
  size_t first = text.find(".visible") + 2;
  for (size_t size = first; size < last; ++size)
    EXPECT_NE(problemOf(text.substr(0, size)), "") << size;
  EXPECT_EQ(problemOf(text), "");
}

} // namespace
