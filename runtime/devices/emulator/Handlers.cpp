//===- Handlers.cpp - Which handler executes an opcode --------------------===//
//
// A table over all opcodes: those that are not in it are lane functions, or not
// emulated.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/Execute.h"

#include <array>

namespace quipu::emulator {
namespace {

using ptx::Opcode;

struct Entry {
  Opcode opcode;
  Handler run;
};

constexpr Entry entries[] = {
    // clang-format off
    {Opcode::movPack, runPack},
    {Opcode::movUnpack, runUnpack},
    {Opcode::createpolicy, runPolicy},
    {Opcode::isspacep, runIsSpace},
    // Memory.
    {Opcode::ld, runLoad},
    {Opcode::st, runStore},
    {Opcode::atom, runAtomic},
    {Opcode::red, runAtomic},
    {Opcode::prefetch, runNothing},
    // Asynchronous copies.
    {Opcode::cpAsync, runAsyncCopy},
    {Opcode::cpAsyncCommitGroup, runAsyncCommit},
    {Opcode::cpAsyncWaitGroup, runAsyncWait},
    {Opcode::cpAsyncWaitAll, runAsyncWait},
    {Opcode::cpAsyncMbarrierArrive, runAsyncArrive},
    {Opcode::cpAsyncBulk, runBulkCopy},
    {Opcode::cpAsyncBulkPrefetch, runNothing},
    {Opcode::cpAsyncBulkCommitGroup, runNothing}, // the copy is done at once
    {Opcode::cpAsyncBulkWaitGroup, runNothing},
    // Matrices. Of a fragment's access, its address; then a load or store.
    {Opcode::ldmatrix, runLoadMatrix},
    {Opcode::stmatrix, runStoreMatrix},
    {Opcode::mma, runMatrixMultiply},
    {Opcode::wmmaMma, runMatrixMultiply},
    {Opcode::wmmaLoadA, runFragmentAddress},
    {Opcode::wmmaLoadB, runFragmentAddress},
    {Opcode::wmmaLoadC, runFragmentAddress},
    {Opcode::wmmaStoreD, runFragmentAddress},
    // Between lanes.
    {Opcode::shfl, runShuffle},
    {Opcode::vote, runVote},
    {Opcode::match, runMatch},
    {Opcode::activemask, runActiveMask},
    {Opcode::redux, runReduce},
    {Opcode::elect, runElect},
    // Between threads.
    {Opcode::barSync, runBarrier},
    {Opcode::barArrive, runBarrier},
    {Opcode::barRed, runBarrier},
    {Opcode::barWarpSync, runWarpBarrier},
    {Opcode::fence, runFence},
    {Opcode::membar, runFence},
    {Opcode::fenceProxy, runNothing},
    {Opcode::fenceMbarrierInit, runNothing},
    {Opcode::mbarrierInit, runMbarrier},
    {Opcode::mbarrierInval, runMbarrier},
    {Opcode::mbarrierExpectTx, runMbarrier},
    {Opcode::mbarrierCompleteTx, runMbarrier},
    {Opcode::mbarrierArrive, runMbarrier},
    {Opcode::mbarrierArriveExpectTx, runMbarrier},
    {Opcode::mbarrierTestWait, runMbarrierWait},
    {Opcode::mbarrierTryWait, runMbarrierWait},
    {Opcode::griddepWait, runNothing}, // launches run one after the other
    {Opcode::griddepLaunchDependents, runNothing},
    {Opcode::setmaxnreg, runNothing},
    // Control.
    {Opcode::bra, runBranch},
    {Opcode::brx, runBranchTable},
    {Opcode::exit, runExit},
    {Opcode::trap, runTrap},
    {Opcode::assertFail, runAssertFail},
    {Opcode::nanosleep, runNothing},
    // clang-format on
};

constexpr auto handlers = [] {
  std::array<Handler, 256> byOpcode = {}; // as many as an Opcode has values
  for (const Entry &entry : entries)
    byOpcode[size_t(entry.opcode)] = entry.run;
  return byOpcode;
}();

} // namespace

Handler handlerOf(const ptx::Instruction &i) {
  bool isMatrixAccess =
      i.opcode == Opcode::ldmatrix || i.opcode == Opcode::stmatrix;
  if (isMatrixAccess && i.shape != ptx::Shape::m8n8)
    return nullptr;
  return handlers[size_t(i.opcode)];
}

} // namespace quipu::emulator
