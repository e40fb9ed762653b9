//===- PtxModuleTest.cpp - What a PTX file declares -----------------------===//
//
// Parameters, variables, registers, scopes and functions: names become numbers
// and offsets.
//
//===----------------------------------------------------------------------===//

#include "test/runtime/emulator/PtxText.h"

using namespace quipu;
using namespace quipu::ptx;
using quipu::test::kernel;

namespace {

Module parse(std::string_view rest) {
  std::string text = ".version 8.6\n.target sm_90a\n.address_size 64\n";
  Result<Module> module = parseModule(text.append(rest), "k.ptx");
  EXPECT_TRUE(bool(module)) << (module ? "" : module.error().message);
  return module ? *std::move(module) : Module();
}

TEST(PtxModule, ReadsHeaderAndEntries) {
  Module module = parse("// .globl k\n"
                        ".visible .entry k(\n"
                        "  .param .u64 .ptr .global .align 16 k_param_0,\n"
                        "  .param .u32 k_param_1,\n"
                        "  .param .align 8 .b8 k_param_2[24]\n"
                        ")\n.maxntid 128, 2\n.minnctapersm 3\n{ ret; }\n"
                        ".entry none() .reqntid 32 { }\n");
  EXPECT_EQ(module.versionMajor, 8u);
  EXPECT_EQ(module.versionMinor, 6u);
  EXPECT_EQ(module.target, "sm_90a");
  EXPECT_EQ(module.smVersion, 90u);
  const Function *entry = module.entry("k");
  ASSERT_TRUE(entry);
  ASSERT_EQ(entry->parameters.size(), 3u);
  EXPECT_EQ(entry->parameters[1].offset, 8u);
  EXPECT_EQ(entry->parameters[2].offset, 16u);
  EXPECT_EQ(entry->paramBytes, 40u);
  EXPECT_EQ(entry->maxThreads->x, 128u);
  EXPECT_EQ(entry->maxThreads->y, 2u);
  EXPECT_EQ(entry->minBlocksPerMultiprocessor, 3u);
  EXPECT_EQ(entry->instructions[0].opcode, Opcode::exit);
  EXPECT_EQ(module.entry("none")->requiredThreads->x, 32u);
  EXPECT_EQ(module.entry("none")->instructions.size(), 1u);
  EXPECT_FALSE(module.entry("other"));
}

TEST(PtxModule, NumbersRegistersByClass) {
  Function function = kernel(".reg .f32 %f<3>; .reg .pred p, q;\n"
                             "mov.b32 %r39, %f2;\n"
                             "setp.eq.s32 q, %r1, 0;\n");
  EXPECT_EQ(function.registers[size_t(RegisterClass::b32)], 43u);
  const Instruction &move = function.instructions[0];
  EXPECT_EQ(move.operands[0].index, 39u);
  EXPECT_EQ(move.operands[1].index, 42u);
  EXPECT_EQ(function.instructions[1].operands[0].index, 5u);
  EXPECT_EQ(function.registerName(RegisterClass::b32, 42), "%f2");
  EXPECT_EQ(function.registerName(RegisterClass::b32, 7), "%r7");
  EXPECT_EQ(function.registerName(RegisterClass::pred, 5), "q");
}

TEST(PtxModule, InnerScopesHideOuterNames) {
  Function function = kernel("{ .reg .b32 x; .reg .pred %p;\n"
                             "  again: mov.b32 x, 1;\n"
                             "  @%p bra again; bra after; }\n"
                             "{ .reg .b32 x; again: mov.b32 x, 2;\n"
                             "  @%p1 bra again; }\n"
                             "after: ret;\n");
  EXPECT_EQ(function.instructions[0].operands[0].index, 40u);
  EXPECT_EQ(function.instructions[3].operands[0].index, 41u);
  EXPECT_EQ(function.instructions[1].operands[0].index, 0u);
  EXPECT_EQ(function.instructions[2].operands[0].index, 5u);
  EXPECT_EQ(function.instructions[4].operands[0].index, 3u);
}

TEST(PtxModule, PlacesSharedMemory) {
  Module module = parse(".shared .align 4 .b8 first[100];\n"
                        ".shared .align 16 .b8 unused[1000];\n"
                        ".extern .shared .align 128 .b8 dynamic[];\n"
                        ".entry k() {\n"
                        ".reg .b32 %r<3>; .reg .b64 %rd<3>;\n"
                        ".shared .align 16 .b8 own[64];\n"
                        "mov.b64 %rd1, dynamic+8;\n"
                        "ld.shared.b32 %r1, [first+4];\n"
                        "st.shared.b32 [own+8], %r1;\n"
                        "st.shared.b32 [dynamic+12], %r1; }\n");
  const Function &function = *module.entry("k");
  // own at 0, first at 64; what is not used takes no place.
  EXPECT_EQ(function.sharedBytes, 164u);
  EXPECT_TRUE(function.usesDynamicShared);
  EXPECT_EQ(function.dynamicSharedOffset, 256u);
  EXPECT_EQ(function.instructions[0].operands[1].value, 264u);
  EXPECT_EQ(function.instructions[0].operands[1].space, Space::shared);
  EXPECT_FALSE(function.instructions[0].operands[1].negated);
  EXPECT_EQ(function.instructions[1].operands[1].value, 68u);
  EXPECT_EQ(function.instructions[2].operands[0].value, 8u);
  EXPECT_EQ(function.instructions[3].operands[0].value, 268u);
}

TEST(PtxModule, ReadsInitialValues) {
  Module module =
      parse(".global .align 16 .b8 bytes[8] = {1, 0xFF, -1};\n"
            ".const .align 4 .f32 numbers[2] = {0f3F800000, 0.5};\n"
            ".global .u64 addresses[2] = {bytes+4, generic(numbers)};\n"
            ".global .align 4 .b8 text[] = {104, 105};\n"
            ".entry k() { .reg .b32 %r<2>; ld.global.b32 %r1, [bytes+4];\n"
            "ld.const.b32 %r1, [numbers]; }\n");
  ASSERT_EQ(module.variables.size(), 4u);
  EXPECT_EQ(module.variables[0].size, 8u);
  ASSERT_EQ(module.variables[0].initial.size(), 3u);
  EXPECT_EQ(module.variables[0].initial[2], std::byte(0xff));
  EXPECT_EQ(module.variables[1].initial[3], std::byte(0x3f));
  EXPECT_EQ(module.variables[1].space, Space::constant);
  ASSERT_EQ(module.variables[2].addresses.size(), 2u);
  EXPECT_EQ(module.variables[2].addresses[0].addend, 4);
  EXPECT_TRUE(module.variables[2].addresses[1].generic);
  EXPECT_EQ(module.variables[3].size, 2u);
  const Operand &operand = module.entry("k")->instructions[0].operands[1];
  EXPECT_EQ(operand.space, Space::global);
  EXPECT_EQ(operand.index, 0u);
  EXPECT_EQ(operand.value, 4u);
}

TEST(PtxModule, CallsPassPlacesOfParameters) {
  Module module = parse(
      ".func (.param .b32 r) f(.param .b32 x) {\n"
      ".reg .b32 %r<2>; ld.param.b32 %r1, [x]; st.param.b32 [r], %r1; ret; }\n"
      ".entry k(.param .u64 a) { .reg .b32 %r<2>;\n"
      "{ .param .b32 p0; .param .b32 r0;\n"
      "st.param.b32 [p0], %r1;\n"
      "call.uni (r0), f, (p0);\n"
      "ld.param.b32 %r1, [r0]; } }\n");
  const Function &function = *module.entry("k");
  const Instruction &call = function.instructions[1];
  EXPECT_EQ(call.opcode, Opcode::call);
  EXPECT_EQ(module.functions[call.operands[0].index].name, "f");
  EXPECT_EQ(function.elements[call.operands[1].index].value, 12u);
  EXPECT_EQ(function.elements[call.operands[2].index].value, 8u);
  EXPECT_EQ(function.paramBytes, 8u);
  EXPECT_EQ(function.paramBlockBytes, 16u);
  EXPECT_EQ(module.functions[0].returns, 1u);
  EXPECT_EQ(module.functions[0].instructions.back().opcode, Opcode::ret);
}

TEST(PtxModule, BranchTablesHoldInstructions) {
  Function function = kernel("$T: .branchtargets L1, L0;\n"
                             "brx.idx %r1, $T;\n"
                             "L0: bar.sync 0;\nL1: ret;\n");
  ASSERT_EQ(function.branchTables.size(), 1u);
  EXPECT_EQ(function.branchTables[0], (std::vector<uint32_t>{2, 1}));
  EXPECT_EQ(function.instructions[0].operands[1].index, 0u);
}

TEST(PtxModule, DebugInformationIsSkipped) {
  Module module = parse(".file 1 \"k.cu\"\n.entry k() {\n.loc 1 3 4\nret; }\n"
                        ".section .debug_str { .b8 1, 2\n .b64 x }\n");
  EXPECT_EQ(module.entry("k")->instructions[0].line, 7u);
}

} // namespace
