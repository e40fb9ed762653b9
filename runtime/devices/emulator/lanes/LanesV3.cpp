//===- LanesV3.cpp - Lane functions with AVX2 and FMA ===//
//
// All that differs between the levels is the flags of this file (see
// CMakeLists.txt). They reach no other code: what is included has internal
// linkage.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/lanes/Level.h"

const quipu::emulator::LaneSet &quipu::emulator::lanesV3() {
  static constexpr LaneSet level = makeLevel("x86-64-v3");
  return level;
}
