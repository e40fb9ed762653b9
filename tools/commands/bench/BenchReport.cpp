//===- BenchReport.cpp - What a benchmark found ---------------------------===//
//
// Every figure is a function of samples and costs, so that table and JSON
// cannot disagree.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/bench/BenchReport.h"

#include "tools/commands/bench/Ceilings.h"
#include "tools/commands/emulate/EmulateReport.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdarg>
#include <cstdio>

using namespace quipu;
using nlohmann::ordered_json;

/// Division where nothing measured gives 0.
static double ratio(double dividend, double divisor) {
  return divisor > 0 ? dividend / divisor : 0;
}

template <typename Figure>
static double medianOf(const BenchReport &report, Figure figure) {
  std::vector<double> values;
  for (const BenchSample &sample : report.samples)
    values.push_back(figure(sample));
  return median(std::move(values));
}

double BenchReport::promptTokensPerSecond() const {
  return medianOf(*this, [&](const BenchSample &sample) {
    return ratio(double(promptTokens), sample.promptSeconds);
  });
}

double BenchReport::decodeTokensPerSecond() const {
  return medianOf(*this, [&](const BenchSample &sample) {
    return ratio(double(decodeTokens), sample.decodeSeconds);
  });
}

double BenchReport::decodeBytesPerToken() const {
  return ratio(double(decodeCost.bytes()), double(decodeTokens));
}

double BenchReport::decodeReadBytesPerSecond() const {
  return medianOf(*this, [&](const BenchSample &sample) {
    return ratio(double(decodeCost.bytes()), sample.decodeSeconds);
  });
}

double BenchReport::readCeilingBytesPerSecond() const {
  return medianOf(*this, [](const BenchSample &sample) {
    return sample.readBytesPerSecond;
  });
}

double BenchReport::decodeReadShare() const {
  return medianOf(*this, [&](const BenchSample &sample) {
    return ratio(ratio(double(decodeCost.bytes()), sample.decodeSeconds),
                 sample.readBytesPerSecond);
  });
}

double BenchReport::prefillFlopsPerSecond() const {
  return medianOf(*this, [&](const BenchSample &sample) {
    return ratio(double(promptCost.flops), sample.promptSeconds);
  });
}

double BenchReport::peakFlopsPerSecond() const {
  return medianOf(*this, [](const BenchSample &sample) {
    return sample.peakFlopsPerSecond;
  });
}

double BenchReport::prefillPeakShare() const {
  return medianOf(*this, [&](const BenchSample &sample) {
    return ratio(ratio(double(promptCost.flops), sample.promptSeconds),
                 sample.peakFlopsPerSecond);
  });
}

static double totalSeconds(const std::vector<ProfileRow> &rows) {
  double total = 0;
  for (const ProfileRow &row : rows)
    total += row.seconds;
  return total;
}

static ordered_json profileJson(const std::vector<ProfileRow> &rows) {
  double total = totalSeconds(rows);
  ordered_json result = ordered_json::array();
  for (const ProfileRow &row : rows) {
    result.push_back(
        {{"name", row.name},
         {"skeleton", row.skeleton},
         {"calls", row.calls},
         {"seconds", row.seconds},
         {"time_share", ratio(row.seconds, total)},
         {"read_bytes_per_second",
          ratio(double(row.cost.bytes()), row.seconds)},
         {"flops_per_second", ratio(double(row.cost.flops), row.seconds)}});
    if (row.counters)
      result.back()["counters"] = describeCounters(*row.counters);
  }
  return result;
}

ordered_json quipu::toJson(const BenchReport &report) {
  ordered_json json = {
      {"model", report.model},
      {"target", report.target},
      {"threads", report.threads},
      {"parameters", report.parameters},
      {"prompt_tokens", report.promptTokens},
      {"decode_tokens", report.decodeTokens},
      {"repetitions", report.samples.size()},
      {"package_seconds", report.packageSeconds},
      {"load_seconds", report.loadSeconds},
      {"prompt_tokens_per_second", report.promptTokensPerSecond()},
      {"prefill_flops", report.promptCost.flops},
      {"prefill_flops_per_second", report.prefillFlopsPerSecond()},
      {"arithmetic", report.arithmetic},
      {"arithmetic_peak_flops_per_second", report.peakFlopsPerSecond()},
      {"prefill_peak_share", report.prefillPeakShare()},
      {"decode_tokens_per_second", report.decodeTokensPerSecond()},
      {"decode_bytes_per_token", report.decodeBytesPerToken()},
      {"decode_read_bytes_per_second", report.decodeReadBytesPerSecond()},
      {"read_ceiling_bytes_per_second", report.readCeilingBytesPerSecond()},
      {"decode_read_share", report.decodeReadShare()},
  };
  ordered_json samples = ordered_json::array();
  for (const BenchSample &sample : report.samples)
    samples.push_back(
        {{"prompt_seconds", sample.promptSeconds},
         {"decode_seconds", sample.decodeSeconds},
         {"read_ceiling_bytes_per_second", sample.readBytesPerSecond},
         {"arithmetic_peak_flops_per_second", sample.peakFlopsPerSecond}});
  json["samples"] = std::move(samples);
  if (!report.promptProfile.empty() || !report.decodeProfile.empty())
    json["profile"] = {{"prompt", profileJson(report.promptProfile)},
                       {"decode", profileJson(report.decodeProfile)}};
  return json;
}

__attribute__((format(printf, 2, 3))) static void add(std::string &text,
                                                      const char *format, ...) {
  char line[256];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  text += line;
}

/// Billions a second, or blanks for none.
static std::string rateText(int64_t amount, double seconds, int width) {
  char text[32] = "";
  if (amount > 0)
    std::snprintf(text, sizeof text, "%.1f",
                  ratio(double(amount), seconds) / 1e9);
  std::string result = text;
  return std::string(std::max<int64_t>(0, width - int64_t(result.size())),
                     ' ') +
         result;
}

static void addProfile(std::string &text, const char *phase,
                       const std::vector<ProfileRow> &rows) {
  if (rows.empty())
    return;
  double total = totalSeconds(rows);
  add(text, "\n%-22s %-18s %6s %9s %6s %8s %9s\n", phase, "skeleton", "calls",
      "ms", "share", "GB/s", "GFLOP/s");
  for (const ProfileRow &row : rows) {
    add(text, "  %-20s %-18s %6ld %9.3f %5.1f%% ", row.name.c_str(),
        row.skeleton.c_str(), long(row.calls), row.seconds * 1e3,
        100 * ratio(row.seconds, total));
    add(text, "%s %s\n", rateText(row.cost.bytes(), row.seconds, 8).c_str(),
        rateText(row.cost.flops, row.seconds, 9).c_str());
  }
}

/// What an emulator counted, in millions; used: of the sectors moved for
/// weights; conflicts: of the passes over shared memory.
static void addCounters(std::string &text, const char *phase,
                        const std::vector<ProfileRow> &rows) {
  if (rows.empty() || !rows.front().counters)
    return;
  add(text, "\n%-22s %8s %10s %8s %6s %9s %8s %8s %9s %9s\n", phase, "instr.",
      "weights MB", "unique", "used", "loads MB", "unique", "stores",
      "conflicts", "mma MMAC");
  auto millions = [](int64_t count) { return double(count) / 1e6; };
  for (const ProfileRow &row : rows) {
    if (!row.counters)
      continue;
    const emulator::Counters &counted = *row.counters;
    const emulator::Traffic &weights = counted.weightLoads();
    emulator::Traffic loads = counted.otherLoads();
    add(text, "  %-20s %8.3f %10.3f %8.3f %5.1f%% ", row.name.c_str(),
        millions(counted.instructions()), millions(weights.bytes),
        millions(weights.uniqueBytes), 100 * weights.efficiency());
    add(text, "%9.3f %8.3f %8.3f %8.1f%% %9.1f\n", millions(loads.bytes),
        millions(loads.uniqueBytes), millions(counted.allStores().bytes),
        100 * ratio(double(counted.bankConflicts),
                    double(counted.sharedWavefronts)),
        millions(counted.tensorMacs));
  }
}

std::string quipu::toText(const BenchReport &report) {
  std::string text;
  add(text, "%s: %.1f M parameters\n", report.model.c_str(),
      double(report.parameters) / 1e6);
  add(text, "%s, %d thread%s, %zu repetition%s; loaded in %.2f s\n\n",
      report.target.c_str(), report.threads, report.threads == 1 ? "" : "s",
      report.samples.size(), report.samples.size() == 1 ? "" : "s",
      report.packageSeconds + report.loadSeconds);
  add(text, "prompt  %6ld tokens %10.1f tokens/s  %8.1f GFLOP/s",
      long(report.promptTokens), report.promptTokensPerSecond(),
      report.prefillFlopsPerSecond() / 1e9);
  if (report.peakFlopsPerSecond() > 0)
    add(text, ", %5.1f %% of %.1f (%s)", 100 * report.prefillPeakShare(),
        report.peakFlopsPerSecond() / 1e9, report.arithmetic.c_str());
  add(text, "\ndecode  %6ld tokens %10.1f tokens/s  %8.1f GB/s",
      long(report.decodeTokens), report.decodeTokensPerSecond(),
      report.decodeReadBytesPerSecond() / 1e9);
  add(text, ",    %5.1f %% of %.1f (reads)\n", 100 * report.decodeReadShare(),
      report.readCeilingBytesPerSecond() / 1e9);
  add(text, "        %.1f MB read for a token\n",
      report.decodeBytesPerToken() / 1e6);
  addProfile(text, "prompt", report.promptProfile);
  addProfile(text, "decode", report.decodeProfile);
  addCounters(text, "prompt", report.promptProfile);
  addCounters(text, "decode", report.decodeProfile);
  return text;
}
