//===- PtxText.h - What PTX says of itself ----------------------*- C++ -*-===//
//
// The few facts in PTX text that messages and checks need: the driver answers
// none of them, and takes a launch with too few parameters without a word.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_CUDA_PTXTEXT_H
#define QUIPU_RUNTIME_DEVICES_CUDA_PTXTEXT_H

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace quipu::cuda {

struct PtxFacts {
  std::string version; // "8.0", of the PTX ISA; empty: not found
  std::map<std::string, int64_t, std::less<>> entries; // parameters by name
};

/// Scans for `.version` and `.entry` and understands nothing else.
PtxFacts scanPtx(std::string_view text);

} // namespace quipu::cuda

#endif // QUIPU_RUNTIME_DEVICES_CUDA_PTXTEXT_H
