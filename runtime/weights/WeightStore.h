//===- WeightStore.h - The bytes of a plan's parameters ---------*- C++ -*-===//
//
// Runs the recipes of a plan: binds stored tensors where they lie in memory
// mapped files, and computes the tables that no file holds.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_WEIGHTS_WEIGHTSTORE_H
#define QUIPU_RUNTIME_WEIGHTS_WEIGHTSTORE_H

#include "base/MappedFile.h"
#include "base/Result.h"
#include "runtime/memory/AnonymousMemory.h"
#include "runtime/package/Package.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace quipu {

/// Bytes of `parameter` for a context, which counts for tables alone.
int64_t parameterBytes(const plan::Parameter &parameter, int64_t context);

/// (context, pairs, 2): cos and sin of the angle, times scale. The angle is
/// f32(position) * inverseFrequency rounded to f32, as Hugging Face computes
/// it; its cos and sin are those of f64, rounded once.
void fillRopeTable(const plan::Recipe &recipe, int64_t context,
                   std::span<float> table);

/// Owns mappings and tables; spans stay valid while it lives.
class WeightStore {
public:
  struct Options {
    int64_t context = 0;
    /// Seeded random values in place of stored tensors.
    std::optional<uint64_t> randomSeed;
    /// Whether files are read ahead of use; false where one copy of each weight
    /// is all that reads it.
    bool pageIn = true;
    /// Called with bytes read and bytes in all while files are paged in.
    std::function<void(int64_t done, int64_t total)> progress;
  };

  static Result<WeightStore> open(const Package &package,
                                  const Options &options);

  /// The bytes of each parameter, by its index in the plan.
  const std::vector<std::span<const std::byte>> &parameters() const {
    return bytes;
  }

private:
  Result<void> mapFiles(const Package &package);
  Result<std::span<const std::byte>> bind(const Package &package,
                                          const plan::Parameter &parameter);
  void pageIn(const Package &package, const Options &options);

  std::vector<MappedFile> files; // by index in Package::weightFiles
  AnonymousMemory computed;      // tables and random weights
  std::vector<std::span<const std::byte>> bytes;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_WEIGHTS_WEIGHTSTORE_H
