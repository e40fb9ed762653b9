//===- GpuCode.cpp - A package's kernels on a GPU -------------------------===//
//
// A driver that refuses the best target may take the next: sm_90a may be newer
// PTX than it knows, while sm_80 is older.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cuda/GpuCode.h"

#include "runtime/devices/cuda/TargetChoice.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

namespace quipu::cuda {
namespace {

/// A compiler's log as one line of at most 600 characters.
std::string oneLine(std::string_view log) {
  std::string line;
  for (char c : log.substr(0, 600)) {
    bool isSpace = c == '\n' || c == '\r' || c == '\t' || c == ' ';
    if (!isSpace)
      line += c;
    else if (!line.empty() && line.back() != ' ')
      line += ' ';
  }
  while (!line.empty() && line.back() == ' ')
    line.pop_back();
  return line;
}

Error loadError(const OpenGpu &gpu, const std::string &name,
                const std::string &ptxVersion, Status status,
                std::string_view log) {
  const Driver &driver = *gpu.driver;
  std::string message =
      "code for " + name + " cannot be loaded on " + gpu.gpu.description() +
      ": " + driver.failure(driver.moduleLoadData.name, status).message;
  std::string versions =
      "the driver supports CUDA " + versionText(driver.version());
  if (!ptxVersion.empty())
    versions = "the code is PTX " + ptxVersion + ", " + versions;
  switch (status) {
  case Status::unsupportedPtxVersion:
    message += "; " + versions + "; install a newer NVIDIA driver";
    break;
  case Status::invalidPtx:
  case Status::invalidImage:
  case Status::noBinaryForGpu:
    message += "; " + versions +
               "; install a newer NVIDIA driver, or compile the model again";
    break;
  default:
    break;
  }
  if (std::string line = oneLine(log); !line.empty())
    message += "; its compiler says: " + line;
  return Error{std::move(message)};
}

} // namespace

Result<GpuCode> GpuCode::load(const OpenGpu &gpu, const Target &target) {
  std::string text(reinterpret_cast<const char *>(target.code.data()),
                   target.code.size());
  if (!isCubin(target))
    return load(gpu, target.name, std::move(text));
  GpuCode code;
  ModuleHandle handle = nullptr;
  const Driver &driver = *gpu.driver;
  Status status =
      driver.moduleLoadData.address(&handle, text.data(), 0, nullptr, nullptr);
  if (status != Status::success)
    return loadError(gpu, target.name, "", status, "");
  code.module = Module(driver, handle);
  code.targetName = target.name;
  return code;
}

Result<GpuCode> GpuCode::load(const OpenGpu &gpu, const std::string &name,
                              std::string ptx) {
  GpuCode code;
  code.facts = scanPtx(ptx);
  code.targetName = name;
  // What is read up to a zero byte must not hold one.
  if (ptx.find('\0') != std::string::npos)
    return Error{"code for " + name + ": expected PTX text, found a zero byte"};
  char log[8192] = "";
  JitOption options[] = {JitOption::errorLogBuffer,
                         JitOption::errorLogBufferBytes};
  void *values[] = {log, reinterpret_cast<void *>(sizeof log - 1)};
  ModuleHandle handle = nullptr;
  const Driver &driver = *gpu.driver;
  Status status =
      driver.moduleLoadData.address(&handle, ptx.c_str(), 2, options, values);
  if (status != Status::success)
    return loadError(gpu, name, code.facts.version, status,
                     {log, ::strnlen(log, sizeof log)});
  code.module = Module(driver, handle);
  return code;
}

Result<GpuCode> GpuCode::load(const OpenGpu &gpu, const Package &package) {
  auto usable = usableTargets(package.targets, gpu.gpu.computeCapability,
                              gpu.gpu.description());
  if (!usable)
    return usable.error();
  std::optional<Error> refusal;
  for (int64_t index : *usable) {
    Result<GpuCode> code = load(gpu, package.targets[index]);
    if (code) {
      code->targetIndex = index;
      return code;
    }
    if (!refusal)
      refusal = code.error();
  }
  return *refusal;
}

Result<GpuKernel> GpuCode::kernel(const OpenGpu &gpu, const std::string &entry,
                                  int64_t parameters, int64_t threads,
                                  int64_t sharedBytes) const {
  const Driver &driver = *gpu.driver;
  auto refuse = [&](const std::string &what) {
    return Error{"code for " + targetName + ", kernel '" + entry +
                 "': " + what};
  };
  if (auto found = facts.entries.find(entry); found != facts.entries.end()) {
    if (found->second != parameters)
      return refuse("expected " + std::to_string(parameters) +
                    " parameters, found " + std::to_string(found->second));
  } else if (!facts.entries.empty()) {
    return refuse("there is no such entry");
  }
  GpuKernel kernel;
  kernel.threads = static_cast<unsigned>(threads);
  kernel.sharedBytes = static_cast<unsigned>(sharedBytes);
  Result<void> done = driver.call(driver.moduleGetFunction, &kernel.function,
                                  module.get(), entry.c_str());
  int mostThreads = 0, fixedShared = 0, resident = 0;
  if (done)
    done = driver.call(driver.funcGetAttribute, &mostThreads,
                       FunctionAttribute::maxThreadsPerBlock, kernel.function);
  if (done)
    done = driver.call(driver.funcGetAttribute, &fixedShared,
                       FunctionAttribute::sharedBytes, kernel.function);
  if (!done)
    return refuse(done.error().message);
  if (threads < 1 || threads > mostThreads)
    return refuse("expected 1 to " + std::to_string(mostThreads) +
                  " threads a block, found " + std::to_string(threads));
  if (sharedBytes < 0 ||
      sharedBytes > gpu.gpu.sharedBytesPerBlock - fixedShared)
    return refuse(
        "expected at most " + std::to_string(gpu.gpu.sharedBytesPerBlock) +
        " bytes of shared memory, which " + gpu.gpu.description() +
        " has for a block, found " + std::to_string(sharedBytes + fixedShared));
  // Beyond 48 KiB it must be asked for; asking for less does no harm.
  done = driver.call(driver.funcSetAttribute, kernel.function,
                     FunctionAttribute::maxDynamicSharedBytes,
                     static_cast<int>(sharedBytes));
  if (done)
    done = driver.call(driver.occupancy, &resident, kernel.function,
                       static_cast<int>(threads),
                       static_cast<size_t>(sharedBytes));
  if (!done)
    return refuse(done.error().message);
  if (resident < 1)
    return refuse("its registers and shared memory fit on no multiprocessor");
  kernel.blocks = int64_t(resident) * gpu.gpu.multiprocessors;
  return kernel;
}

Result<void> launch(const Driver &driver, StreamHandle stream,
                    const GpuKernel &kernel, int64_t blocks,
                    std::span<const uint64_t> arguments) {
  std::vector<void *> pointers;
  for (const uint64_t &argument : arguments)
    pointers.push_back(const_cast<uint64_t *>(&argument));
  return driver.call(driver.launchKernel, kernel.function,
                     static_cast<unsigned>(blocks), 1u, 1u, kernel.threads, 1u,
                     1u, kernel.sharedBytes, stream, pointers.data(),
                     static_cast<void **>(nullptr));
}

} // namespace quipu::cuda
