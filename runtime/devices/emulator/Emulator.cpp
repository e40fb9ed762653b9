//===- Emulator.cpp - Runs PTX on the processor, checking it --------------===//
//
// Launches: blocks are taken from a counter by host threads, each of which
// keeps the blocks that wait for others.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/Emulator.h"

#include "runtime/devices/cpu/ThreadPool.h"
#include "runtime/devices/emulator/Warp.h"
#include "runtime/devices/emulator/ptx/InlineCalls.h"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace quipu::emulator {
namespace {

constexpr uint32_t maxThreads = 1024, maxSharedBytes = 227 * 1024;
constexpr uint32_t maxGridYz = 65535;
constexpr uint64_t maxLocalBytes = 512 * 1024; // of a thread
/// Instructions of kernels with calls that are kept ready: a small file may
/// have thousands of kernels, each with as many as there may be.
constexpr size_t mostKept = 2 * ptx::mostInlined;

/// The blocks of a host thread.
struct HeldBlocks {
  std::deque<std::unique_ptr<Block>> waiting; // for their next turn
  std::vector<std::unique_ptr<Block>> spare;  // storage of those that ended
};

class PtxEmulator final : public Emulator {
public:
  PtxEmulator(ptx::Module parsed, const Options &options)
      : parsed(std::move(parsed)), options(options),
        threads(options.threads > 0 ? options.threads : availableThreads()) {}

  Result<void> placeVariables();

  const ptx::Module &module() const override { return parsed; }
  Result<uint64_t> addBuffer(const BufferSpec &spec) override {
    return memory.add(spec);
  }
  void divide(uint64_t address, std::span<const Region> regions) override {
    memory.divide(address, regions);
  }
  void copy(uint64_t to, uint64_t from, uint64_t bytes) override {
    memory.copy(to, from, bytes);
  }
  std::span<std::byte> view(uint64_t address, uint64_t bytes) override {
    Buffer *buffer = memory.find(address);
    if (!buffer || address - buffer->address > buffer->bytes ||
        buffer->bytes - (address - buffer->address) < bytes)
      return {};
    return {buffer->host + (address - buffer->address), bytes};
  }
  void setDefined(uint64_t address, uint64_t bytes, bool defined) override {
    memory.setDefined(address, bytes, defined);
  }
  bool isDefined(uint64_t address, uint64_t bytes) const override {
    return memory.isDefined(address, bytes);
  }
  Result<const ptx::Function *> ready(std::string_view kernel) override;
  Result<LaunchReport> launch(std::string_view kernel, const LaunchShape &shape,
                              std::span<const std::byte> parameters) override;

private:
  Result<const Program *> programOf(std::string_view kernel);
  Result<const Program *> check(std::string_view kernel,
                                const LaunchShape &shape,
                                size_t parameterBytes);
  Result<void> reserve(Launch &launch);
  std::unique_ptr<Block> begin(Launch &launch, Worker &worker,
                               HeldBlocks &held);
  void reportHang(Launch &launch, Block &block);
  void runThread(Launch &launch, Worker &worker);
  void takeUnique(Counters &counters);

  ptx::Module parsed;
  Options options;
  ThreadPool threads;
  Memory memory;
  std::vector<uint64_t> globals; // addresses of parsed.variables
  uint64_t gridWorkspace = 0;    // for all launches; 0: not there yet
  std::map<std::string, std::unique_ptr<Program>, std::less<>> programs;
  size_t kept = 0; // instructions of those with calls
};

Result<void> PtxEmulator::placeVariables() {
  for (const ptx::GlobalVariable &variable : parsed.variables) {
    if (variable.isExtern) { // an error in kernels that use it
      globals.push_back(0);
      continue;
    }
    bool isConstant = variable.space == ptx::Space::constant;
    // PTX starts global variables at zero, so that they count as written.
    auto address = memory.add({variable.name, variable.size, !isConstant,
                               /*defined=*/true, nullptr});
    if (!address)
      return address.error();
    globals.push_back(*address);
    std::span<std::byte> bytes = view(*address, variable.size);
    std::copy_n(variable.initial.begin(),
                std::min(variable.initial.size(), bytes.size()), bytes.begin());
  }
  for (size_t n = 0; n < parsed.variables.size(); ++n)
    for (const auto &place : parsed.variables[n].addresses) {
      if (parsed.variables[n].isExtern)
        break;
      uint64_t value = globals[place.variable] + uint64_t(place.addend);
      std::memcpy(view(globals[n], parsed.variables[n].size).data() +
                      place.offset,
                  &value, place.size);
    }
  return {};
}

/// Kernels are prepared when they are asked for: one that cannot run does not
/// keep others of its file from it.
Result<const Program *> PtxEmulator::programOf(std::string_view kernel) {
  auto found = programs.find(kernel);
  if (found != programs.end())
    return found->second.get();
  const ptx::Function *function = parsed.entry(kernel);
  if (!function)
    return Error{"not in " + parsed.fileName};
  auto program = prepare(parsed, *function, bestLanes(), globals);
  if (!program)
    return program.error();
  size_t inlined = (*program)->inlined.instructions.size();
  if (kept + inlined > mostKept) {
    std::erase_if(programs, [](const auto &named) {
      return named.second->inlined.hasBody();
    });
    kept = 0;
  }
  kept += inlined;
  return (programs[function->name] = std::move(*program)).get();
}

Result<const ptx::Function *> PtxEmulator::ready(std::string_view kernel) {
  auto program = programOf(kernel);
  if (!program)
    return program.error();
  return (*program)->function;
}

/// "[32,2,1]".
std::string text(const Extent &extent) {
  return "[" + std::to_string(extent.x) + "," + std::to_string(extent.y) + "," +
         std::to_string(extent.z) + "]";
}

Result<const Program *> PtxEmulator::check(std::string_view kernel,
                                           const LaunchShape &shape,
                                           size_t parameterBytes) {
  auto program = programOf(kernel);
  std::string what = "kernel '" + std::string(kernel) + "': ";
  if (!program)
    return Error{what + program.error().message};
  const ptx::Function &function = *(*program)->function;
  if (parameterBytes != function.paramBytes)
    return Error{what + "expected " + std::to_string(function.paramBytes) +
                 " bytes of parameters, found " +
                 std::to_string(parameterBytes)};
  const Extent &block = shape.block, &grid = shape.grid;
  if (block.x == 0 || block.y == 0 || block.z == 0 || grid.x == 0 ||
      grid.y == 0 || grid.z == 0)
    return Error{what + "expected a grid and a block of at least one thread"};
  if (block.count() > maxThreads || block.x > maxThreads ||
      block.y > maxThreads)
    return Error{what + "expected at most " + std::to_string(maxThreads) +
                 " threads in a block, found " + std::to_string(block.count())};
  if (function.maxThreads) {
    const ptx::BlockSize &most = *function.maxThreads;
    int64_t allowed = int64_t(most.x) * most.y * most.z;
    if (block.count() > allowed)
      return Error{what + "expected at most " + std::to_string(allowed) +
                   " threads in a block (.maxntid), found " +
                   std::to_string(block.count())};
  }
  if (function.requiredThreads && (function.requiredThreads->x != block.x ||
                                   function.requiredThreads->y != block.y ||
                                   function.requiredThreads->z != block.z))
    return Error{what + "expected a block of " +
                 text({function.requiredThreads->x, function.requiredThreads->y,
                       function.requiredThreads->z}) +
                 " threads (.reqntid), found " + text(block)};
  for (uint32_t extent : {grid.y, grid.z})
    if (extent > maxGridYz)
      return Error{what + "expected at most " + std::to_string(maxGridYz) +
                   " blocks in y and in z, found " + std::to_string(extent)};
  if (grid.count() > int64_t(anyBlock))
    return Error{what + "expected at most " + std::to_string(anyBlock) +
                 " blocks, found " + std::to_string(grid.count())};
  uint64_t shared = function.usesDynamicShared ? function.dynamicSharedOffset
                                               : function.sharedBytes;
  if (shared + shape.dynamicSharedBytes > maxSharedBytes)
    return Error{what + "expected at most " + std::to_string(maxSharedBytes) +
                 " bytes of shared memory, found " +
                 std::to_string(shared + shape.dynamicSharedBytes)};
  if (function.localBytes > maxLocalBytes)
    return Error{what + "expected at most " + std::to_string(maxLocalBytes) +
                 " bytes of local memory of a thread, found " +
                 std::to_string(function.localBytes)};
  return *program;
}

/// Gives a launch what only some kernels ask for: see Launch.
Result<void> PtxEmulator::reserve(Launch &launch) {
  using S = ptx::SpecialRegister;
  if (launch.program->uses(S::reservedSmemBegin, S::reservedSmem1)) {
    launch.reservedShared = (launch.sharedBytes + 127) / 128 * 128;
    launch.sharedBytes = launch.reservedShared + reservedSharedBytes;
  }
  if (!launch.program->uses(S::envreg1, S::envreg2))
    return {};
  if (gridWorkspace == 0) { // the barrier of cooperative groups
    auto made = memory.add({"grid workspace", 256, true, true, nullptr});
    if (!made)
      return made.error();
    gridWorkspace = *made;
  }
  launch.gridWorkspace = gridWorkspace;
  return {};
}

/// The next block that has not begun, if there is one and room for it: what is
/// under way has to end first. A thread that has none takes one all the same.
std::unique_ptr<Block> PtxEmulator::begin(Launch &launch, Worker &worker,
                                          HeldBlocks &held) {
  if (launch.begun >= launch.maxBegun && !held.waiting.empty())
    return nullptr;
  int64_t index = launch.nextBlock.fetch_add(1);
  if (index >= launch.shape.grid.count())
    return nullptr;
  ++launch.begun;
  std::unique_ptr<Block> block;
  if (held.spare.empty()) {
    block = std::make_unique<Block>();
  } else {
    block = std::move(held.spare.back());
    held.spare.pop_back();
  }
  Result<void> started = startBlock(*block, launch, worker, uint32_t(index));
  if (started)
    return block;
  std::lock_guard lock(launch.mutex);
  launch.failure = started.error();
  launch.stop = true;
  return nullptr;
}

/// Ends a launch that has executed too much, at `block`.
void PtxEmulator::reportHang(Launch &launch, Block &block) {
  Warp &warp = block.warps[0];
  const auto &ops = launch.program->ops;
  std::string what =
      "more than " + std::to_string(launch.options->maxInstructions) +
      " warp instructions were executed (see --max-instructions)";
  int64_t left = launch.shape.grid.count() - launch.nextBlock;
  if (left > 0 && launch.begun >= launch.maxBegun)
    what += "; " + std::to_string(left) + " of " +
            std::to_string(launch.shape.grid.count()) +
            " blocks have not begun, as those that have fill the " +
            std::to_string(launch.options->maxBlockBytes >> 20) +
            " MiB that blocks may take";
  report(warp, ops[std::min<size_t>(warp.pc, ops.size() - 1)], Check::hang, 0,
         what);
  launch.stop = true;
}

void PtxEmulator::runThread(Launch &launch, Worker &worker) {
  HeldBlocks held;
  int64_t checked = 0;
  while (!launch.stop) {
    std::unique_ptr<Block> block = begin(launch, worker, held);
    if (!block) {
      if (launch.stop || held.waiting.empty())
        return;
      block = std::move(held.waiting.front());
      held.waiting.pop_front();
    }
    Block &ran = *block;
    if (runBlock(ran, worker)) {
      --launch.begun;
      held.spare.push_back(std::move(block));
    } else {
      held.waiting.push_back(std::move(block));
    }
    int64_t executed = worker.executed - checked;
    checked = worker.executed;
    if (launch.instructions.fetch_add(executed) + executed >
        launch.options->maxInstructions)
      reportHang(launch, ran);
  }
}

void PtxEmulator::takeUnique(Counters &counters) {
  for (const auto &buffer : memory.buffers()) {
    auto role = size_t(buffer->role);
    counters.loads[role].uniqueBytes += buffer->loaded.take();
    counters.stores[role].uniqueBytes += buffer->stored.take();
  }
}

Result<LaunchReport>
PtxEmulator::launch(std::string_view kernel, const LaunchShape &shape,
                    std::span<const std::byte> parameters) {
  auto program = check(kernel, shape, parameters.size());
  if (!program)
    return program.error();
  auto before = std::chrono::steady_clock::now();
  const ptx::Function &function = *(*program)->function;
  Launch launch;
  launch.program = *program;
  launch.shape = shape;
  launch.parameters = parameters;
  launch.memory = &memory;
  launch.options = &options;
  launch.number = memory.nextLaunch();
  for (const auto &buffer : memory.buffers())
    buffer->atomicSpan.clear();
  launch.sharedBytes =
      uint32_t((function.usesDynamicShared ? function.dynamicSharedOffset
                                           : function.sharedBytes) +
               shape.dynamicSharedBytes);
  if (Result<void> done = reserve(launch); !done)
    return done.error();
  launch.threads = uint32_t(shape.block.count());
  launch.warps = (launch.threads + laneCount - 1) / laneCount;
  launch.maxBegun = options.maxBlockBytes / bytesOfBlock(launch);
  std::vector<Worker> workers(threads.size());
  threads.run([&](int thread) {
    Worker &worker = workers[thread];
    worker.launch = &launch;
    if (options.seed)
      worker.random =
          (options.seed + uint64_t(thread)) * 0x9e3779b97f4a7c15u | 1;
    runThread(launch, worker);
  });
  if (launch.failure)
    return Error{"kernel '" + std::string(kernel) +
                 "': " + launch.failure->message};
  LaunchReport result;
  for (const Worker &worker : workers)
    result.counters += worker.counters;
  takeUnique(result.counters);
  result.reports = inOrderOfCause(std::move(launch.reports));
  result.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - before)
          .count();
  return result;
}

} // namespace

Result<std::unique_ptr<Emulator>> Emulator::load(std::string_view text,
                                                 std::string_view fileName,
                                                 const Options &options) {
  auto parsed = ptx::parseModule(text, fileName);
  if (!parsed)
    return parsed.error();
  auto emulator = std::make_unique<PtxEmulator>(std::move(*parsed), options);
  if (Result<void> placed = emulator->placeVariables(); !placed)
    return placed.error();
  return std::unique_ptr<Emulator>(std::move(emulator));
}

} // namespace quipu::emulator
