//===- CallTest.cpp - Kernels that call device functions ------------------===//
//
// Calls as nvcc prints them, run and compared with the same computed here; and
// what of a file can run where something in it cannot.
//
//===----------------------------------------------------------------------===//

#include "KernelRun.h"

using namespace quipu;
using namespace quipu::emulator;
using testing::HasSubstr;

namespace {

/// `%r<to>` = name(%r<from>), as nvcc prints it.
std::string call(const std::string &name, int to, int from,
                 const std::string &guard = "") {
  return "{\n.param .b32 param0;\nst.param.b32 [param0+0], %r" +
         std::to_string(from) + ";\n.param .b32 retval0;\n" + guard +
         "call.uni (retval0),\n" + name + ",\n(\nparam0\n);\nld.param.b32 %r" +
         std::to_string(to) + ", [retval0+0];\n}\n";
}

/// A function of one .b32 `x` with registers %r and %p; `body` leaves its
/// result in %r0 and ends, or branches to DONE.
std::string function(const std::string &name, const std::string &body) {
  return ".func (.param .b32 result) " + name +
         "(.param .b32 x)\n{\n.reg .b32 %r<20>;\n.reg .b64 %rd<8>;\n"
         ".reg .pred %p<4>;\nld.param.u32 %r1, [x];\n" +
         body + "DONE:\nst.param.b32 [result+0], %r0;\nret;\n}\n";
}

/// The u32 of each of 32 threads: %r10 after `body`.
std::vector<uint32_t> results(const std::string &functions,
                              const std::string &body) {
  KernelRun run(body + indexed(10, 0, 4) + "st.global.u32 [%rd10], %r10;\n", 1,
                {2}, functions);
  run.output("y", 32 * 4);
  run.launchClean();
  return run.values<uint32_t>(0, 32);
}

TEST(Calls, nestAndReturn) {
  // The Collatz steps of x + 1, in a loop that lanes leave one by one.
  std::string functions =
      function("next", "and.b32 %r2, %r1, 1;\nsetp.eq.u32 %p1, %r2, 0;\n"
                       "shr.u32 %r0, %r1, 1;\n@%p1 bra DONE;\n"
                       "mad.lo.u32 %r0, %r1, 3, 1;\n") +
      function("steps", "mov.u32 %r0, 0;\nadd.u32 %r3, %r1, 1;\nLOOP:\n"
                        "setp.eq.u32 %p1, %r3, 1;\n@%p1 bra DONE;\n"
                        "add.u32 %r0, %r0, 1;\n" +
                            call("next", 3, 3) + "bra LOOP;\n");
  std::vector<uint32_t> found = results(functions, call("steps", 10, 0));
  for (uint32_t lane = 0; lane < 32; ++lane) {
    uint32_t steps = 0;
    for (uint32_t x = lane + 1; x != 1; ++steps)
      x = x % 2 ? 3 * x + 1 : x / 2;
    EXPECT_EQ(found[lane], steps) << lane;
  }
}

TEST(Calls, areGuardedAndReturnEarly) {
  // Lanes below 8 do not call; lanes from 20 leave by a guarded ret.
  std::string functions = function(
      "f", "mov.u32 %r0, 100;\nst.param.b32 [result+0], %r0;\n"
           "setp.ge.u32 %p2, %r1, 20;\n@%p2 ret;\nmul.lo.u32 %r0, %r1, %r1;\n");
  std::string body =
      "setp.lt.u32 %p1, %r0, 8;\n{\n.param .b32 param0;\n.param .b32 ret0;\n"
      "st.param.b32 [param0], %r0;\nst.param.b32 [ret0], 7;\n"
      "@!%p1 call (ret0), f, (param0);\nld.param.b32 %r10, [ret0];\n}\n";
  std::vector<uint32_t> found = results(functions, body);
  for (uint32_t lane = 0; lane < 32; ++lane)
    EXPECT_EQ(found[lane], lane < 8 ? 7 : lane < 20 ? lane * lane : 100);
}

TEST(Calls, ofDivergentLanesKeepTheirRegisters) {
  // Both sides call the same function, whose registers are the same.
  std::string functions =
      function("g", "mul.lo.u32 %r5, %r1, 5;\nadd.u32 %r0, %r5, 1;\n") +
      function("f", "add.u32 %r7, %r1, 1000;\n" + call("g", 8, 1) +
                        "add.u32 %r0, %r7, %r8;\n");
  std::string body = "and.b32 %r1, %r0, 1;\nsetp.eq.u32 %p1, %r1, 0;\n"
                     "mov.u32 %r2, 3;\n@%p1 bra EVEN;\n" +
                     call("f", 10, 0) + "bra OUT;\nEVEN:\n" + call("f", 11, 2) +
                     call("f", 12, 0) + "sub.u32 %r10, %r11, %r12;\nOUT:\n";
  std::vector<uint32_t> found = results(functions, body);
  auto f = [](uint32_t x) { return x + 1000 + x * 5 + 1; };
  for (uint32_t lane = 0; lane < 32; ++lane)
    EXPECT_EQ(found[lane], lane % 2 ? f(lane) : f(3) - f(lane));
}

TEST(Calls, haveLocalMemoryOfTheirOwn) {
  // A struct by value whose address the callee takes, beside both depots.
  std::string functions =
      ".func (.param .b32 result) pick(.param .align 8 .b8 s[24],"
      " .param .b32 i)\n{\n.local .align 16 .b8 depot[16];\n.reg .b32 %r<8>;\n"
      ".reg .b64 %rd<8>;\nld.param.u32 %r1, [i];\nmov.u64 %rd1, depot;\n"
      "st.local.u32 [%rd1+4], %r1;\nmov.b64 %rd2, s;\n"
      "mad.wide.u32 %rd3, %r1, 4, %rd2;\nld.param.u32 %r2, [%rd3];\n"
      "ld.param.u32 %r3, [s+20];\nadd.u32 %r2, %r2, %r3;\n"
      "st.param.b32 [result], %r2;\nret;\n}\n";
  std::string body = ".local .align 16 .b8 mine[16];\nmov.u64 %rd1, mine;\n"
                     "st.local.u32 [%rd1+4], %r0;\nand.b32 %r1, %r0, 3;\n"
                     "{\n.param .align 8 .b8 s0[24];\n.param .b32 i0;\n"
                     ".param .b32 ret0;\nst.param.b32 [i0], %r1;\n";
  for (int n = 0; n < 6; ++n)
    body += "st.param.b32 [s0+" + std::to_string(4 * n) + "], " +
            std::to_string(100 * n) + ";\n";
  body += "call (ret0), pick, (s0, i0);\nld.param.b32 %r2, [ret0];\n}\n"
          "ld.local.u32 %r3, [%rd1+4];\nadd.u32 %r10, %r2, %r3;\n";
  std::vector<uint32_t> found = results(functions, body);
  for (uint32_t lane = 0; lane < 32; ++lane)
    EXPECT_EQ(found[lane], lane % 4 * 100 + 500 + lane);
}

TEST(Calls, shareTheModulesSharedMemory) {
  // `both` is one variable, `own` another; `dyn` begins behind all three.
  std::string functions =
      ".shared .align 4 .b8 both[128];\n" +
      function("f", ".shared .align 4 .b8 own[128];\nmov.u64 %rd1, own;\n"
                    "mad.wide.u32 %rd1, %r1, 4, %rd1;\nst.shared.u32 [%rd1], 9;"
                    "\nmov.u64 %rd1, both;\nmad.wide.u32 %rd1, %r1, 4, %rd1;\n"
                    "ld.shared.u32 %r2, [%rd1];\nmov.u64 %rd1, dyn;\n"
                    "mad.wide.u32 %rd1, %r1, 4, %rd1;\n"
                    "ld.shared.u32 %r3, [%rd1];\nadd.u32 %r0, %r2, %r3;\n");
  std::string body = ".shared .align 4 .b8 mine[128];\n"
                     "mov.u64 %rd1, mine;\nmad.wide.u32 %rd1, %r0, 4, %rd1;\n"
                     "st.shared.u32 [%rd1], 5;\nmov.u64 %rd2, both;\n"
                     "mad.wide.u32 %rd2, %r0, 4, %rd2;\n"
                     "st.shared.u32 [%rd2], %r0;\nmov.u64 %rd3, dyn;\n"
                     "mad.wide.u32 %rd3, %r0, 4, %rd3;\n"
                     "st.shared.u32 [%rd3], 1000;\n" +
                     call("f", 1, 0) +
                     "ld.shared.u32 %r2, [%rd1];\nadd.u32 %r10, %r1, %r2;\n" +
                     indexed(10, 0, 4) + "st.global.u32 [%rd10], %r10;\n";
  KernelRun run(body, 1, {2}, functions);
  run.output("y", 32 * 4);
  run.launchClean(1, 32, 128);
  EXPECT_EQ((*run.emulator->ready("k"))->sharedBytes, 3 * 128u);
  for (uint32_t lane = 0; lane < 32; ++lane)
    EXPECT_EQ(run.values<uint32_t>(0, 32)[lane], lane + 1000 + 5);
}

TEST(Calls, mayBranchByTable) {
  std::string functions =
      function("f", "mov.u32 %r0, 1;\nand.b32 %r2, %r1, 1;\n"
                    "T: .branchtargets DONE, ADD;\nbrx.idx %r2, T;\nADD:\n"
                    "add.u32 %r0, %r1, 50;\n");
  std::vector<uint32_t> found = results(
      functions, call("f", 1, 0) + call("f", 2, 1) + "add.u32 %r10, %r1, %r2;");
  for (uint32_t lane = 0; lane < 32; ++lane) {
    uint32_t once = lane % 2 ? lane + 50 : 1;
    EXPECT_EQ(found[lane], once + (once % 2 ? once + 50 : 1));
  }
}

TEST(Calls, findingsNameTheLineInTheFunction) {
  // The load is in line 11.
  KernelRun run(call("f", 10, 0), 1, {2},
                function("f", "ld.global.u32 %r0, [16];\n"));
  run.output("y", 4);
  run.launch();
  EXPECT_THAT(run.finding(Check::outOfBounds), HasSubstr("kernel k, k.ptx:11"));
}

TEST(Calls, ofAssertfailAndVprintf) {
  std::string functions =
      ".extern .func (.param .b32 r) vprintf(.param .b64 a, .param .b64 b);\n"
      ".extern .func __assertfail(.param .b64 a, .param .b64 b, .param .b32 c, "
      ".param .b64 d, .param .b64 e);\n"
      ".global .align 1 .b8 what[4] = {120, 62, 48};\n"
      ".global .align 1 .b8 where[5] = {107, 46, 99, 117};\n";
  std::string print =
      "{\n.param .b64 a;\n.param .b64 b;\n.param .b32 r;\n"
      "st.param.b64 [a], %rd0;\nst.param.b64 [b], %rd0;\n"
      "call (r), vprintf, (a, b);\nld.param.b32 %r10, [r];\n}\n";
  std::string assertion =
      "setp.ne.u32 %p1, %r0, 5;\n@%p1 bra FINE;\n"
      "mov.u64 %rd1, what;\nmov.u64 %rd2, where;\n{\n.param .b64 a;\n"
      ".param .b64 b;\n.param .b32 c;\n.param .b64 d;\n.param .b64 e;\n"
      "st.param.b64 [a], %rd1;\nst.param.b64 [b], %rd2;\n"
      "st.param.b32 [c], 14;\nst.param.b64 [d], %rd1;\nst.param.b64 [e], 1;\n"
      "call __assertfail, (a, b, c, d, e);\n}\nFINE:\n";
  EXPECT_EQ(results(functions, print), std::vector<uint32_t>(32, 0));
  KernelRun run(assertion, 1, {2}, functions);
  run.output("y", 4);
  run.launch();
  EXPECT_THAT(run.finding(Check::trap),
              HasSubstr("thread 5: trap: assertion failed: x>0, k.cu:14"));
}

/// Why kernel k of a file with `functions` and a call of f cannot run.
std::string refusal(const std::string &functions,
                    const std::string &body = call("f", 10, 0)) {
  KernelRun run(body, 0, {2}, functions + ".entry fine() { ret; }\n");
  if (!run.emulator)
    return "";
  EXPECT_TRUE(bool(run.emulator->launch("fine", {}, {})));
  auto ready = run.emulator->ready("k");
  auto ran = run.emulator->launch("k", {}, {});
  EXPECT_EQ(bool(ready), bool(ran));
  if (ready)
    return "";
  EXPECT_EQ(ran.error().message, "kernel 'k': " + ready.error().message);
  return ready.error().message;
}

TEST(Refusals, nameWhatCannotBeCalled) {
  EXPECT_EQ(refusal(function("f", call("f", 0, 1))),
            "k.ptx:15: a recursive call of 'f' is not emulated: write it as a "
            "loop");
  EXPECT_EQ(refusal(".func (.param .b32 r) g(.param .b32 x);\n" +
                    function("f", call("g", 0, 1)) +
                    function("g", call("f", 0, 1))),
            "k.ptx:37: a recursive call of 'f' is not emulated: write it as a "
            "loop");
  EXPECT_EQ(refusal(".extern .func (.param .b32 r) f(.param .b32 x);\n"),
            "k.ptx:20: 'f' is called, which has no body in this file: link it "
            "into the file, or define it");
  EXPECT_EQ(refusal("", "{\n.param .b32 p;\ncall (p), %rd1, (p), proto;\n"
                        "proto: .callprototype (.param .b32 _) _ (.param .b32 "
                        "_);\n}"),
            "k.ptx:17: an indirect call, through '%rd1', is not emulated: call "
            "the function by its name");
  EXPECT_EQ(refusal(".func f() { ret; }\n", "mov.u64 %rd1, f;"),
            "k.ptx:16: the address of the function 'f' is taken, and indirect "
            "calls are not emulated: call it by its name");
}

TEST(Refusals, nameInstructionsInFunctions) {
  EXPECT_EQ(refusal(function("f", "wgmma.fence.sync.aligned;\n")),
            "k.ptx:11: unknown instruction 'wgmma.fence.sync.aligned': compile "
            "for sm_90 without 'a', or use mma.sync, in 'f', which line 30 "
            "calls");
  EXPECT_EQ(refusal("", "tex.1d.v4.f32.s32 {%f1, %f2, %f3, %f4}, [%rd1, "
                        "{%r1}];"),
            "k.ptx:15: unknown instruction 'tex.1d.v4.f32.s32': read a buffer "
            "with ld.global");
  EXPECT_EQ(refusal("", "movmatrix.sync.aligned.m8n8.trans.b16 %r1, %r2;"),
            "k.ptx:15: 'movmatrix.sync.aligned.m8n8.trans.b16' is not "
            "emulated");
  EXPECT_EQ(
      refusal(".extern .global .u32 away;\n", "ld.global.u32 %r1, [away];"),
      "k.ptx:16: variable 'away' is defined nowhere");
  EXPECT_EQ(refusal(function("f", "")), "");
}

TEST(Calls, ofManyKernelsTakeNoMoreMemoryThanOfSome) {
  // Programs that are let go are made again.
  std::string functions = function("f0", "add.u32 %r0, %r1, 1;\n");
  for (int n = 1; n < 15; ++n) {
    std::string before = "f" + std::to_string(n - 1);
    functions += function("f" + std::to_string(n),
                          call(before, 0, 1) + call(before, 0, 0));
  }
  for (int n = 0; n < 4; ++n)
    functions += ".entry k" + std::to_string(n) +
                 "()\n{\n.reg .b32 %r<20>;\nmov.u32 %r0, 0;\n" +
                 call("f14", 10, 0) + "ret;\n}\n";
  KernelRun run(call("f14", 10, 0) + indexed(10, 0, 4) +
                    "st.global.u32 [%rd10], %r10;\n",
                1, {2}, functions);
  run.output("y", 32 * 4);
  size_t instructions = (*run.emulator->ready("k"))->instructions.size();
  EXPECT_GT(instructions, 100000u);
  run.launchClean();
  for (int n = 0; n < 4; ++n)
    EXPECT_TRUE(bool(run.emulator->ready("k" + std::to_string(n))));
  run.launchClean();
  EXPECT_EQ((*run.emulator->ready("k"))->instructions.size(), instructions);
  EXPECT_EQ(run.values<uint32_t>(0, 32)[5], 5u + (1u << 14));
}

TEST(Refusals, boundWhatCallsComeTo) {
  // f0 is called by f1 twice, which f2 calls twice, ...
  std::string functions = function("f0", "mov.u32 %r0, 1;\n");
  for (int n = 1; n < 40; ++n) {
    std::string before = "f" + std::to_string(n - 1);
    functions += function("f" + std::to_string(n),
                          call(before, 0, 1) + call(before, 0, 1));
  }
  EXPECT_THAT(refusal(functions, call("f39", 10, 0)),
              HasSubstr("kernel 'k' has more than 262144 instructions: call "
                        "fewer functions, or let the compiler inline fewer"));
  functions = function("f0", "mov.u32 %r0, 1;\n");
  for (int n = 1; n < 80; ++n)
    functions += function("f" + std::to_string(n),
                          call("f" + std::to_string(n - 1), 0, 1));
  EXPECT_THAT(refusal(functions, call("f79", 10, 0)),
              HasSubstr("calls are nested more than 64 deep"));
}

} // namespace
