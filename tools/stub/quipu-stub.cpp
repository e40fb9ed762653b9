//===- quipu-stub.cpp - The executable part of a package ------------------===//
//
// Stands in front of a package that `quipu compile` wrote and runs it: the
// runtime and its commands, and no compiler.
//
//===----------------------------------------------------------------------===//

#include "base/MappedFile.h"
#include "runtime/package/PackageReader.h"
#include "tools/commands/Command.h"

#include <filesystem>
#include <sys/auxv.h>

using namespace quipu;

/// The package behind this program. Weights that lie beside it are found from
/// where it really is, and /proc/self/exe opens even if it has moved since;
/// where there is no /proc, the path that the kernel was given will do.
static Result<std::shared_ptr<const Package>> ownPackage() {
  const char *self = "/proc/self/exe";
  std::error_code error;
  std::string path = std::filesystem::read_symlink(self, error).string();
  if (error)
    self = reinterpret_cast<const char *>(getauxval(AT_EXECFN));
  Result<MappedFile> file = MappedFile::open(self);
  if (!file)
    return file.error();
  auto owner = std::make_shared<const MappedFile>(std::move(*file));
  return readPackage(owner->bytes(), error ? self : path, owner);
}

int main(int argc, char **argv) {
  CLI::App app{"A language model compiled by Quipu"};
  app.set_version_flag("--version", "quipu " QUIPU_VERSION);
  app.require_subcommand(0, 1);
  app.footer("Without a command it answers the prompt given with -p.");
  CommandHost host;
  host.ownPackage = true;
  host.load = [](const LoadRequest &) { return ownPackage(); };
  setUpRun(app, host);
  addChatCommand(app, host);
  addInspectCommand(app, host);
  addPlanCommand(app, host);
  addBenchCommand(app, host);
  addCheckCommand(app, host);
  return runApp(app, argc, argv, host);
}
