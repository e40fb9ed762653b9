//===- CpuFeatures.cpp - What this processor can run ----------------------===//
//
// cpuid bits (Intel SDM volume 2, CPUID) joined with the register state that
// the operating system saves (XCR0).
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cpu/CpuFeatures.h"

#include "runtime/package/CpuTargets.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace quipu {
namespace {

enum Register { eax, ebx, ecx, edx };

struct FeatureBit {
  std::string_view name;
  unsigned leaf, subleaf;
  Register reg;
  unsigned bit;
  uint64_t state; // XCR0 bits that must be set
};

constexpr uint64_t ymmState = 0x6, zmmState = 0xe6;

constexpr FeatureBit featureBits[] = {
    {"fma", 1, 0, ecx, 12, ymmState},
    {"movbe", 1, 0, ecx, 22, 0},
    {"avx", 1, 0, ecx, 28, ymmState},
    {"f16c", 1, 0, ecx, 29, ymmState},
    {"bmi1", 7, 0, ebx, 3, 0},
    {"avx2", 7, 0, ebx, 5, ymmState},
    {"bmi2", 7, 0, ebx, 8, 0},
    {"avx512f", 7, 0, ebx, 16, zmmState},
    {"avx512dq", 7, 0, ebx, 17, zmmState},
    {"avx512cd", 7, 0, ebx, 28, zmmState},
    {"avx512bw", 7, 0, ebx, 30, zmmState},
    {"avx512vl", 7, 0, ebx, 31, zmmState},
    {"avx512_vnni", 7, 0, ecx, 11, zmmState},
    {"avx_vnni", 7, 1, eax, 4, ymmState},
    {"avx512_bf16", 7, 1, eax, 5, zmmState},
    {"abm", 0x80000001, 0, ecx, 5, 0},
};

} // namespace

std::set<std::string, std::less<>> cpuFeatures() {
  std::set<std::string, std::less<>> features;
#if defined(__x86_64__)
  unsigned words[4] = {};
  uint64_t state = 0;
  if (__get_cpuid(1, &words[eax], &words[ebx], &words[ecx], &words[edx]) &&
      (words[ecx] & (1u << 27))) { // OSXSAVE: xgetbv may be used
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    state = uint64_t(high) << 32 | low;
  }
  for (const FeatureBit &feature : featureBits)
    if (__get_cpuid_count(feature.leaf, feature.subleaf, &words[eax],
                          &words[ebx], &words[ecx], &words[edx]) &&
        (words[feature.reg] >> feature.bit & 1) &&
        (state & feature.state) == feature.state)
      features.insert(std::string(feature.name));
#endif
  return features;
}

Result<int64_t>
chooseCpuTarget(const std::vector<Target> &targets,
                const std::set<std::string, std::less<>> &available,
                std::string_view wanted) {
  int64_t best = -1;
  std::string names, missing;
  for (size_t i = 0; i < targets.size(); ++i) {
    std::string_view name = targets[i].name;
    if (!name.starts_with(cpuTargetPrefix))
      continue;
    names += (names.empty() ? "" : ", ") + std::string(name);
    if (!wanted.empty() && name != wanted &&
        name.substr(cpuTargetPrefix.size()) != wanted)
      continue;
    bool runs = true;
    for (const std::string &feature : targets[i].features)
      if (!available.contains(feature)) {
        runs = false;
        missing += " " + feature;
      }
    if (runs && (best < 0 ||
                 targets[i].features.size() >= targets[best].features.size()))
      best = static_cast<int64_t>(i);
  }
  if (best >= 0)
    return best;
  if (names.empty())
    return Error{"the package has no code for a CPU"};
  if (missing.empty())
    return Error{"the package has no target '" + std::string(wanted) +
                 "'; it has " + names};
  return Error{"this processor cannot run " +
               (wanted.empty() ? names : std::string(wanted)) + ": it lacks" +
               missing};
}

Result<std::string> hostCpuTarget(std::string_view wanted) {
  std::vector<Target> known;
  for (const CpuTarget &target : cpuTargets) {
    Target &each = known.emplace_back();
    each.name = target.name;
    each.features.assign(target.features.begin(), target.features.end());
  }
  Result<int64_t> index = chooseCpuTarget(known, cpuFeatures(), wanted);
  if (!index)
    return index.error();
  return known[*index].name;
}

} // namespace quipu
