//===- Command.h - What the commands share ----------------------*- C++ -*-===//
//
// A command is a CLI11 subcommand and a function. The `quipu` tool and the stub
// in front of a compiled package offer the same ones; they differ in how a
// model becomes a package, which the host of the commands says. No LLVM here.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_COMMANDS_COMMAND_H
#define QUIPU_TOOLS_COMMANDS_COMMAND_H

#include "base/Result.h"
#include "runtime/generation/Engine.h"
#include "runtime/package/Package.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace quipu {

/// How a model is to be turned into a package.
struct LoadRequest {
  std::string model; // path or id; empty in a stub: the package behind it
  std::optional<int> optLevel; // 0 fuses nothing; none: the model's wish, or 2
  std::vector<std::string> fuse;  // "+norm", "-rope"
  std::string kvType;             // "f16", ...; empty: chosen by the model
  std::string gemm = "generated"; // or "cublas", on a GPU
  std::string cpuTarget;          // empty: the best that the processor runs
  std::string device = "cpu";     // that it is to run on: see DeviceName
  bool alsoCpu = false;           // and on the CPU, to compare with
  bool cache = true;              // keep and reuse compiled kernels
};

/// What a command needs from the program it is part of.
struct CommandHost {
  std::function<Result<std::shared_ptr<const Package>>(const LoadRequest &)>
      load;
  bool ownPackage = false; // a stub: there is no MODEL to name
  int status = 0;          // exit status that the command chose
};

/// Says `error` on stderr as the program's one message; the exit status is 1.
int fail(const Error &error);

/// All of the file at `path`, which may be a pipe; - is standard input.
Result<std::string> readText(const std::string &path);

/// Prints `json`, over several lines unless `indent` is -1. What is not UTF-8
/// in it, as a path may be, becomes U+FFFD.
void print(const nlohmann::ordered_json &json, int indent = -1);

/// Adds MODEL and the options that say how it is compiled.
void addCompileOptions(CLI::App &app, LoadRequest &request);

/// The same for commands that load what was compiled, with what that takes.
void addModelOptions(CLI::App &app, const CommandHost &host,
                     LoadRequest &request);

/// Adds --device, for commands that run a model; `request.device` is set to
/// "auto" where it is not given.
void addDeviceOption(CLI::App &app, LoadRequest &request);

/// A line on stderr that says how much of `what` ("loading weights") is done,
/// where that is a terminal and it takes long enough to wonder. Goes when all
/// is.
std::function<void(int64_t done, int64_t total)>
progressLine(const std::string &what);

/// Says on stderr which device runs the model, and why.
void printDevice(Engine &engine);

/// Each adds one subcommand to `app`; its callback sets host.status.
void addBenchCommand(CLI::App &app, CommandHost &host);
void addChatCommand(CLI::App &app, CommandHost &host);
void addCheckCommand(CLI::App &app, CommandHost &host);
void addEmulateCommand(CLI::App &app, CommandHost &host);
void addInspectCommand(CLI::App &app, CommandHost &host);
void addPlanCommand(CLI::App &app, CommandHost &host);
void addRunCommand(CLI::App &app, CommandHost &host);
void addTokenizeCommand(CLI::App &app, CommandHost &host);

/// The options and callback of `run` on `app` itself: what a stub does when no
/// subcommand is named.
void setUpRun(CLI::App &app, CommandHost &host);

/// Parses the command line and runs what it names. Returns the exit status: 0
/// done, 1 failed, 2 wrong usage.
int runApp(CLI::App &app, int argc, char **argv, const CommandHost &host);

} // namespace quipu

#endif // QUIPU_TOOLS_COMMANDS_COMMAND_H
