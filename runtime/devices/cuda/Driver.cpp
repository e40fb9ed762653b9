//===- Driver.cpp - The CUDA driver, opened at run time -------------------===//
//
// Symbols are looked up once, all of them, so that a driver without one is
// refused at the start and not in the middle of an answer.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cuda/Driver.h"

#include <cstdlib>
#include <dlfcn.h>

namespace quipu::cuda {
namespace {

/// What a user can do about a failure; empty where nothing general helps.
std::string_view advice(Status status) {
  switch (status) {
  case Status::stubLibrary:
    return "this libcuda is the toolkit's stub and no driver: take the folder "
           "'stubs' out of LD_LIBRARY_PATH";
  case Status::noDevice:
    return "no GPU is visible: see what nvidia-smi lists and whether "
           "CUDA_VISIBLE_DEVICES hides it";
  case Status::systemNotReady:
    return "the system is not ready for CUDA: start nvidia-fabricmanager";
  case Status::systemDriverMismatch:
    return "libcuda and the kernel's driver are of different versions: "
           "restart, or install the driver again";
  case Status::compatNotSupported:
    return "this GPU does not support the compatibility libcuda: use the one "
           "that belongs to its driver";
  case Status::jitCompilerNotFound:
    return "the driver lacks its PTX compiler: install "
           "libnvidia-ptxjitcompiler.so.1 of the driver's version";
  case Status::eccUncorrectable:
    return "the GPU found an error in its memory: see nvidia-smi -q -d ECC";
  case Status::illegalAddress:
  case Status::illegalInstruction:
  case Status::misalignedAddress:
  case Status::invalidAddressSpace:
  case Status::invalidPc:
  case Status::launchFailed:
    return "a kernel failed and the GPU's context is lost: run again with "
           "QUIPU_CUDA_SYNC=1, which names the kernel";
  case Status::unknown:
    return "the driver does not say why: see dmesg, and whether nvidia-smi "
           "works as this user";
  default:
    return "";
  }
}

} // namespace

std::string versionText(int version) {
  return std::to_string(version / 1000) + "." +
         std::to_string(version % 1000 / 10);
}

static std::string libraryPath() {
  const char *path = std::getenv("QUIPU_CUDA_DRIVER");
  return path && *path ? path : "libcuda.so.1";
}

/// Never unloaded: a driver has threads of its own.
static void *load(const std::string &path) {
  return ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
}

bool Driver::isInstalled() {
  std::shared_ptr<void> library(load(libraryPath()), [](void *opened) {
    if (opened)
      ::dlclose(opened);
  });
  return library != nullptr;
}

Result<std::shared_ptr<const Driver>> Driver::open() {
  return open(libraryPath());
}

Result<std::shared_ptr<const Driver>> Driver::open(const std::string &path) {
  void *library = load(path);
  if (!library) {
    const char *why = ::dlerror();
    return Error{"no NVIDIA driver was found (" +
                 std::string(why ? why : path.c_str()) +
                 "): install one, or pass the GPU into the container; "
                 "--device cpu needs none"};
  }
  std::shared_ptr<Driver> driver(new Driver);
  driver->library = std::shared_ptr<void>(library, ::dlclose);
  if (Result<void> done = driver->resolve(library, path); !done)
    return done.error();
  if (Result<void> done = driver->call(driver->init, 0u); !done)
    return done.error();
  if (Result<void> done =
          driver->call(driver->driverGetVersion, &driver->cudaVersion);
      !done)
    return done.error();
  return std::shared_ptr<const Driver>(std::move(driver));
}

Result<void> Driver::resolve(void *library, const std::string &path) {
  const char *missing = nullptr;
  auto find = [&]<typename... Parameters>(Function<Parameters...> &function,
                                          const char *symbol,
                                          const char *call) {
    function.name = call;
    function.address =
        reinterpret_cast<Status (*)(Parameters...)>(::dlsym(library, symbol));
    if (!function.address && !missing)
      missing = symbol;
  };
#define QUIPU_CUDA_FIND(member, symbol, call, ...) find(member, #symbol, #call);
  QUIPU_CUDA_FUNCTIONS(QUIPU_CUDA_FIND)
#undef QUIPU_CUDA_FIND
  if (missing)
    return Error{path + " lacks " + missing +
                 ": the NVIDIA driver is too old; one for CUDA 12.0 (525.60) "
                 "or newer is needed"};
  return {};
}

Error Driver::failure(std::string_view call, Status status) const {
  const char *name = nullptr, *words = nullptr;
  if (getErrorName.address(status, &name) != Status::success || !name)
    name = "an error that the driver does not name";
  if (getErrorString.address(status, &words) != Status::success)
    words = nullptr;
  std::string message = std::string(call) + " failed with " + name + " (" +
                        std::to_string(static_cast<int>(status)) + ")";
  if (std::string_view what = advice(status); !what.empty())
    message += ": " + std::string(what);
  else if (words)
    message += ": " + std::string(words);
  return Error{std::move(message)};
}

} // namespace quipu::cuda
