//===- quipu-stub.cpp - The executable part of a package ------------------===//
//
// Stands in front of a package that `quipu compile` wrote and runs it: the
// runtime and its commands, and no compiler.
//
//===----------------------------------------------------------------------===//

#include "runtime/package/PackageReader.h"
#include "tools/commands/Command.h"

int main(int argc, char **argv) {
  CLI::App app{"A language model compiled by Quipu"};
  app.set_version_flag("--version", "quipu " QUIPU_VERSION);
  app.require_subcommand(0, 1);
  app.footer("Without a command it answers the prompt given with -p.");
  quipu::CommandHost host;
  host.ownPackage = true;
  host.load = [](const quipu::LoadRequest &) {
    return quipu::readPackage("/proc/self/exe");
  };
  quipu::setUpRun(app, host);
  quipu::addChatCommand(app, host);
  quipu::addInspectCommand(app, host);
  quipu::addPlanCommand(app, host);
  quipu::addBenchCommand(app, host);
  return quipu::runApp(app, argc, argv, host);
}
