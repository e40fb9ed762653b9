//===- Assembly.h - ptxas beside the rest of a compilation ------*- C++ -*-===//
//
// Assembles the code of GPU targets while that of the next is generated.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_COMPILER_ASSEMBLY_H
#define QUIPU_COMPILER_ASSEMBLY_H

#include "base/Result.h"
#include "compiler/Compile.h"
#include "runtime/package/Package.h"

#include "llvm/ADT/StringMap.h"

#include <future>
#include <optional>
#include <string>
#include <vector>

namespace quipu {

/// Runs of ptxas, one for each GPU target of a package that must outlive this.
class Assembly {
public:
  /// Does nothing where `options` ask for none.
  explicit Assembly(const CompileOptions &options);

  /// Starts on the code of `target`, unless that is for a CPU. The code must
  /// stay where it is.
  void start(const Target &target);

  /// Waits for all, and puts what kernels take into the plan of `package`. The
  /// error is the first target's that has one.
  Result<void> finish(Package &package);

private:
  using Found = Result<llvm::StringMap<plan::Resources>>;

  const CompileOptions &options;
  std::optional<std::string> ptxas;
  std::vector<std::optional<std::future<Found>>> runs; // by target
  bool skipped = false; // code for a GPU, as there is no ptxas
};

} // namespace quipu

#endif // QUIPU_COMPILER_ASSEMBLY_H
