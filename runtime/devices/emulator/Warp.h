//===- Warp.h - The state of warps, blocks and a launch ---------*- C++ -*-===//
//
// Blocks are resumable: all that a warp knows is in these structures, so that a
// host thread may leave a block that waits for another and return to it.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_WARP_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_WARP_H

#include "runtime/devices/emulator/Memory.h"
#include "runtime/devices/emulator/Program.h"
#include "runtime/devices/emulator/SyncClocks.h"

#include <bitset>
#include <deque>
#include <mutex>
#include <optional>
#include <unordered_map>

namespace quipu::emulator {

struct Block;
inline constexpr uint32_t allLanes = 0xffffffff;
inline constexpr uint32_t noOp = ptx::noInstruction;

/// Findings with the same key are one report.
using FindingKey = std::pair<const Op *, Check>;

/// What all host threads of a launch share.
struct Launch {
  const Program *program = nullptr;
  LaunchShape shape;
  std::span<const std::byte> parameters;
  Memory *memory = nullptr;
  const Options *options = nullptr;
  uint64_t number = 0; // in the launch field of cells
  uint32_t sharedBytes = 0;
  uint32_t threads = 0, warps = 0; // of a block
  uint32_t reservedShared = 0;     // offset of what the system keeps for itself
  uint64_t gridWorkspace = 0;      // of cooperative launches; 0: not asked for
  SyncTable syncs;                 // of global memory
  WordLocks wordLocks;

  std::atomic<int64_t> nextBlock{0};
  std::atomic<int64_t> begun{0}; // blocks that have not ended
  int64_t maxBegun = 0;
  std::atomic<int64_t> instructions{0};
  std::atomic<bool> stop{false};

  std::mutex mutex;             // of the three below
  std::optional<Error> failure; // of a block that could not be started
  std::vector<Report> reports;
  std::map<FindingKey, size_t> reported; // to the report
};

/// What one host thread counts.
struct Worker {
  Launch *launch = nullptr;
  Counters counters;
  uint64_t random = 0; // state of the interleaving; 0: in order
  int64_t executed = 0;
};

/// A cp.async of a warp that has not been waited for.
struct AsyncCopy {
  const Op *op;
  uint32_t mask;                  // of lanes that have it to do
  uint8_t bytes;                  // of each lane, 4, 8 or 16
  uint32_t to[laneCount];         // offset into shared memory
  uint16_t undefined[laneCount];  // a bit for each byte
  std::byte data[laneCount * 16]; // lane after lane
};

/// What lanes of a warp committed together.
struct AsyncGroup {
  uint32_t lanes = 0; // whose group it is, with or without copies
  std::vector<AsyncCopy> copies;
};

struct Warp {
  enum class State : uint8_t { running, waiting, done };
  struct Level {
    uint32_t pc, mask, reconverge;
  };

  // What handlers touch most comes first.
  std::byte *file = nullptr;
  uint32_t *undefined = nullptr;          // (slots): lanes, a bit each
  uint8_t (*detail)[laneCount] = nullptr; // (slots): bytes, a bit each
  const LaneSet *lanes = nullptr;
  const Row *rows = nullptr; // Program::rows
  uint32_t pc = 0, active = 0;
  uint32_t exited = 0; // and lanes that were never there
  uint32_t index = 0;  // in the block
  Block *block = nullptr;
  Worker *worker = nullptr;
  State state = State::running;
  uint32_t barrier = 0;     // that is waited at
  uint32_t waitingLine = 0; // of the barrier instruction
  uint32_t lastFence = 0;
  std::vector<Level> stack; // [0] is the whole warp

  // Order of events: see Order.h.
  uint64_t clock = 1, floor = 1, laneFloor = 1;
  std::vector<uint64_t> seen; // (warps): their events below are before ours
  KnownClocks known;          // of other blocks
  ScopedClocks released;      // what the last fences made ready to publish
  ScopedClocks observed;      // what a fence would make known
  bool hasFenced = false;
  uint64_t fenceClock = 0; // just behind the last fence
  uint32_t racing = 0;     // lanes of the present load that race

  std::deque<AsyncGroup> groups; // committed, oldest first
  std::vector<AsyncCopy> open;   // not yet committed
  size_t keptCopies = 0;         // in both

  std::vector<std::byte> local; // (lanes, local bytes)
  std::vector<uint8_t> localDefined;

  std::vector<std::byte> storage; // of file, undefined and detail

  template <typename T> T *row(const Row &row) const {
    return reinterpret_cast<T *>(file + row.offset);
  }
  uint32_t &predicate(const Row &row) const {
    return *this->row<uint32_t>(row);
  }
};

/// A named barrier.
struct Barrier {
  uint32_t expected = 0; // threads; 0: nobody is there
  uint32_t arrived = 0;  // threads
  uint32_t waiting = 0;  // warps, a bit each
  uint32_t joined = 0;   // warps, a bit each: waiting or only arrived
  uint64_t clock = 0;    // greatest of those that joined
  std::vector<uint64_t> seen;
  KnownClocks known;
  uint32_t line = 0;
  uint32_t reduced[3] = {}; // barRed: and, or, popc
};

/// An mbarrier object, by its offset in shared memory.
struct Mbarrier {
  uint32_t count = 0;   // arrivals that a phase takes
  uint32_t pending = 0; // of the current phase
  int64_t bytes = 0;    // of bulk copies, still to come
  uint64_t phase = 0;
  std::vector<uint64_t> seen, nextSeen; // of the last phase, of the current
};

/// A load of bytes that nothing wrote.
struct UndefinedLoad {
  const Op *op = nullptr; // null: there was none
  uint64_t address = 0;   // of shared memory: an offset
};

struct Block {
  Launch *launch = nullptr;
  uint32_t index = 0;
  Extent at; // ctaid
  std::vector<Warp> warps;
  AnonymousMemory shared, writeCells, readCells, atomicCells;
  Shadow shadow;
  AtomicSpan atomicSpan;
  uint64_t generation = 0; // in the launch field of the shared shadow's cells
  uint64_t floorCell = 0;  // shared cells below are ordered before everyone
  Barrier barriers[16];
  std::unordered_map<uint32_t, Mbarrier> mbarriers;
  SyncTable syncs;                                  // of shared memory
  uint32_t running = 0;                             // warps, a bit each
  UndefinedLoad fromGlobal, fromShared;             // the last of each
  std::map<FindingKey, std::bitset<1024>> findings; // threads that met them
};

/// Puts a block at its start. Its storage is kept from the block before.
Result<void> startBlock(Block &block, Launch &launch, Worker &worker,
                        uint32_t index);

/// Host memory that a block takes, as far as its launch says.
int64_t bytesOfBlock(const Launch &launch);

/// Runs a block until it ends (true) or has used its turn.
bool runBlock(Block &block, Worker &worker);

/// What a finding is about, where that is known.
struct Site {
  ptx::Space space = ptx::Space::generic;
  uint64_t address = 0; // as Report::address
  uint32_t lanes = 0;   // that it holds of beside the one it is reported for
};

/// Notes a finding of `lane` at an instruction; the first one for each
/// instruction and check is reported, the others counted. Ends the launch when
/// there are enough reports.
void report(Warp &warp, const Op &op, Check check, uint32_t lane,
            const std::string &detail, const Site &site = {});

/// The reports of a launch that has ended, causes first.
std::vector<Report> inOrderOfCause(std::vector<Report> found);

/// Removes lanes that have ended; Flow::done once none is left.
Flow endLanes(Warp &warp, uint32_t mask);

} // namespace quipu::emulator

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_WARP_H
