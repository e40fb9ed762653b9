//===- Command.cpp - What the commands share ------------------------------===//
//
// The options that every command with a MODEL takes, and the one way to fail.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/Command.h"

#include <cstdio>

using namespace quipu;

int quipu::fail(const Error &error) {
  std::fprintf(stderr, "quipu: error: %s\n", error.message.c_str());
  return 1;
}

void quipu::addModelOptions(CLI::App &app, const CommandHost &host,
                            LoadRequest &request) {
  app.add_option("--cpu-target", request.cpuTarget,
                 "code for this CPU level (x86-64-v3, x86-64-v4, "
                 "x86-64-v4-bf16); default: the best this CPU runs")
      ->type_name("NAME");
  if (host.ownPackage)
    return;
  app.add_option("MODEL,-m,--model", request.model,
                 "a .gguf file, a Hugging Face folder or id, a .toml config, "
                 "or a compiled package")
      ->required()
      ->type_name("MODEL");
  auto *level = app.add_option("-O", request.optLevel,
                               "optimization: 0 fuses nothing, 2 is the "
                               "default")
                    ->type_name("LEVEL")
                    ->check(CLI::Range(0, 3));
  level->group("Compilation");
  app.add_option("--fuse", request.fuse,
                 "add (+name) or leave out (-name) fusions, separated by "
                 "commas")
      ->delimiter(',')
      ->type_name("LIST")
      ->group("Compilation");
  app.add_option("--kv-type", request.kvType,
                 "element type of the KV cache: f32, f16 or bf16")
      ->type_name("TYPE")
      ->check(CLI::IsMember({"f32", "f16", "bf16"}))
      ->group("Compilation");
  app.add_flag("!--no-cache", request.cache,
               "compile anew, and keep nothing in the cache")
      ->group("Compilation");
}

int quipu::runApp(CLI::App &app, int argc, char **argv,
                  const CommandHost &host) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    // Help and version are "errors" with status 0.
    return app.exit(error) == 0 ? 0 : 2;
  }
  return host.status;
}
