//===- Package.h - A compiled model in memory -------------------*- C++ -*-===//
//
// All that the runtime needs to run a model: the plan, the code for each
// target, and where the weights lie. It is read from a package file
// (PackageReader) or filled by the compiler for `quipu run`.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_PACKAGE_PACKAGE_H
#define QUIPU_RUNTIME_PACKAGE_PACKAGE_H

#include "base/ElementType.h"
#include "runtime/package/GenerationDefaults.h"
#include "runtime/package/Plan.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace quipu {

/// What the model was, for reports; the runtime runs the plan and not this.
struct ModelInfo {
  std::string name;
  std::string kind;         // "gguf", "huggingface", "toml"
  std::string architecture; // as in the model file
  std::vector<std::pair<std::string, double>> config; // "hidden_size", 576
  int64_t parameters = 0;
};

/// Code for one kind of device. A CPU has a flat image (KernelAbi.h), a GPU
/// PTX text or a cubin.
struct Target {
  std::string name; // "cpu-x86-64-v3", "cpu-x86-64-v4", "sm_80"
  /// CPU features the code needs, by their names in /proc/cpuinfo.
  std::vector<std::string> features;
  std::span<const std::byte> code; // kept alive by Package::owners

  /// Which kind of device runs the code.
  plan::DeviceKind kind() const {
    return name.starts_with("sm_") ? plan::DeviceKind::gpu
                                   : plan::DeviceKind::cpu;
  }
};

/// A file that holds stored tensors; a relative path starts at the folder of
/// the package file.
struct WeightFile {
  std::string path;
  uint64_t bytes; // when compiled; another size is refused
};

/// Where the bytes of one stored tensor lie.
struct WeightTensor {
  static constexpr int32_t inPackage = -1;

  std::string name; // as in plan::Recipe::tensor
  ElementType type;
  int64_t rows;
  int64_t columns;
  int32_t file;    // into Package::weightFiles, or inPackage
  uint64_t offset; // from the start of the file, or of Package::weights
  uint64_t bytes;  // rows * rowBytes(type, columns)
};

struct Package {
  std::string producer; // "quipu 0.1.0"
  ModelInfo model;
  plan::Plan plan;
  std::vector<Target> targets; // Kernel::scratchBytes follows this order

  std::span<const std::byte> tokenizer; // serialized TokenizerSpec; empty: none
  std::string chatTemplate;             // Jinja source; empty: none
  GenerationDefaults generation;

  std::vector<WeightFile> weightFiles;
  std::vector<WeightTensor> tensors;  // empty: compiled from a config alone
  std::span<const std::byte> weights; // page-aligned; tensors with inPackage

  /// How it was made, for `quipu inspect`: "source", "pipeline", ...
  std::vector<std::pair<std::string, std::string>> provenance;

  std::string path; // of the package file; empty: in memory only
  std::vector<std::shared_ptr<const void>> owners; // keep the spans alive
};

/// Where a weight file of `package` is: relative paths start at the folder of
/// the package file.
std::string weightFilePath(const Package &package, const WeightFile &file);

} // namespace quipu

#endif // QUIPU_RUNTIME_PACKAGE_PACKAGE_H
