//===- BestLanes.cpp - Chooses lane functions for this processor ----------===//
//
// __builtin_cpu_supports also asks whether the system saves the registers.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/lanes/Lanes.h"

const quipu::emulator::LaneSet &quipu::emulator::bestLanes() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
            __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
            __builtin_cpu_supports("f16c") && __builtin_cpu_supports("lzcnt") &&
            __builtin_cpu_supports("movbe");
  if (v3 && __builtin_cpu_supports("avx512f") &&
      __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512cd") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return lanesV4();
  if (v3)
    return lanesV3();
#endif
  return lanesBaseline();
}
