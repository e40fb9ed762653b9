//===- EmulateReport.cpp - What an emulated run found ---------------------===//
//
// Tables print the JSON's figures, so that the two cannot disagree.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/emulate/EmulateReport.h"

#include "base/PendingFile.h"
#include "runtime/devices/emulator/ptx/FormTable.h"

#include <cstdio>

using namespace quipu;
using namespace quipu::emulator;
using Json = nlohmann::ordered_json;

Result<void> quipu::collectOutputs(Emulator &emulator, const LaunchFile &file,
                                   std::span<const uint64_t> addresses,
                                   std::vector<EmulatedOutput> &outputs) {
  for (const LaunchFile::Output &output : file.outputs) {
    size_t size = numberBytes(output.type);
    uint64_t address = addresses[size_t(output.buffer)] + output.first * size;
    std::span<const std::byte> bytes =
        emulator.view(address, output.count * size);
    if (!output.file.empty()) {
      Result<PendingFile> pending = PendingFile::create(output.file);
      if (!pending)
        return pending.error();
      Result<void> written = pending->write(bytes);
      if (written)
        written = pending->commit();
      if (!written)
        return written;
      continue;
    }
    EmulatedOutput &collected = outputs.emplace_back();
    collected.buffer = file.buffers[size_t(output.buffer)].name;
    collected.type = output.type;
    collected.first = output.first;
    for (uint64_t i = 0; i < output.count; ++i)
      collected.values.push_back(emulator.isDefined(address + i * size, size)
                                     ? readNumber(&bytes[i * size], output.type)
                                     : Json());
  }
  return {};
}

Json quipu::describeKernels(Emulator &emulator) {
  const ptx::Module &module = emulator.module();
  Json json = {{"file", module.fileName},
               {"version", std::to_string(module.versionMajor) + "." +
                               std::to_string(module.versionMinor)},
               {"target", module.target},
               {"kernels", Json::array()}};
  for (const ptx::Function &entry : module.functions) {
    if (!entry.isEntry || !entry.hasBody())
      continue;
    Result<const ptx::Function *> ready = emulator.ready(entry.name);
    const ptx::Function &function = ready ? **ready : entry;
    Json kernel = {{"name", function.name},
                   {"line", function.line},
                   {"instructions", function.instructions.size()},
                   {"static_shared_bytes", function.sharedBytes},
                   {"dynamic_shared", function.usesDynamicShared},
                   {"local_bytes", function.localBytes},
                   {"parameters", Json::array()}};
    if (function.requiredThreads || function.maxThreads) {
      const ptx::BlockSize &size = function.requiredThreads
                                       ? *function.requiredThreads
                                       : *function.maxThreads;
      kernel["block"] = {size.x, size.y, size.z};
    }
    for (const ptx::Variable &parameter : function.parameters)
      kernel["parameters"].push_back({{"name", parameter.name},
                                      {"type", ptx::name(parameter.type)},
                                      {"offset", parameter.offset},
                                      {"bytes", parameter.size}});
    if (!ready)
      kernel["refused"] = ready.error().message;
    json["kernels"].push_back(std::move(kernel));
  }
  return json;
}

void quipu::printKernels(Emulator &emulator) {
  Json json = describeKernels(emulator);
  std::printf("%s: PTX %s for %s\n", emulator.module().fileName.c_str(),
              json["version"].get_ref<const std::string &>().c_str(),
              emulator.module().target.c_str());
  for (const Json &kernel : json["kernels"]) {
    std::printf("kernel %s: line %s, %s instructions, %s bytes of static "
                "shared memory\n",
                kernel["name"].get_ref<const std::string &>().c_str(),
                kernel["line"].dump().c_str(),
                kernel["instructions"].dump().c_str(),
                kernel["static_shared_bytes"].dump().c_str());
    for (const Json &parameter : kernel["parameters"])
      std::printf("  %-32s .%-4s at %4s, %s bytes\n",
                  parameter["name"].get_ref<const std::string &>().c_str(),
                  parameter["type"].get_ref<const std::string &>().c_str(),
                  parameter["offset"].dump().c_str(),
                  parameter["bytes"].dump().c_str());
    if (kernel.contains("refused"))
      std::printf("  cannot run: %s\n",
                  kernel["refused"].get_ref<const std::string &>().c_str());
  }
}

static Json describe(const Traffic &traffic) {
  return {{"instructions", traffic.instructions},
          {"bytes", traffic.bytes},
          {"distinct_bytes", traffic.distinctBytes},
          {"unique_bytes", traffic.uniqueBytes},
          {"sectors", traffic.sectors},
          {"sector_efficiency", traffic.efficiency()}};
}

Json quipu::describeCounters(const Counters &counters) {
  Json byClass;
  for (int i = 0; i < instructionClasses; ++i)
    byClass[std::string(name(InstructionClass(i)))] =
        counters.warpInstructions[size_t(i)];
  Json byRole;
  for (int i = 0; i < bufferRoles; ++i)
    byRole[std::string(name(BufferRole(i)))] = {
        {"loads", describe(counters.loads[size_t(i)])},
        {"stores", describe(counters.stores[size_t(i)])}};
  return {{"warp_instructions", counters.instructions()},
          {"warp_instructions_by_class", byClass},
          {"thread_instructions", counters.threadInstructions},
          {"weight_loads", describe(counters.weightLoads())},
          {"loads", describe(counters.otherLoads())},
          {"stores", describe(counters.allStores())},
          {"unique_weight_bytes", counters.weightLoads().uniqueBytes},
          {"unique_loaded_bytes", counters.otherLoads().uniqueBytes},
          {"unique_stored_bytes", counters.allStores().uniqueBytes},
          {"traffic_by_role", byRole},
          {"shared_accesses", counters.sharedAccesses},
          {"shared_wavefronts", counters.sharedWavefronts},
          {"bank_conflicts", counters.bankConflicts},
          {"tensor_instructions", counters.tensorInstructions},
          {"tensor_macs", counters.tensorMacs}};
}

static Json describe(const Extent &extent) {
  return {extent.x, extent.y, extent.z};
}

static Json describe(const Report &report) {
  Json json = {{"check", std::string(name(report.check))},
               {"line", report.line},
               {"block", report.block},
               {"thread", report.thread},
               {"threads", report.threads}};
  if (report.space != ptx::Space::generic) {
    json["space"] = std::string(name(report.space));
    json["address"] = report.address;
  }
  if (!report.buffer.empty())
    json["buffer"] = report.buffer;
  json["message"] = report.message;
  return json;
}

Json quipu::describeRun(std::span<const EmulatedLaunch> launches,
                        std::span<const EmulatedOutput> outputs) {
  Json json = {
      {"clean", true}, {"launches", Json::array()}, {"outputs", Json::array()}};
  for (const EmulatedLaunch &launch : launches) {
    Json reports = Json::array();
    for (const Report &report : launch.report.reports)
      reports.push_back(describe(report));
    json["clean"] = json["clean"].get<bool>() && launch.report.clean();
    json["launches"].push_back(
        {{"kernel", launch.kernel},
         {"grid", describe(launch.shape.grid)},
         {"block", describe(launch.shape.block)},
         {"seconds", launch.report.seconds},
         {"findings", reports},
         {"counters", describeCounters(launch.report.counters)}});
  }
  for (const EmulatedOutput &output : outputs)
    json["outputs"].push_back({{"buffer", output.buffer},
                               {"type", std::string(name(output.type))},
                               {"first", output.first},
                               {"values", output.values}});
  return json;
}

static void printTraffic(const char *name, const Json &traffic,
                         const Json &unique) {
  std::printf(
      "  %-14s %10s instructions %12s bytes %10s sectors %6.1f %% "
      "used; %s bytes distinct\n",
      name, traffic["instructions"].dump().c_str(),
      traffic["bytes"].dump().c_str(), traffic["sectors"].dump().c_str(),
      100 * traffic["sector_efficiency"].get<double>(), unique.dump().c_str());
}

static void printLaunch(const Json &launch) {
  std::printf("kernel %s: grid %s, block %s, %.3f s\n",
              launch["kernel"].get_ref<const std::string &>().c_str(),
              launch["grid"].dump().c_str(), launch["block"].dump().c_str(),
              launch["seconds"].get<double>());
  const Json &counters = launch["counters"];
  std::printf("  %-14s %10s", "instructions",
              counters["warp_instructions"].dump().c_str());
  for (const auto &[kind, count] :
       counters["warp_instructions_by_class"].items())
    if (count != 0)
      std::printf(" %s=%s", kind.c_str(), count.dump().c_str());
  std::printf("\n");
  printTraffic("weight loads", counters["weight_loads"],
               counters["unique_weight_bytes"]);
  printTraffic("loads", counters["loads"], counters["unique_loaded_bytes"]);
  printTraffic("stores", counters["stores"], counters["unique_stored_bytes"]);
  std::printf("  %-14s %10s instructions %12s wavefronts %6s of them "
              "conflicts\n",
              "shared", counters["shared_accesses"].dump().c_str(),
              counters["shared_wavefronts"].dump().c_str(),
              counters["bank_conflicts"].dump().c_str());
  if (counters["tensor_instructions"] != 0)
    std::printf("  %-14s %10s instructions %12s multiply-adds\n", "tensor",
                counters["tensor_instructions"].dump().c_str(),
                counters["tensor_macs"].dump().c_str());
  for (const Json &finding : launch["findings"])
    std::printf("  %s\n",
                finding["message"].get_ref<const std::string &>().c_str());
}

void quipu::printRun(std::span<const EmulatedLaunch> launches,
                     std::span<const EmulatedOutput> outputs) {
  Json json = describeRun(launches, outputs);
  for (const Json &launch : json["launches"])
    printLaunch(launch);
  for (const Json &output : json["outputs"]) {
    std::printf("%s =",
                output["buffer"].get_ref<const std::string &>().c_str());
    for (const Json &value : output["values"])
      std::printf(" %s", value.is_null()     ? "undefined"
                         : value.is_string() ? value.get<std::string>().c_str()
                                             : value.dump().c_str());
    std::printf("\n");
  }
}
