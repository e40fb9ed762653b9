//===- quipu.cpp - The command line ---------------------------------------===//
//
// Joins the commands with the compiler. See `quipu --help` and docs/.
//
//===----------------------------------------------------------------------===//

#include "tools/quipu/ModelLoader.h"

int main(int argc, char **argv) {
  CLI::App app{"Quipu compiles LLaMA-family models and runs them", "quipu"};
  app.set_version_flag("--version", "quipu " QUIPU_VERSION);
  app.require_subcommand(1);
  app.footer("`quipu COMMAND --help` explains a command.");
  quipu::CommandHost host;
  host.load = quipu::loadModel;
  quipu::addRunCommand(app, host);
  quipu::addChatCommand(app, host);
  quipu::addCompileCommand(app, host);
  quipu::addTokenizeCommand(app, host);
  quipu::addInspectCommand(app, host);
  quipu::addPlanCommand(app, host);
  quipu::addExplainCommand(app, host);
  quipu::addBenchCommand(app, host);
  quipu::addCheckCommand(app, host);
  quipu::addEmulateCommand(app, host);
  return quipu::runApp(app, argc, argv, host);
}
