//===- Findings.cpp - What is reported of a launch ------------------------===//
//
// The first thread that meets a finding words it, later ones are counted. When
// the launch has ended, causes go before what they lead to.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/Warp.h"

namespace quipu::emulator {

/// What may have brought an undefined value, as the end of a message.
static std::string undefinedSource(const Block &block) {
  // What shared memory holds came from global memory, where it came at all.
  bool isGlobal = block.fromGlobal.op;
  const UndefinedLoad &load = isGlobal ? block.fromGlobal : block.fromShared;
  if (!load.op)
    return "";
  return std::string("; the block's last load of such bytes from ") +
         (isGlobal ? "global" : "shared") + " memory: line " +
         std::to_string(load.op->line) + ", at " +
         (isGlobal ? block.launch->memory->describe(load.address)
                   : "shared memory + " + std::to_string(load.address));
}

/// Notes who met a finding; how many threads had not met it before.
static int64_t countThreads(Warp &warp, const FindingKey &key, uint32_t lanes) {
  std::bitset<1024> &met = warp.block->findings[key];
  auto before = int64_t(met.count());
  met |= std::bitset<1024>(lanes) << (warp.index * laneCount);
  return int64_t(met.count()) - before;
}

void report(Warp &warp, const Op &op, Check check, uint32_t lane,
            const std::string &detail, const Site &site) {
  Launch &launch = *warp.block->launch;
  FindingKey key{&op, check};
  int64_t threads = countThreads(warp, key, site.lanes | uint32_t(1) << lane);
  std::lock_guard lock(launch.mutex);
  if (auto found = launch.reported.find(key); found != launch.reported.end()) {
    launch.reports[found->second].threads += threads;
    return;
  }
  if (int(launch.reports.size()) >= launch.options->maxReports)
    return;
  launch.reported[key] = launch.reports.size();
  const Program &program = *launch.program;
  std::string source;
  if (check == Check::undefined)
    source = undefinedSource(*warp.block);
  Report found;
  found.check = check;
  found.line = op.line;
  found.block = warp.block->index;
  found.thread = warp.index * laneCount + lane;
  found.threads = threads;
  found.space = site.space;
  found.address = site.address;
  if (site.space == ptx::Space::global)
    if (const Buffer *buffer = launch.memory->nearest(site.address))
      found.buffer = buffer->name;
  found.message = "kernel " + program.function->name + ", " +
                  program.module->fileName + ":" + std::to_string(op.line) +
                  ", block " + std::to_string(found.block) + ", thread " +
                  std::to_string(found.thread) + ": " +
                  std::string(name(check)) + ": " + detail + source;
  launch.reports.push_back(std::move(found));
  if (int(launch.reports.size()) >= launch.options->maxReports)
    launch.stop = true;
}

/// How far a finding tends to be from its cause: what a race lets a thread read
/// is undefined, and what is undefined leads part of a block to a barrier.
static int consequence(Check check) {
  switch (check) {
  case Check::barrier:
  case Check::hang:
  case Check::trap:
    return 2;
  case Check::undefined:
    return 1;
  default:
    return 0;
  }
}

std::vector<Report> inOrderOfCause(std::vector<Report> found) {
  std::vector<Report> sorted;
  for (int distance : {0, 1, 2})
    for (Report &report : found) {
      if (consequence(report.check) != distance)
        continue;
      // At a barrier, one thread speaks for all; a hang is nobody's.
      if (distance < 2 && report.threads > 1)
        report.message += " (and " + std::to_string(report.threads - 1) +
                          " more thread" + (report.threads > 2 ? "s)" : ")");
      sorted.push_back(std::move(report));
    }
  return sorted;
}

std::string_view name(ptx::Space space) {
  constexpr std::string_view names[] = {"",      "global", "shared", "shared",
                                        "local", "param",  "global"};
  return names[int(space)];
}

std::string_view name(Check check) {
  constexpr std::string_view names[] = {"out-of-bounds access",
                                        "misaligned access",
                                        "undefined value",
                                        "store to read-only memory",
                                        "shared-memory race",
                                        "global-memory race",
                                        "barrier",
                                        "inactive lane",
                                        "hang",
                                        "trap",
                                        "illegal operand"};
  return names[int(check)];
}

} // namespace quipu::emulator
