//===- Command.cpp - What the commands share ------------------------------===//
//
// The options that every command with a MODEL takes, and the one way to fail.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/Command.h"

#include <nlohmann/json.hpp>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <unistd.h>

using namespace quipu;

int quipu::fail(const Error &error) {
  std::fprintf(stderr, "quipu: error: %s\n", error.message.c_str());
  return 1;
}

Result<std::string> quipu::readText(const std::string &path) {
  std::unique_ptr<std::FILE, int (*)(std::FILE *)> file(
      path == "-" ? stdin : std::fopen(path.c_str(), "rb"), std::fclose);
  std::string text;
  char part[4096];
  size_t count = 1;
  while (file && count > 0) {
    count = std::fread(part, 1, sizeof part, file.get());
    text.append(part, count);
  }
  if (!file || std::ferror(file.get()))
    return Error{path + ": cannot be read: " + std::strerror(errno)};
  return text;
}

void quipu::print(const nlohmann::ordered_json &json, int indent) {
  std::string text =
      json.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
  std::printf("%s\n", text.c_str());
}

void quipu::addCompileOptions(CLI::App &app, LoadRequest &request) {
  app.add_option("MODEL,-m,--model", request.model,
                 "a .gguf file, a Hugging Face folder or id, or a .toml config")
      ->required()
      ->type_name("")
      ->option_text(" ");
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
  app.add_option("--gemm", request.gemm,
                 "who computes linear layers of many tokens on a GPU: "
                 "generated (default) kernels or cublas")
      ->type_name("NAME")
      ->check(CLI::IsMember({"generated", "cublas"}))
      ->group("Compilation");
}

void quipu::addModelOptions(CLI::App &app, const CommandHost &host,
                            LoadRequest &request) {
  app.add_option("--cpu-target", request.cpuTarget,
                 "code for this CPU level (x86-64-v3, x86-64-v4, "
                 "x86-64-v4-bf16); default: the best this CPU runs")
      ->type_name("NAME");
  if (host.ownPackage)
    return;
  addCompileOptions(app, request);
  app.get_option("--model")->description("a .gguf file, a Hugging Face folder "
                                         "or id, a .toml config, or a compiled "
                                         "package");
  app.add_flag_callback(
         "--no-cache", [&request] { request.cache = false; },
         "compile anew, and keep nothing in the cache")
      ->group("Compilation");
}

void quipu::addDeviceOption(CLI::App &app, LoadRequest &request) {
  request.device = "auto";
  app.add_option("--device", request.device, deviceHelp)->type_name("NAME");
}

namespace {

/// A bar on a terminal that is gone when this is, also after an error.
class ProgressLine {
public:
  explicit ProgressLine(std::string what) : what(std::move(what)) {}
  ~ProgressLine() { erase(); }
  ProgressLine(const ProgressLine &) = delete;
  ProgressLine &operator=(const ProgressLine &) = delete;

  void show(int64_t done, int64_t total);

private:
  using Clock = std::chrono::steady_clock;

  void erase() {
    if (shown >= 0)
      std::fprintf(stderr, "\r\x1b[K");
    shown = -1;
  }

  std::string what;
  Clock::time_point start = Clock::now();
  int64_t shown = -1; // percent; -1: nothing
};

} // namespace

void ProgressLine::show(int64_t done, int64_t total) {
  if (done >= total)
    return erase();
  int64_t percent = done * 100 / total;
  if (percent == shown || Clock::now() - start < std::chrono::milliseconds(300))
    return;
  shown = percent;
  std::string bar(size_t(percent / 5), '#');
  std::fprintf(stderr, "\r%s [%-20s] %3lld %% of %.1f GB", what.c_str(),
               bar.c_str(), static_cast<long long>(percent),
               double(total) / 1e9);
}

std::function<void(int64_t, int64_t)>
quipu::progressLine(const std::string &what) {
  if (!isatty(STDERR_FILENO))
    return [](int64_t, int64_t) {};
  auto line = std::make_shared<ProgressLine>(what);
  return [line](int64_t done, int64_t total) { line->show(done, total); };
}

void quipu::printDevice(Engine &engine) {
  std::fprintf(stderr, "running on %s: %s\n",
               engine.device().description().c_str(),
               engine.deviceReason().c_str());
}

int quipu::runApp(CLI::App &app, int argc, char **argv,
                  const CommandHost &host) {
  bool terminal = isatty(STDOUT_FILENO);
  try {
    app.parse(argc, argv);
  } catch (const CLI::RequiredError &error) {
    // Of an unknown command, CLI11 says that one is missing.
    std::vector<std::string> rest = app.remaining();
    if (!app.get_subcommands().empty() || rest.empty())
      return app.exit(error) == 0 ? 0 : 2;
    std::fprintf(stderr,
                 "unknown command '%s'\nRun with --help for more "
                 "information.\n",
                 rest.front().c_str());
    return 2;
  } catch (const CLI::ParseError &error) {
    // Help and version are "errors" with status 0.
    return app.exit(error) == 0 ? 0 : 2;
  }
  // A full disk may show here only. Where a terminal was closed, nobody misses
  // what it did not show.
  bool closed = terminal && !isatty(STDOUT_FILENO);
  if ((std::fflush(stdout) != 0 || std::ferror(stdout)) && !closed)
    return fail(Error{"standard output: cannot be written"});
  return host.status;
}
