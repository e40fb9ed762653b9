//===- Assembly.h - ptxas beside the rest of a compilation ------*- C++ -*-===//
//
// Assembles the code of GPU targets while that of the next is generated, so
// that a fault of it is found when a package is made. Relies on ptxas, which
// may be missing or too old: then a package is made all the same.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_COMPILER_ASSEMBLY_H
#define QUIPU_COMPILER_ASSEMBLY_H

#include "base/Result.h"
#include "compiler/Compile.h"
#include "compiler/nvptx/Ptxas.h"
#include "runtime/package/Package.h"

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

  /// Waits for all, puts what kernels take into the plan of `package`, and
  /// warns of what was not assembled. The error is the first target's whose
  /// code has a fault.
  Result<void> finish(Package &package);

private:
  const CompileOptions &options;
  std::optional<Result<std::string>> ptxas; // its path, where it is asked for
  std::vector<std::optional<std::future<Result<Assembled>>>> runs; // by target
  bool anyGpu = false; // there is code for one
};

} // namespace quipu

#endif // QUIPU_COMPILER_ASSEMBLY_H
