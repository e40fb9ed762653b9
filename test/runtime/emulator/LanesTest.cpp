//===- LanesTest.cpp - All levels compute the same ------------------------===//
//
// Every lane function that exists, on the same rows of bits, at each level of
// the instruction set that this processor has.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/lanes/Lanes.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <vector>

namespace quipu::emulator {
namespace {

using ptx::Instruction;
using ptx::Opcode;
using ptx::Type;

struct Rows {
  alignas(64) uint8_t bytes[5][laneCount * 8];
};

/// Small numbers, wild bits, and floats of middling size.
Rows makeRows(uint32_t seed) {
  std::mt19937 random(seed);
  Rows rows;
  for (auto &row : rows.bytes)
    for (int lane = 0; lane < laneCount; ++lane) {
      uint64_t bits = uint64_t(random()) << 32 | random();
      if (seed % 3 == 1)
        bits &= 63;
      float one = float(int(random() % 2000) - 1000) / 64;
      uint32_t pattern;
      std::memcpy(&pattern, &one, 4);
      if (seed % 3 == 2) // one f32, or two bf16, the upper of which is it
        bits = uint64_t(pattern) << 32 | pattern;
      std::memcpy(row + lane * 8, &bits, 8);
    }
  return rows;
}

/// NaNs that differ in sign or payload are the same result.
void forgetNans(Type type, uint8_t *row) {
  for (int i = 0; i < laneCount * 8; i += 4) {
    float value;
    std::memcpy(&value, row + i, 4);
    if (type == Type::f32 && std::isnan(value))
      std::memset(row + i, 0xff, 4);
  }
  for (int i = 0; i < laneCount * 8; i += 8) {
    double value;
    std::memcpy(&value, row + i, 8);
    if (type == Type::f64 && std::isnan(value))
      std::memset(row + i, 0xff, 8);
  }
}

void compareLevels(const Instruction &instruction, const LaneSet &other,
                   int &compared) {
  LaneFunction baseline = lanesBaseline().select(instruction);
  LaneFunction better = other.select(instruction);
  ASSERT_EQ(!baseline, !better);
  if (!baseline)
    return;
  ++compared;
  for (uint32_t seed = 0; seed < 6; ++seed) {
    Rows a = makeRows(seed), b = a;
    baseline(a.bytes[0], a.bytes[1], a.bytes[2], a.bytes[3], a.bytes[4]);
    better(b.bytes[0], b.bytes[1], b.bytes[2], b.bytes[3], b.bytes[4]);
    forgetNans(instruction.type, a.bytes[0]);
    forgetNans(instruction.type, b.bytes[0]);
    EXPECT_EQ(std::memcmp(&a, &b, sizeof a), 0)
        << other.name << ": opcode " << int(instruction.opcode) << ", types "
        << int(instruction.type) << " and " << int(instruction.type2)
        << ", rounding " << int(instruction.rounding) << ", rows " << seed;
  }
}

std::vector<const LaneSet *> betterLevels() {
  std::string best = bestLanes().name;
  std::vector<const LaneSet *> levels;
  if (best != "x86-64")
    levels.push_back(&lanesV3());
  if (best == "x86-64-v4")
    levels.push_back(&lanesV4());
  return levels;
}

TEST(Lanes, agreeOnArithmetic) {
  int compared = 0;
  for (const LaneSet *level : betterLevels())
    for (int opcode = 0; opcode <= int(Opcode::prmt); ++opcode)
      for (int type = int(Type::pred); type <= int(Type::f64); ++type)
        for (auto mode : {ptx::Mode::none, ptx::Mode::lo, ptx::Mode::hi,
                          ptx::Mode::wide, ptx::Mode::left}) {
          Instruction instruction;
          instruction.opcode = Opcode(opcode);
          instruction.type = instruction.type2 = Type(type);
          instruction.mode = mode;
          instruction.compare = ptx::Compare::lt;
          compareLevels(instruction, *level, compared);
        }
  EXPECT_TRUE(betterLevels().empty() || compared > 300) << compared;
}

TEST(Lanes, agreeOnConversions) {
  using ptx::Rounding;
  int compared = 0;
  for (const LaneSet *level : betterLevels())
    for (int to = int(Type::u8); to <= int(Type::f64); ++to)
      for (int from = int(Type::u8); from <= int(Type::f64); ++from)
        for (Rounding rounding :
             {Rounding::none, Rounding::rz, Rounding::rni, Rounding::rzi})
          for (bool sat : {false, true}) {
            Instruction instruction;
            instruction.opcode = Opcode::cvt;
            instruction.type = Type(to);
            instruction.type2 = Type(from);
            instruction.rounding = rounding;
            instruction.sat = sat;
            compareLevels(instruction, *level, compared);
          }
  EXPECT_TRUE(betterLevels().empty() || compared > 500) << compared;
}

TEST(Lanes, agreeOnMatrices) {
  Instruction mma;
  mma.opcode = Opcode::mma;
  mma.type = mma.type4 = Type::f32;
  mma.type2 = mma.type3 = Type::bf16;
  mma.shape = ptx::Shape::m16n8k16;
  Rows rows = makeRows(2);
  uint32_t *a[4], *b[2], *c[4];
  for (int r = 0; r < 4; ++r) {
    a[r] = reinterpret_cast<uint32_t *>(rows.bytes[r]);
    c[r] = reinterpret_cast<uint32_t *>(rows.bytes[4 - r]);
  }
  b[0] = a[3];
  b[1] = a[1];
  uint32_t expected[4][laneCount], found[4][laneCount];
  uint32_t *to[] = {expected[0], expected[1], expected[2], expected[3]};
  lanesBaseline().selectMatrix(mma)(to, a, b, c);
  for (const LaneSet *level : betterLevels()) {
    uint32_t *other[] = {found[0], found[1], found[2], found[3]};
    level->selectMatrix(mma)(other, a, b, c);
    EXPECT_EQ(std::memcmp(expected, found, sizeof found), 0) << level->name;
  }
}

} // namespace
} // namespace quipu::emulator
