//===- EmulateCommand.cpp - quipu emulate: run PTX on the processor -------===//
//
// Runs the launches of a launch file one after the other and says what the
// emulator found wrong and counted. Findings make the exit status 1.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/Command.h"

#include "base/MappedFile.h"
#include "tools/commands/emulate/EmulateReport.h"

using namespace quipu;
using namespace quipu::emulator;

namespace {

struct EmulateOptions {
  std::string ptx;
  std::string launch; // empty: list the kernels
  Options emulator;
  bool json = false;

  // Below half a minute even where all instructions are volatile loads.
  EmulateOptions() { emulator.maxInstructions = int64_t(1) << 27; }
};

} // namespace

static int listKernels(Emulator &emulator, const EmulateOptions &options) {
  if (options.json)
    print(describeKernels(emulator), 2);
  else
    printKernels(emulator);
  return 0;
}

/// Runs every launch; fills `done`.
static Result<void> runLaunches(Emulator &emulator, const LaunchFile &file,
                                std::span<const uint64_t> addresses,
                                std::vector<EmulatedLaunch> &done) {
  for (const LaunchFile::Launch &launch : file.launches) {
    std::string where =
        file.path + ": launches[" + std::to_string(done.size()) + "]: ";
    const ptx::Function *kernel = emulator.module().entry(launch.kernel);
    if (!kernel)
      return Error{where + "no kernel '" + launch.kernel + "' in " +
                   emulator.module().fileName};
    Result<std::vector<std::byte>> parameters =
        encodeParameters(launch, *kernel, addresses);
    if (!parameters)
      return Error{where + parameters.error().message};
    Result<Extent> block = blockOf(launch, *kernel);
    if (!block)
      return Error{where + block.error().message};
    LaunchShape shape{launch.grid, *block, launch.sharedBytes};
    Result<LaunchReport> report =
        emulator.launch(launch.kernel, shape, *parameters);
    if (!report)
      return Error{where + report.error().message};
    done.push_back({launch.kernel, shape, std::move(*report)});
    if (!done.back().report.clean())
      break; // what follows would run on garbage
  }
  return {};
}

static int emulate(const EmulateOptions &options) {
  Result<MappedFile> text = MappedFile::open(options.ptx);
  if (!text)
    return fail(text.error());
  std::string_view view(reinterpret_cast<const char *>(text->bytes().data()),
                        text->bytes().size());
  Result<std::unique_ptr<Emulator>> emulator =
      Emulator::load(view, options.ptx, options.emulator);
  if (!emulator)
    return fail(emulator.error());
  if (options.launch.empty())
    return listKernels(**emulator, options);
  Result<LaunchFile> file = readLaunchFile(options.launch);
  if (!file)
    return fail(file.error());
  std::vector<uint64_t> addresses;
  for (LaunchFile::Buffer &buffer : file->buffers) {
    Result<uint64_t> address = (*emulator)->addBuffer(
        {buffer.name, buffer.contents.size(), buffer.writable, buffer.defined,
         buffer.contents.data(), buffer.role});
    if (!address)
      return fail(address.error());
    addresses.push_back(*address);
  }
  std::vector<EmulatedLaunch> launches;
  Result<void> done = runLaunches(**emulator, *file, addresses, launches);
  if (!done)
    return fail(done.error());
  std::vector<EmulatedOutput> outputs;
  Result<void> collected =
      collectOutputs(**emulator, *file, addresses, outputs);
  if (!collected)
    return fail(collected.error());
  if (options.json)
    print(describeRun(launches, outputs), 2);
  else
    printRun(launches, outputs);
  size_t findings = launches.back().report.reports.size();
  if (findings == 0)
    return 0;
  return fail(Error{options.ptx + ": kernel '" + launches.back().kernel +
                    "' has " + std::to_string(findings) +
                    (findings == 1 ? " finding" : " findings")});
}

void quipu::addEmulateCommand(CLI::App &app, CommandHost &host) {
  CLI::App *command = app.add_subcommand(
      "emulate", "run PTX on the processor, checking what it does");
  auto options = std::make_shared<EmulateOptions>();
  command->add_option("FILE", options->ptx, "a PTX file")
      ->required()
      ->type_name("FILE.ptx");
  command
      ->add_option("LAUNCH", options->launch,
                   "what to run, see docs/emulator.md; default: list the "
                   "kernels")
      ->type_name("LAUNCH.json");
  command
      ->add_option("-t,--threads", options->emulator.threads,
                   "threads to emulate with; 0: all")
      ->type_name("N")
      ->check(CLI::Range(0, 4096));
  command
      ->add_option("--seed", options->emulator.seed,
                   "of the order in which warps and blocks run; 0: in turn")
      ->type_name("N");
  command
      ->add_option("--max-reports", options->emulator.maxReports,
                   "findings to report of a launch")
      ->type_name("N")
      ->check(CLI::Range(1, 1000));
  command
      ->add_option("--max-instructions", options->emulator.maxInstructions,
                   "warp instructions of a launch before it counts as hung; "
                   "default: 134217728")
      ->type_name("N")
      ->check(CLI::Range(int64_t(1), int64_t(1) << 50));
  command->add_flag("--json", options->json, "print one JSON object");
  command->callback([options, &host] { host.status = emulate(*options); });
}
