//===- Execute.h - What instructions do to a warp ---------------*- C++ -*-===//
//
// The handlers of instructions that are more than lane functions. Each runs for
// the lanes of `mask`, which are active and pass the guard.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_EXECUTE_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_EXECUTE_H

#include "runtime/devices/emulator/Warp.h"

namespace quipu::emulator {

Flow runPack(Warp &warp, const Op &op, uint32_t mask);
Flow runUnpack(Warp &warp, const Op &op, uint32_t mask);
/// createpolicy: a value that nothing looks at.
Flow runPolicy(Warp &warp, const Op &op, uint32_t mask);
Flow runIsSpace(Warp &warp, const Op &op, uint32_t mask);

// ExecuteControl.cpp
Flow runBranch(Warp &warp, const Op &op, uint32_t mask);
Flow runBranchTable(Warp &warp, const Op &op, uint32_t mask);
Flow runJoin(Warp &warp, const Op &op, uint32_t mask);
Flow runExit(Warp &warp, const Op &op, uint32_t mask);
Flow runTrap(Warp &warp, const Op &op, uint32_t mask);
Flow runAssertFail(Warp &warp, const Op &op, uint32_t mask);
Flow runNothing(Warp &warp, const Op &op, uint32_t mask);

// ExecuteBarriers.cpp
Flow runBarrier(Warp &warp, const Op &op, uint32_t mask);
Flow runWarpBarrier(Warp &warp, const Op &op, uint32_t mask);
Flow runFence(Warp &warp, const Op &op, uint32_t mask);

// ExecuteMemory.cpp
Flow runLoad(Warp &warp, const Op &op, uint32_t mask);
Flow runStore(Warp &warp, const Op &op, uint32_t mask);

// ExecuteAtomics.cpp
Flow runAtomic(Warp &warp, const Op &op, uint32_t mask);

// ExecuteExchange.cpp
Flow runShuffle(Warp &warp, const Op &op, uint32_t mask);
Flow runVote(Warp &warp, const Op &op, uint32_t mask);
Flow runMatch(Warp &warp, const Op &op, uint32_t mask);
Flow runReduce(Warp &warp, const Op &op, uint32_t mask);
Flow runElect(Warp &warp, const Op &op, uint32_t mask);
Flow runActiveMask(Warp &warp, const Op &op, uint32_t mask);

// ExecuteMatrix.cpp
Flow runLoadMatrix(Warp &warp, const Op &op, uint32_t mask);
Flow runStoreMatrix(Warp &warp, const Op &op, uint32_t mask);
Flow runMatrixMultiply(Warp &warp, const Op &op, uint32_t mask);

// ExecuteFragments.cpp
Flow runFragmentAddress(Warp &warp, const Op &op, uint32_t mask);

// AsyncGroups.cpp
Flow runAsyncCommit(Warp &warp, const Op &op, uint32_t mask);
Flow runAsyncWait(Warp &warp, const Op &op, uint32_t mask);
/// Adds a copy of at least one lane to those that are not yet committed.
void keepCopy(Warp &warp, const Op &op, const AsyncCopy &copy);
/// Completes the copies of `lanes` (and of those that have ended) but for the
/// newest `left` groups of each.
void finishCopies(Warp &warp, uint32_t lanes, size_t left);

// ExecuteAsync.cpp
Flow runAsyncCopy(Warp &warp, const Op &op, uint32_t mask);
Flow runMbarrier(Warp &warp, const Op &op, uint32_t mask);
Flow runAsyncArrive(Warp &warp, const Op &op, uint32_t mask);
Flow runMbarrierWait(Warp &warp, const Op &op, uint32_t mask);
Flow runBulkCopy(Warp &warp, const Op &op, uint32_t mask);

} // namespace quipu::emulator

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_EXECUTE_H
