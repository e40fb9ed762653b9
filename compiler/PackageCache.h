//===- PackageCache.h - Kernels kept between runs ---------------*- C++ -*-===//
//
// Compiled kernels depend on the architecture, each tensor's stored type, the
// target and the compiler, and not on the weights' values: fine-tunes of a
// model share one entry. What differs (files, tokenizer, defaults) is put into
// the package afresh each time.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_COMPILER_PACKAGECACHE_H
#define QUIPU_COMPILER_PACKAGECACHE_H

#include "compiler/Compile.h"

namespace quipu {

/// compileModel() through the cache folder of the user
/// ($XDG_CACHE_HOME/quipu/packages, mode 0700). An entry that cannot be read or
/// written is no error: the model is compiled. `compiling` is called before a
/// compilation that no entry saves.
Result<std::shared_ptr<const Package>>
compileCached(const Model &model, const CompileOptions &options,
              const std::function<void()> &compiling);

} // namespace quipu

#endif // QUIPU_COMPILER_PACKAGECACHE_H
