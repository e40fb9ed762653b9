//===- TargetChoice.h - Which code of a package a GPU runs ------*- C++ -*-===//
//
// PTX of sm_80 runs on every GPU from there on; PTX of sm_90a on compute
// capability 9.0 alone; a cubin on its own major version, from its minor on
// (CUDA C++ Programming Guide, "Application Compatibility").
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_CUDA_TARGETCHOICE_H
#define QUIPU_RUNTIME_DEVICES_CUDA_TARGETCHOICE_H

#include "base/Result.h"
#include "runtime/package/Package.h"

#include <cstdint>
#include <string>
#include <vector>

namespace quipu::cuda {

/// Indices of the targets that a GPU of `computeCapability` (90 for 9.0) can
/// run, the best first. Errors, with the name of the GPU in `gpu`: a package
/// without code for a GPU; a GPU that none of its targets runs on.
Result<std::vector<int64_t>> usableTargets(const std::vector<Target> &targets,
                                           int computeCapability,
                                           const std::string &gpu);

/// Whether code is an ELF file (a cubin) and not PTX text.
bool isCubin(const Target &target);

} // namespace quipu::cuda

#endif // QUIPU_RUNTIME_DEVICES_CUDA_TARGETCHOICE_H
