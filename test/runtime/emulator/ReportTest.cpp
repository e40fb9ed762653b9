//===- ReportTest.cpp - What a finding says -------------------------------===//
//
// Where it was, for how many threads, and nothing of what merely follows.
//
//===----------------------------------------------------------------------===//

#include "KernelRun.h"

namespace quipu::emulator {
namespace {

using testing::HasSubstr;

std::vector<uint32_t> zeros(size_t count) {
  return std::vector<uint32_t>(count, 0);
}

TEST(Report, namesTheNearestBuffer) {
  auto message = [](const std::string &access) {
    KernelRun run(access, 2);
    run.input("x", zeros(126));
    run.output("y", 100);
    run.launch();
    return run.finding(Check::outOfBounds);
  };
  EXPECT_THAT(message("ld.global.u32 %r1, [%rd0+-4];\n"),
              HasSubstr("4-byte load at 0xfffffffc, 4 bytes before buffer 'x' "
                        "(504 bytes)"));
  EXPECT_THAT(message("st.global.u32 [%rd1+-4096], %r0;\n"),
              HasSubstr("4096 bytes before buffer 'y' (100 bytes)"));
  EXPECT_THAT(message("st.global.u32 [%rd1+-4100], %r0;\n"),
              HasSubstr("bytes after the end of buffer 'x' (504 bytes)"));
  EXPECT_THAT(message("atom.global.add.u32 %r1, [%rd1+100], %r0;\n"),
              HasSubstr("4-byte atomic at 0x300000064, 0 bytes after the end "
                        "of buffer 'y' (100 bytes)"));
  EXPECT_THAT(message("ld.global.u64 %rd5, [%rd1+96];\n"),
              HasSubstr("8-byte load at 0x300000060, buffer 'y' + 96, beyond "
                        "its end (100 bytes)"));
}

TEST(Report, saysWhatAnAccessOfSharedMemoryWas) {
  for (auto [access, what] :
       {std::pair("ld.shared.u32 %r1, [dyn+64];\n", "4-byte load at"),
        std::pair("st.shared.v2.u32 [dyn+64], {%r0, %r0};\n",
                  "8-byte store at"),
        std::pair("red.shared.add.u32 [dyn+64], 1;\n", "4-byte atomic at"),
        std::pair("mbarrier.init.shared.b64 [dyn+64], 1;\n",
                  "8-byte mbarrier at"),
        std::pair("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r2}, [dyn+64];\n",
                  "16-byte load at"),
        std::pair("cp.async.ca.shared.global [dyn+64], [%rd0], 4;\n",
                  "4-byte store at")}) {
    KernelRun run(access, 1);
    run.input("x", zeros(1));
    run.launch(1, 32, 64);
    EXPECT_THAT(run.finding(Check::outOfBounds),
                HasSubstr(std::string(what) + " shared memory + 64, of which "
                                              "the block has 64 bytes"));
  }
}

} // namespace
} // namespace quipu::emulator
