//===- Level.h - One level's set of lane functions --------------*- C++ -*-===//
//
// Included by the source file of each level, which names itself and is compiled
// with that level's flags.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_LEVEL_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_LEVEL_H

#include "runtime/devices/emulator/lanes/Addresses.h"
#include "runtime/devices/emulator/lanes/Matrices.h"
#include "runtime/devices/emulator/lanes/SelectConversions.h"

namespace quipu::emulator {
namespace {

constexpr LaneSet makeLevel(const char *name) {
  return {name,       selectLane,   selectMatrix, selectSpread,
          selectPack, address<u32>, address<u64>, isStrided,
          range,      blend,        scan,         allEqual};
}

} // namespace
} // namespace quipu::emulator

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_LANES_LEVEL_H
