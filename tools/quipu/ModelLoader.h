//===- ModelLoader.h - A model named on the command line --------*- C++ -*-===//
//
// What makes `quipu run MODEL` just work: a package is opened, anything else is
// compiled for this processor, through the cache.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_MODELLOADER_H
#define QUIPU_TOOLS_QUIPU_MODELLOADER_H

#include "compiler/Compile.h"
#include "tools/commands/Command.h"

namespace quipu {

/// Opens or compiles what `request` names.
Result<std::shared_ptr<const Package>> loadModel(const LoadRequest &request);

/// The compiler options that `request` asks for, and where it is silent, those
/// that the model file itself wishes for.
CompileOptions compileOptions(const LoadRequest &request,
                              const CompileWishes &wishes);

/// Whether the file at `path` is a package.
Result<bool> isPackage(const std::string &path);

/// Adds `compile` to `app`.
void addCompileCommand(CLI::App &app, CommandHost &host);
/// Adds `explain` to `app`.
void addExplainCommand(CLI::App &app, CommandHost &host);

} // namespace quipu

#endif // QUIPU_TOOLS_QUIPU_MODELLOADER_H
