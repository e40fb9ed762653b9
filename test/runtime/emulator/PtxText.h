//===- PtxText.h - PTX for tests --------------------------------*- C++ -*-===//
//
// Puts a few lines of PTX into a kernel that declares enough to run them.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TEST_RUNTIME_EMULATOR_PTXTEXT_H
#define QUIPU_TEST_RUNTIME_EMULATOR_PTXTEXT_H

#include "runtime/devices/emulator/ptx/Module.h"

#include <gtest/gtest.h>

namespace quipu::test {

/// A module with the entry `k`, whose body begins in line 12.
inline std::string kernelText(std::string_view body) {
  return ".version 8.0\n.target sm_90a\n.address_size 64\n"
         ".visible .entry k(.param .u64 a, .param .u32 n)\n"
         "{\n"
         ".reg .pred %p<4>;\n"
         ".reg .b16 %rs<8>;\n"
         ".reg .b32 %r<40>;\n"
         ".reg .b64 %rd<8>;\n"
         ".shared .align 16 .b8 tile[256];\n"
         ".local .align 8 .b8 depot[64];\n" +
         std::string(body) + "\n}\n";
}

/// The message for `text`, or why the first function that is refused is; ""
/// where nothing is wrong.
inline std::string problemOf(std::string_view text) {
  Result<ptx::Module> module = ptx::parseModule(text, "k.ptx");
  if (!module)
    return module.error().message;
  for (const ptx::Function &function : module->functions)
    if (!function.refusal.empty())
      return function.refusal;
  return "";
}

/// The entry k with `body`; fails the test and is empty where that is wrong.
inline ptx::Function kernel(std::string_view body) {
  Result<ptx::Module> module = ptx::parseModule(kernelText(body), "k.ptx");
  EXPECT_TRUE(bool(module)) << (module ? "" : module.error().message);
  return module ? *module->entry("k") : ptx::Function();
}

/// The only instruction of `line`, in front of the exit.
inline ptx::Instruction instruction(std::string_view line) {
  ptx::Function function = kernel(line);
  EXPECT_EQ(function.instructions.size(), 2u) << line;
  return function.instructions.size() == 2 ? function.instructions.front()
                                           : ptx::Instruction();
}

} // namespace quipu::test

#endif // QUIPU_TEST_RUNTIME_EMULATOR_PTXTEXT_H
