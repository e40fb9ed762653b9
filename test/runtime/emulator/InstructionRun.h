//===- InstructionRun.h - Runs one instruction ------------------*- C++ -*-===//
//
// Gives an instruction a row of 32 values for each operand and returns its row
// of results.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TEST_RUNTIME_EMULATOR_INSTRUCTIONRUN_H
#define QUIPU_TEST_RUNTIME_EMULATOR_INSTRUCTIONRUN_H

#include "KernelRun.h"

namespace quipu::emulator {

template <typename T> const char *wordType() {
  return sizeof(T) == 2 ? "b16" : sizeof(T) == 4 ? "b32" : "b64";
}
template <typename T> std::string registerOf(int n) {
  const char *prefix = sizeof(T) == 2 ? "%h" : sizeof(T) == 4 ? "%r" : "%rd";
  return prefix + std::to_string(20 + n);
}
template <typename T>
std::string transfer(const char *what, int n, int buffer, bool isStore) {
  std::string at = "[%rd" + std::to_string(10 + buffer) + "]";
  std::string reg = registerOf<T>(n);
  return indexed(10 + buffer, buffer, sizeof(T)) + what + ".global." +
         wordType<T>() + " " + (isStore ? at + ", " + reg : reg + ", " + at) +
         ";\n";
}

/// Runs `text`, in which $d, $a, $b and $c stand for registers.
template <typename D, typename A, typename B, typename C>
std::vector<D> run(std::string text, const std::vector<A> &a,
                   const std::vector<B> &b, const std::vector<C> &c) {
  auto replace = [&](const std::string &from, const std::string &to) {
    for (size_t at; (at = text.find(from)) != std::string::npos;)
      text.replace(at, 2, to);
  };
  replace("$d", registerOf<D>(0));
  replace("$a", registerOf<A>(1));
  replace("$b", registerOf<B>(2));
  replace("$c", registerOf<C>(3));
  KernelRun kernel(transfer<A>("ld", 1, 0, false) +
                       transfer<B>("ld", 2, 1, false) +
                       transfer<C>("ld", 3, 2, false) + text + "\n" +
                       transfer<D>("st", 0, 3, true),
                   4);
  kernel.input("a", a);
  kernel.input("b", b);
  kernel.input("c", c);
  kernel.output("d", 32 * sizeof(D));
  kernel.launchClean();
  return kernel.values<D>(3, 32);
}

} // namespace quipu::emulator

#endif // QUIPU_TEST_RUNTIME_EMULATOR_INSTRUCTIONRUN_H
