//===- PtxFormTest.cpp - Instructions as they are printed -----------------===//
//
// Every kind of instruction that kernels for sm_80 to sm_90a are made of, as
// LLVM and nvcc print it, and what is read from each kind of modifier and
// operand.
//
//===----------------------------------------------------------------------===//

#include "test/runtime/emulator/PtxText.h"

using namespace quipu;
using namespace quipu::ptx;
using quipu::test::instruction;
using quipu::test::kernel;

namespace {

class PtxForm : public testing::TestWithParam<const char *> {};

TEST_P(PtxForm, Parses) {
  EXPECT_EQ(test::problemOf(test::kernelText(GetParam())), "");
}

INSTANTIATE_TEST_SUITE_P(
    Arithmetic, PtxForm,
    testing::Values(
        "add.s32 %r1, %r2, -4;", "add.rm.f32 %r1, %r2, 0f3F800000;",
        "add.rn.ftz.f32 %r1, %r2, %r3;", "add.bf16x2 %r1, %r2, %r3;",
        "add.cc.s32 %r1, %r2, %r3;", "addc.u32 %r1, %r2, 0;",
        "sub.cc.u64 %rd1, %rd2, 1;", "mul.wide.u32 %rd1, %r2, 4;",
        "mul.lo.s64 %rd1, %rd2, %rd3;", "mul.hi.u32 %r1, %r2, %r3;",
        "mad.lo.s32 %r1, %r2, %r3, %r4;", "mad.wide.s16 %r1, %rs2, %rs3, %r4;",
        "mad.lo.cc.u32 %r1, %r2, %r3, %r4;", "madc.hi.u32 %r1, %r2, %r3, 0;",
        "fma.rn.f32 %r1, %r2, %r3, %r4;",
        "fma.rn.relu.bf16 %rs1,%rs2,%rs3,%rs4;", "div.rn.f32 %r1, %r2, %r3;",
        "div.full.ftz.f32 %r1, %r2, %r3;", "div.u64 %rd1, %rd2, 10;",
        "rem.s32 %r1, %r2, %r3;", "min.u64 %rd1, %rd2, %rd3;",
        "max.NaN.f32 %r1, %r2, %r3;", "max.ftz.f32 %r1, %r2, %r3;",
        "abs.f32 %r1, %r2;", "neg.s32 %r1, %r2;",
        "rcp.approx.ftz.f32 %r1, %r2;", "rsqrt.approx.f32 %r1, %r2;",
        "sqrt.rn.f32 %r1, %r2;", "ex2.approx.ftz.f32 %r1, %r2;",
        "lg2.approx.f32 %r1, %r2;", "mul.f64 %rd1, %rd2, 0d3FF0000000000000;",
        "bfe.u32 %r1, %r2, 4, 8;", "bfi.b32 %r1, %r2, %r3, 0, 8;",
        "popc.b64 %r1, %rd2;", "shf.l.wrap.b32 %r1, %r2, %r3, 7;",
        "shl.b64 %rd1, %rd2, %r3;", "shr.s32 %r1, %r2, 31;",
        "lop3.b32 %r1, %r2, %r3, %r4, 0xea;",
        "prmt.b32 %r1, %r2, %r3, 0x5410U;", "and.pred %p1, %p2, %p3;",
        "not.b32 %r1, %r2;", "xor.b16 %rs1, %rs2, -1;",
        "selp.b32 %r1, %r2, 0f00000000, %p1;",
        "dp4a.s32.s32 %r1, %r2, %r3, %r4;", "setp.ltu.f32 %p1, %r1, %r2;",
        "setp.neu.and.f32 %p1, %r1, %r2, !%p2;",
        "setp.lt.u32 %p1|%p2, %r1, %r2;", "setp.num.f32 %p1, %r1, %r2;",
        "set.gt.u32.f32 %r1, %r2, %r3;"));

INSTANTIATE_TEST_SUITE_P(
    Conversions, PtxForm,
    testing::Values(
        "cvt.rn.bf16.f32 %rs1, %r1;", "cvt.rn.bf16x2.f32 %r1, %r2, %r3;",
        "cvt.rn.f16.f32 %rs1, %r1;", "cvt.f32.f16 %r1, %rs1;",
        "cvt.f32.bf16 %r1, %rs1;", "cvt.rzi.s32.f32 %r1, %r2;",
        "cvt.rni.f32.f32 %r1, %r2;", "cvt.rmi.s64.f32 %rd1, %r2;",
        "cvt.sat.f32.f32 %r1, %r2;", "cvt.rn.f32.u32 %r1, %r2;",
        "cvt.s32.s8 %r1, %rs1;", "cvt.u16.u32 %rs1, %r1;",
        "cvt.u32.u64 %r1, %rd1;", "cvt.rn.f32.f64 %r1, %rd1;",
        "cvt.rna.tf32.f32 %r1, %r2;",
        "cvt.rn.satfinite.e4m3x2.f32 %rs1, %r2, %r3;",
        "mov.b32 %r1, {%rs1, %rs2};", "mov.b64 {%r1, _}, %rd1;",
        "mov.b64 %rd1, {%rs1, %rs2, %rs3, %rs4};", "mov.b32 %r1, 0f7F800000;",
        "mov.pred %p1, -1;", "mov.b16 %rs1, 0x3F80;", "mov.u32 %r1, %ntid.x;",
        "mov.b32 %r1, WARP_SZ;", "mov.b64 %rd1, tile+16;",
        "cvta.to.global.u64 %rd1, %rd2;", "cvta.local.u64 %rd1, %rd2;"));

INSTANTIATE_TEST_SUITE_P(
    Memory, PtxForm,
    testing::Values(
        "ld.param.b64 %rd1, [a];", "ld.param.b32 %r1, [n+0];",
        "ld.global.nc.v4.b32 {%r1, %r2, %r3, %r4}, [%rd1+-16];",
        "ld.global.nc.L1::no_allocate.L2::128B.v4.b32 {%r1,%r2,%r3,%r4}, "
        "[%rd1];",
        "ld.global.L2::cache_hint.b32 %r1, [%rd1], %rd2;",
        "ld.global.b8 %rs1, [%rd1];", "ld.global.s8 %r1, [%rd1];",
        "ld.acquire.gpu.global.b32 %r1, [%rd1];",
        "ld.volatile.b32 %r1, [%rd1];",
        "ld.relaxed.gpu.global.u64 %rd1, [%rd2];",
        "ld.shared.v4.b32 {%r1, %r2, %r3, %r4}, [tile+32];",
        "ld.shared.b16 %rs1, [%r1+2];", "ld.local.b32 %r1, [depot+8];",
        "st.release.gpu.global.b32 [%rd1], %r1;", "st.global.b16 [%rd1], 0;",
        "st.shared.v2.b32 [%r1], {%r2, 0f00000000};",
        "st.local.b8 [depot], %rs1;", "atom.global.add.u32 %r1, [%rd1], 1;",
        "atom.add.f32 %r1, [%rd1], %r2;",
        "atom.relaxed.gpu.global.cas.b32 %r1, [%rd1], %r2, %r3;",
        "atom.global.add.noftz.bf16x2 %r1, [%rd1], %r2;",
        "red.global.add.f32 [%rd1], %r1;", "prefetch.global.L2 [%rd1];",
        "createpolicy.fractional.L2::evict_first.b64 %rd1, 1.0;",
        "cp.async.cg.shared.global [%r1], [%rd1], 16;",
        "cp.async.cg.shared.global [%r1], [%rd1+64], 16, %r2;",
        "cp.async.ca.shared.global.L2::128B [tile], [%rd1], 4;",
        "cp.async.commit_group;", "cp.async.wait_group 2;",
        "cp.async.wait_all;",
        "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes "
        "[%r1], [%rd1], %r2, [%r3];",
        "cp.async.bulk.commit_group;", "cp.async.bulk.wait_group.read 0;",
        "mbarrier.init.shared.b64 [tile], 128;",
        "mbarrier.arrive.expect_tx.shared.b64 %rd1, [%r1], 4096;",
        "mbarrier.arrive.release.cta.shared::cta.b64 _, [%r1];",
        "mbarrier.try_wait.parity.shared.b64 %p1, [%r1], %r2;",
        "mbarrier.test_wait.shared::cta.b64 %p1, [%r1], %rd2;"));

INSTANTIATE_TEST_SUITE_P(
    Compilers, PtxForm,
    testing::Values(
        "set.eq.f16x2.f16x2 %r1, %r2, %r3;",
        "set.gtu.ftz.f16.f16 %rs1, %rs2, "
        "%rs3;",
        "set.neu.and.u32.bf16x2 %r1, %r2, %r3, !%p1;",
        "atom.add.noftz.f16x2 %r1, [%rd1], %r2;",
        "atom.global.add.noftz.bf16 %rs1, [%rd1], %rs2;",
        "cp.async.mbarrier.arrive.noinc.shared::cta.b64 [%r1];",
        "createpolicy.fractional.L2::evict_last.b64 %rd1, 0f3F800000;",
        "ld.global.L2::cache_hint.v4.f32 {%r1, %r2, %r3, %r4}, [%rd1], %rd2;",
        "mov.u32 %r1, %envreg2;", "mov.u32 %r1, %envreg31;",
        "mov.u32 %r1, %reserved_smem_offset_begin;",
        "isspacep.shared %p1, %rd1;",
        "wmma.load.a.sync.aligned.row.m16n16k16.global.f16 {%r1, %r2, %r3, "
        "%r4, %r5, %r6, %r7, %r8}, [%rd1], %r9;"));

INSTANTIATE_TEST_SUITE_P(
    Threads, PtxForm,
    testing::Values(
        "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r1, %r2, %r3, %r4}, [%r5];",
        "ldmatrix.sync.aligned.m8n8.x2.trans.shared::cta.b16 {%r1,%r2}, [%r5];",
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%r1,%r2,%r3,%r4},"
        " {%r5,%r6,%r7,%r8}, {%r9,%r10}, {%r1,%r2,%r3,%r4};",
        "mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16 {%r1,%r2},"
        " {%r5,%r6,%r7,%r8}, {%r9,%r10}, {%r1,%r2};",
        "shfl.sync.bfly.b32 %r1, %r2, 16, 31, -1;",
        "shfl.sync.idx.b32 %r1|%p1, %r2, %r3, 0x1f, %r4;",
        "redux.sync.add.s32 %r1, %r2, -1;", "elect.sync %r1|%p1, -1;",
        "elect.sync _|%p1, 0xffffffff;", "vote.sync.ballot.b32 %r1, %p1, -1;",
        "vote.sync.any.pred %p1, !%p2, -1;", "activemask.b32 %r1;",
        "match.any.sync.b32 %r1, %r2, -1;", "bar.sync 0;", "bar.sync 1, 128;",
        "bar.sync %r1, %r2;", "barrier.sync.aligned 3, 64;",
        "bar.arrive 2, 64;", "bar.red.popc.u32 %r1, 0, %p1;",
        "bar.red.or.pred %p1, 1, 64, !%p2;", "bar.warp.sync -1;",
        "barrier.cluster.arrive.relaxed.aligned;", "fence.acq_rel.gpu;",
        "fence.sc.sys;", "fence.proxy.async;", "fence.proxy.async.shared::cta;",
        "fence.mbarrier_init.release.cluster;", "membar.gl;",
        "griddepcontrol.wait;", "griddepcontrol.launch_dependents;",
        "setmaxnreg.inc.sync.aligned.u32 240;", "nanosleep.u32 64;", "trap;",
        "exit;", "ret;", "@!%p1 exit;", "L: @%p1 bra L;", "L: bra.uni L;",
        ".pragma \"nounroll\";", ".loc 1 2 3",
        "{ .reg .b32 %x; mov.b32 %x, 1; }"));

TEST(PtxFormTest, ModifiersBecomeFields) {
  Instruction load = instruction("ld.relaxed.gpu.global.cg.v2.b64 "
                                 "{%rd1, %rd2}, [%rd3+8];");
  EXPECT_EQ(load.opcode, Opcode::ld);
  EXPECT_EQ(load.semantics, Semantics::relaxed);
  EXPECT_EQ(load.scope, Scope::gpu);
  EXPECT_EQ(load.space, Space::global);
  EXPECT_EQ(load.cache, CacheOp::cg);
  EXPECT_EQ(load.vectorWidth, 2);
  EXPECT_EQ(load.type, Type::b64);
  EXPECT_EQ(load.destinations, 1);
  EXPECT_EQ(load.operandCount, 2);

  Instruction compare = instruction("setp.leu.or.ftz.f32 %p1, %r1, %r2, %p3;");
  EXPECT_EQ(compare.compare, Compare::leu);
  EXPECT_EQ(compare.mode2, Mode::bitOr);
  EXPECT_TRUE(compare.ftz);
  EXPECT_EQ(compare.operands[1].kind, OperandKind::none);
  EXPECT_EQ(compare.operandCount, 5);

  Instruction copy =
      instruction("cp.async.cg.shared.global [%r1], [%rd1], 16;");
  EXPECT_EQ(copy.space, Space::shared);
  EXPECT_EQ(copy.space2, Space::global);
  EXPECT_EQ(copy.operands[2].value, 16u);
  EXPECT_EQ(copy.operands[3].kind, OperandKind::none);

  Instruction mma = instruction(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%r1,%r2,%r3,%r4},"
      " {%r5,%r6,%r7,%r8}, {%r9,%r10}, {%r1,%r2,%r3,%r4};");
  EXPECT_EQ(mma.shape, Shape::m16n8k8);
  EXPECT_EQ(mma.type, Type::f32);
  EXPECT_EQ(mma.type2, Type::tf32);
  EXPECT_TRUE(mma.aligned);
  EXPECT_EQ(instruction("bar.sync 0;").aligned, true);
  EXPECT_EQ(instruction("barrier.sync 0;").aligned, false);
}

TEST(PtxFormTest, OptionalOperandsKeepTheirPlace) {
  Instruction reduce = instruction("bar.red.popc.u32 %r1, 0, !%p1;");
  EXPECT_EQ(reduce.operands[2].kind, OperandKind::none);
  EXPECT_EQ(reduce.operands[3].kind, OperandKind::reg);
  EXPECT_TRUE(reduce.operands[3].negated);
  Instruction add = instruction("atom.global.add.L2::cache_hint.u32 "
                                "%r1, [%rd1], 1, %rd2;");
  EXPECT_EQ(add.operands[3].kind, OperandKind::none);
  EXPECT_EQ(add.operands[4].index, 2u);
  Instruction shuffle = instruction("shfl.sync.idx.b32 %r1, %r2, 0, 31, -1;");
  EXPECT_EQ(shuffle.operands[1].kind, OperandKind::none);
  EXPECT_EQ(shuffle.operands[5].value, 0xffffffffu);
  EXPECT_EQ(shuffle.destinations, 2);
}

TEST(PtxFormTest, LiteralsAreBitsOfTheirWidth) {
  auto value = [](const char *line, int place) {
    return instruction(line).operands[size_t(place)].value;
  };
  EXPECT_EQ(value("add.s32 %r1, %r2, -1;", 2), 0xffffffffu);
  EXPECT_EQ(value("add.s64 %rd1, %rd2, -1;", 2), ~uint64_t(0));
  EXPECT_EQ(value("mov.b32 %r1, 0fBF800000;", 1), 0xbf800000u);
  EXPECT_EQ(value("add.f32 %r1, %r2, 1.5;", 2), 0x3fc00000u);
  EXPECT_EQ(value("add.f32 %r1, %r2, -1.5;", 2), 0xbfc00000u);
  EXPECT_EQ(value("add.f32 %r1, %r2, 0d3FF0000000000000;", 2), 0x3f800000u);
  EXPECT_EQ(value("add.f64 %rd1, %rd2, 0f3F800000;", 2), 0x3ff0000000000000u);
  EXPECT_EQ(value("mov.b32 %r1, 0xFFU;", 1), 255u);
  EXPECT_EQ(value("mov.b32 %r1, 010;", 1), 8u);
  EXPECT_EQ(value("mov.b32 %r1, 0b101;", 1), 5u);
  EXPECT_EQ(value("mov.pred %p1, 7;", 1), 1u);
  EXPECT_EQ(value("ld.global.b32 %r1, [%rd1+-8];", 1), uint64_t(-8));
}

} // namespace
