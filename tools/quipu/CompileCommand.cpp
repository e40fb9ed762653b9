//===- CompileCommand.cpp - quipu compile: a model into one file ----------===//
//
// Writes a package that runs by itself, or shows what a stage of the
// compilation made.
//
//===----------------------------------------------------------------------===//

#include "base/PendingFile.h"
#include "frontends/OpenModel.h"
#include "runtime/package/PackageWriter.h"
#include "tools/quipu/ModelLoader.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

using namespace quipu;
namespace fs = std::filesystem;

namespace {

struct CompileCommandOptions {
  LoadRequest load;
  std::string output;
  std::string emit = "package";
  std::vector<std::string> targets;
  std::string weights = "auto";
  int64_t context = 0;
  int64_t pageSize = 64;
  bool stub = true;
  bool remarks = false;
};

/// Weights up to this size go inside the package unless asked otherwise.
constexpr uint64_t embedLimit = uint64_t(4) << 30;

} // namespace

/// The stub that stands in front of packages: beside this executable.
static Result<std::string> findStub() {
  std::error_code error;
  fs::path self = fs::read_symlink("/proc/self/exe", error);
  fs::path stub = self.parent_path() / "quipu-stub";
  if (error || !fs::exists(stub, error))
    return Error{stub.string() + ": the executable part of packages is "
                                 "missing; --no-stub writes a package without"};
  return stub.string();
}

static uint64_t weightBytes(const Model &model) {
  uint64_t bytes = 0;
  for (const TensorSource &tensor : model.tensors)
    bytes += tensor.file >= 0 ? tensor.bytes : 0;
  return bytes;
}

static Result<void> writeText(const std::string &text,
                              const std::string &path) {
  if (path.empty() || path == "-") {
    std::fwrite(text.data(), 1, text.size(), stdout);
    return {};
  }
  Result<PendingFile> file = PendingFile::create(path);
  if (!file)
    return file.error();
  if (auto done = file->write(std::as_bytes(std::span(text))); !done)
    return done;
  return file->commit();
}

/// Whether `path` is one of the files that `model` is read from.
static bool isPartOf(const Model &model, const std::string &path) {
  std::error_code error;
  return fs::equivalent(path, model.path, error) ||
         std::ranges::any_of(model.files, [&](const std::string &file) {
           return fs::equivalent(path, file, error);
         });
}

static Result<void> writeModel(const Model &model,
                               const CompileCommandOptions &command,
                               const CompileOptions &options) {
  if (isPartOf(model, command.output))
    return Error{command.output + ": would replace the model itself"};
  PackageWriteOptions writing;
  writing.progress = [show = progressLine("writing weights")](int64_t done,
                                                              int64_t total) {
    show(done, total);
    return true;
  };
  uint64_t bytes = weightBytes(model);
  writing.embedWeights = command.weights == "inside" ||
                         (command.weights == "auto" && bytes <= embedLimit);
  if (bytes == 0)
    writing.embedWeights = false;
  if (command.stub) {
    Result<std::string> stub = findStub();
    if (!stub)
      return stub.error();
    writing.stub = *stub;
  }
  CompileOptions shipped = options;
  shipped.assemble = true;
  shipped.warning = [](const std::string &line) {
    std::fprintf(stderr, "quipu: warning: %s\n", line.c_str());
  };
  Result<std::shared_ptr<Package>> package = compileModel(model, shipped);
  if (!package)
    return package.error();
  return writePackage(**package, command.output, writing);
}

static Result<void> compile(const CompileCommandOptions &command) {
  Result<Model> model = openModel(command.load.model);
  if (!model)
    return model.error();
  CompileOptions options = compileOptions(command.load, model->compile);
  if (!command.targets.empty())
    options.targets = command.targets;
  else if (command.emit == "ptx" || command.emit == "nvvm")
    options.targets = {"sm_80"}; // runs on every later GPU
  if (command.context > 0)
    options.context = command.context;
  options.pageSize = command.pageSize;
  if (command.remarks)
    options.remark = [](const std::string &line) {
      std::fprintf(stderr, "remark: %s\n", line.c_str());
    };
  std::optional<Stage> stage = parseStage(command.emit);
  if (!stage)
    return Error{"--emit: unknown stage '" + command.emit + "'"};
  if (*stage == Stage::package)
    return writeModel(*model, command, options);
  Result<std::string> text = emitStage(*model, *stage, options);
  if (!text)
    return text.error();
  return writeText(*text, command.output);
}

void quipu::addCompileCommand(CLI::App &app, CommandHost &host) {
  CLI::App *command = app.add_subcommand(
      "compile", "make one file that runs by itself, or show a stage");
  auto options = std::make_shared<CompileCommandOptions>();
  addCompileOptions(*command, options->load);
  command->add_option("-o,--output", options->output, "file to write")
      ->type_name("FILE");
  command
      ->add_option("--target", options->targets,
                   "targets, separated by commas: cpu, sm_80, sm_90a, ...; "
                   "default: all CPU levels")
      ->delimiter(',')
      ->type_name("LIST");
  command
      ->add_option("--emit", options->emit,
                   "stop after a stage and print it: llama, fused, kernel, "
                   "plan, llvm or nvvm, asm or ptx; default: package")
      ->type_name("STAGE")
      ->check(CLI::IsMember({"llama", "fused", "kernel", "plan", "llvm", "nvvm",
                             "asm", "ptx", "package"}));
  command
      ->add_option("--weights", options->weights,
                   "inside the package, beside it, or auto: inside up to "
                   "4 GiB")
      ->type_name("WHERE")
      ->check(CLI::IsMember({"auto", "inside", "beside"}));
  command
      ->add_option("-c,--ctx-size", options->context,
                   "longest context in tokens; 0: the model's")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  command
      ->add_option("--page-size", options->pageSize,
                   "tokens of a KV page; a power of two from 16")
      ->type_name("N")
      ->check(CLI::IsMember({16, 32, 64, 128, 256}));
  command->add_flag_callback(
      "--no-stub", [options] { options->stub = false; },
      "write a package that only `quipu run` opens");
  command->add_flag("--remarks", options->remarks,
                    "say on stderr what was not fused, and why");
  command->callback([options, &host] {
    if (options->output.empty() && options->emit == "package")
      throw CLI::RequiredError("-o FILE, where to write the package,");
    Result<void> done = compile(*options);
    host.status = done ? 0 : fail(done.error());
  });
}
