//===- CpuTargets.h - The CPU code levels that packages hold ----*- C++ -*-===//
//
// Names and required features of the CPU targets: what the compiler may assume
// and the runtime checks before it maps an image.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_PACKAGE_CPUTARGETS_H
#define QUIPU_RUNTIME_PACKAGE_CPUTARGETS_H

#include <span>
#include <string_view>

namespace quipu {

inline constexpr std::string_view cpuTargetPrefix = "cpu-";

/// Features by their names in /proc/cpuinfo; levels as in the x86-64 psABI.
inline constexpr std::string_view cpuFeaturesV3[] = {
    "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"};
inline constexpr std::string_view cpuFeaturesV4[] = {
    "avx",   "avx2",    "bmi1",     "bmi2",     "f16c",     "fma",     "abm",
    "movbe", "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"};
inline constexpr std::string_view cpuFeaturesV4Bf16[] = {
    "avx",      "avx2",     "bmi1",     "bmi2",        "f16c",
    "fma",      "abm",      "movbe",    "avx512f",     "avx512bw",
    "avx512cd", "avx512dq", "avx512vl", "avx512_vnni", "avx512_bf16"};

struct CpuTarget {
  std::string_view name; // as in Target::name
  std::span<const std::string_view> features;
};

/// From the least to the most demanding.
inline constexpr CpuTarget cpuTargets[] = {
    {"cpu-x86-64-v3", cpuFeaturesV3},
    {"cpu-x86-64-v4", cpuFeaturesV4},
    {"cpu-x86-64-v4-bf16", cpuFeaturesV4Bf16},
};

} // namespace quipu

#endif // QUIPU_RUNTIME_PACKAGE_CPUTARGETS_H
