//===- LanesBaseline.cpp - Lane functions on any x86-64 ===//
//
// All that differs between the levels is the flags of this file (see
// CMakeLists.txt). They reach no other code: what is included has internal
// linkage.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/lanes/Level.h"

const quipu::emulator::LaneSet &quipu::emulator::lanesBaseline() {
  static constexpr LaneSet level = makeLevel("x86-64");
  return level;
}
