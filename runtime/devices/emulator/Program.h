//===- Program.h - A kernel made ready to run -------------------*- C++ -*-===//
//
// Instructions become Ops: a handler to call and the places of operands in a
// warp's register file, in which constants and special registers have rows too.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_PROGRAM_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_PROGRAM_H

#include "runtime/devices/emulator/Counters.h"
#include "runtime/devices/emulator/lanes/Lanes.h"
#include "runtime/devices/emulator/ptx/Module.h"

#include <map>
#include <memory>
#include <span>

namespace quipu::emulator {

struct Op;
struct Warp;

/// What a warp does after an Op. `jump`: `pc` was set; `wait`: at a barrier,
/// to go on behind it; `again`: to try the same Op again later.
enum class Flow : uint8_t { next, jump, wait, again, done };
using Handler = Flow (*)(Warp &warp, const Op &op, uint32_t mask);

/// A row of the register file. A row of elements of `bytes`; 0: a predicate,
/// which is one u32.
struct Row {
  uint32_t offset = 0; // bytes into the register file; 0: a row of zeros
  uint32_t slot = 0;   // of its definedness; 0: always defined
  uint8_t bytes = 4;
};

/// How definedness goes through an instruction, where it is not that any
/// undefined byte makes all of the result undefined.
enum class Taint : uint8_t { whole, copy, logic, shift, choose, halves, bytes };

struct Op {
  Handler run = nullptr;
  LaneFunction lanes = nullptr;
  const ptx::Instruction *instruction = nullptr;
  Row d, a, b, c, e;
  Row guard;
  bool hasGuard = false, guardNegated = false;
  bool negateC = false; // the predicate in c
  bool counts = true;   // not for what preparation adds
  Taint taint = Taint::whole;
  InstructionClass kind = InstructionClass::movement;
  uint32_t target = 0;     // op that a branch goes to, or the table of brx
  uint32_t reconverge = 0; // op, or noInstruction
  uint32_t line = 0;

  // Memory: the address is a (if hasBase) + offset.
  bool hasBase = false, isSigned = false, toPredicate = false;
  uint8_t elementBytes = 0, count = 1; // of a lane's access
  ptx::Space space = ptx::Space::generic;
  uint64_t offset = 0;
  bool isStrided = false; // a fragment's lane holds elements a stride apart
  bool hasBaseB = false;  // of a second address: b, offsetB
  uint64_t offsetB = 0;
  /// Rows in Program::rows: of `count` vector elements, or operand by operand.
  /// mma: those of D; of A from `target`, B `reconverge` and C `offset`.
  uint32_t firstRow = 0;
  SpreadFunction spread = nullptr;
  PackFunction pack = nullptr;
  MatrixFunction matrix = nullptr;
};

/// Of shared memory, behind that of a kernel that asks where it is.
inline constexpr uint32_t reservedSharedBytes = 1024;

/// One kernel.
struct Program {
  ptx::Function inlined; // of a kernel with calls: `function`
  const ptx::Function *function = nullptr;
  const ptx::Module *module = nullptr;
  const LaneSet *lanes = nullptr;
  std::vector<Op> ops;
  std::vector<Row> rows; // of vector operands
  std::vector<std::vector<uint32_t>> tables;

  uint32_t fileBytes = 0; // of a warp's register file
  uint32_t slots = 0;
  std::vector<std::byte> constants; // the file's first bytes
  struct Special {
    ptx::SpecialRegister which;
    Row row;
  };
  std::vector<Special> specials;
  bool uses(ptx::SpecialRegister first, ptx::SpecialRegister last) const {
    for (const Special &special : specials)
      if (special.which >= first && special.which <= last)
        return true;
    return false;
  }
  Row carry; // the CC register

  /// Whether warps of a block (or blocks) may order themselves other than by
  /// barriers of the whole block (or not at all).
  bool hasPartialBarriers = false, hasBlockSync = false;
  /// Whether a fence or access has a scope that ends with the block.
  bool hasBlockScope = false;
};

/// `globals` are the device addresses of the module's variables, 0 of those
/// that are defined nowhere. What is not emulated is an error that names its
/// line.
Result<std::unique_ptr<Program>> prepare(const ptx::Module &module,
                                         const ptx::Function &function,
                                         const LaneSet &lanes,
                                         std::span<const uint64_t> globals);

/// The handlers of opcodes that are not lane functions; null where unknown.
Handler handlerOf(const ptx::Instruction &instruction);
/// Handlers that preparation chooses by itself.
Handler laneHandler(const ptx::Instruction &instruction);
Handler joinHandler();

} // namespace quipu::emulator

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_PROGRAM_H
