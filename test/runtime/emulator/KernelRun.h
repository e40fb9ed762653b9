//===- KernelRun.h - Runs small kernels for tests ---------------*- C++ -*-===//
//
// Loads PTX text, gives it buffers, launches it and reads results back.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TEST_RUNTIME_EMULATOR_KERNELRUN_H
#define QUIPU_TEST_RUNTIME_EMULATOR_KERNELRUN_H

#include "runtime/devices/emulator/Emulator.h"

#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace quipu::emulator {

class KernelRun {
public:
  /// A kernel `k` with `parameters` .u64 parameters p0, p1, ... in registers
  /// %rd0, %rd1, ...; lane and thread number in %r0 (b32), and predicates %p,
  /// %r, %rd, %f (b32), %h (b16), %d (f64) to use. `functions` stand before it,
  /// from line 5 on.
  explicit KernelRun(const std::string &body, int parameters = 2,
                     const Options &options = {2},
                     const std::string &functions = "") {
    std::string text = ".version 8.0\n.target sm_90a\n.address_size 64\n"
                       ".extern .shared .align 16 .b8 dyn[];\n" +
                       functions + ".visible .entry k(";
    for (int n = 0; n < parameters; ++n)
      text += std::string(n ? ", " : "") + ".param .u64 p" + std::to_string(n);
    text += ")\n{\n.reg .pred %p<20>;\n.reg .b16 %h<40>;\n.reg .b32 %r<80>;\n"
            ".reg .f32 %f<80>;\n.reg .b64 %rd<40>;\n.reg .f64 %d<20>;\n";
    for (int n = 0; n < parameters; ++n)
      text += "ld.param.u64 %rd" + std::to_string(n) + ", [p" +
              std::to_string(n) + "];\n";
    text += "mov.u32 %r0, %tid.x;\n" + body + "\nret;\n}\n";
    auto loaded = Emulator::load(text, "k.ptx", options);
    if (!loaded) {
      ADD_FAILURE() << loaded.error().message;
      return;
    }
    emulator = std::move(*loaded);
  }

  template <typename T>
  void input(const std::string &name, const std::vector<T> &values,
             bool writable = false) {
    uint64_t bytes = values.size() * sizeof(T);
    addresses.push_back(
        *emulator->addBuffer({name, bytes, writable, true, nullptr}));
    std::memcpy(emulator->view(addresses.back(), bytes).data(), values.data(),
                bytes);
  }
  void output(const std::string &name, uint64_t bytes) {
    addresses.push_back(
        *emulator->addBuffer({name, bytes, true, false, nullptr}));
  }

  const LaunchReport &launch(uint32_t grid = 1, uint32_t block = 32,
                             uint32_t shared = 0) {
    auto ran =
        emulator->launch("k", {{grid}, {block}, shared},
                         std::as_bytes(std::span<const uint64_t>(addresses)));
    if (ran)
      report = *ran;
    else
      ADD_FAILURE() << ran.error().message;
    return report;
  }
  /// As launch(), where nothing may be found wrong.
  void launchClean(uint32_t grid = 1, uint32_t block = 32,
                   uint32_t shared = 0) {
    for (const Report &found : launch(grid, block, shared).reports)
      ADD_FAILURE() << found.message;
  }
  /// The first finding of this kind, of which there must be one.
  std::string finding(Check check) const {
    for (const Report &found : report.reports)
      if (found.check == check)
        return found.message;
    ADD_FAILURE() << "not found: " << name(check);
    for (const Report &found : report.reports)
      ADD_FAILURE() << "but found: " << found.message;
    return "";
  }

  template <typename T> std::vector<T> values(int buffer, size_t count) {
    std::vector<T> result(count);
    std::memcpy(result.data(),
                emulator->view(addresses[buffer], count * sizeof(T)).data(),
                count * sizeof(T));
    return result;
  }

  std::unique_ptr<Emulator> emulator;
  std::vector<uint64_t> addresses;
  LaunchReport report;
};

/// %rd<to> = %rd<base> + thread * bytes.
inline std::string indexed(int to, int base, int bytes) {
  return "mad.wide.u32 %rd" + std::to_string(to) + ", %r0, " +
         std::to_string(bytes) + ", %rd" + std::to_string(base) + ";\n";
}

} // namespace quipu::emulator

#endif // QUIPU_TEST_RUNTIME_EMULATOR_KERNELRUN_H
