//===- Block.cpp - Runs the warps of a block ------------------------------===//
//
// Warps take turns: in order, or as a seed has it. A block that has used its
// turn keeps its state, so that blocks may wait for each other.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/Definedness.h"
#include "runtime/devices/emulator/Execute.h"
#include "runtime/devices/emulator/Order.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace quipu::emulator {
namespace {

constexpr int64_t warpTurn = 100000;   // instructions
constexpr int64_t blockTurn = 2000000; // instructions
constexpr size_t rowAlignment = 64;

uint64_t nextRandom(uint64_t &state) { // xorshift64
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

using ptx::SpecialRegister;

/// Where a thread is in its block and grid, and their extents.
std::optional<uint64_t> placeValue(const Warp &warp, SpecialRegister which,
                                   uint32_t thread) {
  using S = SpecialRegister;
  const Block &block = *warp.block;
  const LaunchShape &shape = block.launch->shape;
  switch (which) {
  case S::tidX:
    return thread % shape.block.x;
  case S::tidY:
    return thread / shape.block.x % shape.block.y;
  case S::tidZ:
    return thread / shape.block.x / shape.block.y;
  case S::ntidX:
    return shape.block.x;
  case S::ntidY:
    return shape.block.y;
  case S::ntidZ:
    return shape.block.z;
  case S::ctaidX:
    return block.at.x;
  case S::ctaidY:
    return block.at.y;
  case S::ctaidZ:
    return block.at.z;
  case S::nctaidX:
    return shape.grid.x;
  case S::nctaidY:
    return shape.grid.y;
  case S::nctaidZ:
    return shape.grid.z;
  default:
    return std::nullopt;
  }
}

/// Where shared memory and the grid's workspace are, and their sizes.
std::optional<uint64_t> memoryValue(const Launch &launch,
                                    SpecialRegister which) {
  using S = SpecialRegister;
  switch (which) {
  case S::dynamicSmemSize:
    return launch.shape.dynamicSharedBytes;
  case S::reservedSmemBegin:
  case S::reservedSmem0:
    return launch.reservedShared;
  case S::reservedSmem1:
    return launch.reservedShared + reservedSharedBytes / 2;
  case S::reservedSmemEnd:
    return launch.reservedShared + reservedSharedBytes;
  case S::reservedSmemCap:
    return reservedSharedBytes;
  case S::envreg1:
    return launch.gridWorkspace >> 32;
  case S::envreg2:
    return launch.gridWorkspace & 0xffffffff;
  case S::aggregateSmemSize:
  case S::totalSmemSize:
    return launch.sharedBytes;
  default:
    return std::nullopt;
  }
}

uint64_t specialValue(const Warp &warp, SpecialRegister which, uint32_t lane) {
  using S = SpecialRegister;
  const Launch &launch = *warp.block->launch;
  if (auto value = placeValue(warp, which, warp.index * laneCount + lane))
    return *value;
  if (auto value = memoryValue(launch, which))
    return *value;
  uint32_t bit = uint32_t(1) << lane;
  switch (which) {
  case S::laneid:
    return lane;
  case S::warpid:
    return warp.index;
  case S::nwarpid:
    return launch.warps;
  case S::nsmid:
  case S::nclusteridX:
  case S::nclusteridY:
  case S::nclusteridZ:
  case S::clusterNctaidX:
  case S::clusterNctaidY:
  case S::clusterNctaidZ:
  case S::clusterNctarank:
    return 1;
  case S::lanemaskEq:
    return bit;
  case S::lanemaskLe:
    return bit | (bit - 1);
  case S::lanemaskLt:
    return bit - 1;
  case S::lanemaskGe:
    return ~(bit - 1);
  case S::lanemaskGt:
    return ~(bit | (bit - 1));
  default: // clocks stand still; there is one cluster, one multiprocessor
    return 0;
  }
}

void fillSpecials(Warp &warp) {
  for (const Program::Special &special : warp.block->launch->program->specials)
    for (uint32_t lane = 0; lane < uint32_t(laneCount); ++lane) {
      uint64_t value = specialValue(warp, special.which, lane);
      std::memcpy(warp.row<std::byte>(special.row) + lane * special.row.bytes,
                  &value, special.row.bytes);
    }
}

/// Bytes of Warp::storage.
size_t fileStorage(const Program &program) {
  return program.fileBytes + size_t(program.slots) * (4 + laneCount) +
         2 * rowAlignment;
}

/// Gives a warp its memory; constants are written once.
void allocate(Warp &warp, const Program &program) {
  warp.storage.assign(fileStorage(program), std::byte(0));
  auto start = reinterpret_cast<uintptr_t>(warp.storage.data());
  start = (start + rowAlignment - 1) / rowAlignment * rowAlignment;
  warp.file = reinterpret_cast<std::byte *>(start);
  warp.undefined = reinterpret_cast<uint32_t *>(warp.file + program.fileBytes);
  warp.detail =
      reinterpret_cast<uint8_t (*)[laneCount]>(warp.undefined + program.slots);
  std::memcpy(warp.file, program.constants.data(), program.constants.size());
  warp.lanes = program.lanes;
  warp.rows = program.rows.data();
}

void startWarp(Warp &warp, Block &block, Worker &worker, uint32_t index) {
  const Launch &launch = *block.launch;
  const Program &program = *launch.program;
  if (!warp.file)
    allocate(warp, program);
  warp.block = &block;
  warp.worker = &worker;
  warp.index = index;
  uint32_t threads = std::min(launch.threads - index * laneCount, 32u);
  warp.active = threads == 32 ? allLanes : (uint32_t(1) << threads) - 1;
  warp.exited = ~warp.active;
  warp.pc = 0;
  warp.state = Warp::State::running;
  warp.stack.assign(1, {0, warp.active, noOp});
  warp.clock = warp.floor = warp.laneFloor = 1;
  warp.seen.assign(launch.warps, 0);
  warp.known.clear();
  warp.released.clear();
  warp.observed.clear();
  warp.hasFenced = false;
  warp.groups.clear();
  warp.open.clear();
  warp.keptCopies = 0;
  // Registers begin undefined: slot 0 is that of constants.
  std::fill(warp.undefined + 1, warp.undefined + program.slots, allLanes);
  std::memset(warp.detail + 1, 0xff, (program.slots - 1) * laneCount);
  warp.undefined[program.carry.slot] = 0;
  uint64_t localBytes = program.function->localBytes * laneCount;
  warp.local.resize(localBytes);
  warp.localDefined.assign(localBytes, 0);
  fillSpecials(warp);
}

/// Says which lanes wait where, of a block that cannot go on.
void reportStuck(Block &block) {
  for (Warp &warp : block.warps) {
    if (warp.state != Warp::State::waiting)
      continue;
    const Op &op = block.launch->program->ops[warp.pc - 1];
    std::string who;
    int ended = 0;
    for (const Warp &other : block.warps)
      ended += other.state == Warp::State::done;
    const Barrier &barrier = block.barriers[warp.barrier];
    report(warp, op, Check::barrier, std::countr_zero(warp.active | 1u << 31),
           "barrier " + std::to_string(warp.barrier) + " reached by " +
               std::to_string(barrier.arrived) + " of " +
               std::to_string(barrier.expected) + " threads; " +
               std::to_string(ended) + " warps have ended");
    return;
  }
}

/// Runs one warp until it waits, ends or has used `turn` instructions.
void runWarp(Warp &warp, int64_t turn) {
  const Op *ops = warp.block->launch->program->ops.data();
  Counters &counters = warp.worker->counters;
  const std::atomic<bool> &stop = warp.block->launch->stop;
  const int64_t whole = turn;
  for (; turn > 0; --turn) {
    const Op &op = ops[warp.pc];
    uint32_t mask = warp.active;
    if (op.hasGuard) {
      uint32_t truth = warp.predicate(op.guard);
      mask &= op.guardNegated ? ~truth : truth;
      if (uint32_t bad = warp.undefined[op.guard.slot] & warp.active)
          [[unlikely]] {
        if (op.lanes) { // chooses between two values, as selp does
          op.run(warp, op, mask);
          setTaint(warp, op.d, bad, bad);
          if (op.e.slot && op.instruction->opcode == ptx::Opcode::setp)
            setTaint(warp, op.e, bad, bad);
          mask = 0;
        } else {
          report(warp, op, Check::undefined, std::countr_zero(bad),
                 "the guard depends on a value that nothing wrote",
                 {.lanes = bad});
          warp.undefined[op.guard.slot] &= ~bad; // said once
        }
      }
    }
    if (op.counts) {
      ++counters.warpInstructions[int(op.kind)];
      counters.threadInstructions += std::popcount(mask);
    }
    if (mask == 0) {
      ++warp.pc;
      continue;
    }
    Flow flow = op.run(warp, op, mask);
    if (flow == Flow::next) [[likely]] {
      ++warp.pc;
      continue;
    }
    if (stop.load(std::memory_order_relaxed))
      break;
    if (flow != Flow::jump)
      break;
  }
  warp.worker->executed += whole - turn;
}

} // namespace

int64_t bytesOfBlock(const Launch &launch) {
  const Program &program = *launch.program;
  constexpr int64_t shadows = 3; // a cell for each two bytes
  int64_t shared =
      launch.sharedBytes * (1 + shadows * int64_t(sizeof(Cell)) / 2);
  int64_t local = int64_t(program.function->localBytes) * laneCount * 2;
  int64_t registers = fileStorage(program);
  return int64_t(sizeof(Block)) + shared +
         launch.warps * (int64_t(sizeof(Warp)) + registers + local);
}

Result<void> startBlock(Block &block, Launch &launch, Worker &worker,
                        uint32_t index) {
  const LaunchShape &shape = launch.shape;
  if (!block.launch && launch.sharedBytes) {
    auto memory = AnonymousMemory::allocate(launch.sharedBytes, "shared memory",
                                            AnonymousMemory::Pages::small);
    if (!memory)
      return memory.error();
    block.shared = std::move(*memory);
    for (AnonymousMemory *cells :
         {&block.writeCells, &block.readCells, &block.atomicCells}) {
      auto made = AnonymousMemory::allocate(
          int64_t((launch.sharedBytes / 2 + 1) * sizeof(Cell)), "shadow memory",
          AnonymousMemory::Pages::small);
      if (!made)
        return made.error();
      *cells = std::move(*made);
    }
    block.shadow.writes = reinterpret_cast<Cell *>(block.writeCells.data());
    block.shadow.reads = reinterpret_cast<Cell *>(block.readCells.data());
    block.shadow.atomics = reinterpret_cast<Cell *>(block.atomicCells.data());
    block.shadow.span = &block.atomicSpan;
  }
  block.launch = &launch;
  if (block.generation == maxLaunch && launch.sharedBytes) {
    std::memset(block.writeCells.data(), 0, block.writeCells.size());
    std::memset(block.readCells.data(), 0, block.readCells.size());
    std::memset(block.atomicCells.data(), 0, block.atomicCells.size());
    block.generation = 0;
  }
  ++block.generation;
  block.shadow.definedFrom = block.floorCell = block.generation << launchShift;
  block.atomicSpan.clear();
  block.index = index;
  block.at = {index % shape.grid.x, index / shape.grid.x % shape.grid.y,
              index / shape.grid.x / shape.grid.y};
  for (Barrier &barrier : block.barriers)
    barrier = Barrier{};
  block.mbarriers.clear();
  block.syncs.clear();
  block.fromGlobal = block.fromShared = {};
  block.findings.clear();
  block.warps.resize(launch.warps);
  for (uint32_t warp = 0; warp < launch.warps; ++warp)
    startWarp(block.warps[warp], block, worker, warp);
  return {};
}

bool runBlock(Block &block, Worker &worker) {
  int64_t begun = worker.executed;
  Launch &launch = *block.launch;
  for (;;) {
    bool anyRunning = false, anyWaiting = false;
    uint32_t count = uint32_t(block.warps.size());
    uint32_t first = worker.random ? nextRandom(worker.random) % count : 0;
    for (uint32_t n = 0; n < count; ++n) {
      Warp &warp = block.warps[(first + n) % count];
      warp.worker = &worker;
      if (warp.state == Warp::State::running) {
        runWarp(warp,
                worker.random ? 1 + nextRandom(worker.random) % 200 : warpTurn);
        anyRunning = true;
      }
      anyWaiting |= warp.state == Warp::State::waiting;
      if (launch.stop.load(std::memory_order_relaxed))
        return true;
    }
    if (!anyRunning) {
      if (anyWaiting)
        reportStuck(block);
      return true;
    }
    if (worker.executed - begun > blockTurn)
      return false;
  }
}

} // namespace quipu::emulator
