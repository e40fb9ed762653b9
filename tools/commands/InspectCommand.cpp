//===- InspectCommand.cpp - quipu inspect: what is in a file --------------===//
//
// Prints what DescribeFile.h says of a file, for people or as JSON.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/Command.h"
#include "tools/commands/DescribeFile.h"

#include <nlohmann/json.hpp>

#include <cstdio>

using namespace quipu;
using Json = nlohmann::ordered_json;

namespace {

struct InspectOptions {
  std::string path;
  bool tensors = false;
  bool json = false;
};

} // namespace

/// One `key value` a line; lists of objects as one line an object.
static void printText(const Json &json) {
  for (const auto &[key, value] : json.items()) {
    if (!value.is_array()) {
      std::string text =
          value.is_string() ? value.get<std::string>() : value.dump();
      std::printf("%-24s %s\n", key.c_str(), text.c_str());
      continue;
    }
    std::printf("%s\n", key.c_str());
    for (const Json &element : value) {
      std::printf(" ");
      for (const auto &[inner, each] : element.items()) {
        std::string text =
            each.is_string() ? each.get<std::string>() : each.dump();
        std::printf(" %s=%s", inner.c_str(), text.c_str());
      }
      std::printf("\n");
    }
  }
}

static int inspect(CommandHost &host, const InspectOptions &options) {
  Result<Json> json = Error{};
  if (host.ownPackage) {
    Result<std::shared_ptr<const Package>> package = host.load({});
    if (!package)
      return fail(package.error());
    json = describePackage(**package, options.tensors);
  } else {
    json = describeFile(options.path, options.tensors);
  }
  if (!json)
    return fail(json.error());
  if (options.json)
    print(*json, 2);
  else
    printText(*json);
  return 0;
}

void quipu::addInspectCommand(CLI::App &app, CommandHost &host) {
  CLI::App *command = app.add_subcommand(
      "inspect", "show what is in a model, package, weight file or tokenizer");
  auto options = std::make_shared<InspectOptions>();
  if (!host.ownPackage)
    command
        ->add_option(
            "FILE", options->path,
            "a model file or folder, a compiled package, a .safetensors "
            "file or a tokenizer")
        ->required();
  command->add_flag("--tensors", options->tensors, "list the tensors");
  command->add_flag("--json", options->json, "print one JSON object");
  command->callback(
      [options, &host] { host.status = inspect(host, *options); });
}
