//===- BenchReport.h - What a benchmark found -------------------*- C++ -*-===//
//
// Measured times with what they are held against, the figures that follow from
// them, and their forms on paper: a table and docs/bench.md's JSON.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_COMMANDS_BENCH_BENCHREPORT_H
#define QUIPU_TOOLS_COMMANDS_BENCH_BENCHREPORT_H

#include "runtime/devices/emulator/Counters.h"
#include "tools/commands/bench/StepCost.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace quipu {

/// One repetition: the model, and right beside it the ceilings.
struct BenchSample {
  double promptSeconds = 0;
  double decodeSeconds = 0;      // of all decode steps
  double readBytesPerSecond = 0; // the read ceiling
  double peakFlopsPerSecond = 0; // of the arithmetic; 0: not measured
};

/// The launches of one class in one phase of a profiled repetition.
struct ProfileRow {
  std::string name; // launchClass
  std::string skeleton;
  int64_t calls = 0;
  double seconds = 0;
  Cost cost;                                  // of all calls
  std::optional<emulator::Counters> counters; // the same; of an emulator
};

struct BenchReport {
  std::string model;
  std::string target;     // name of the code image: "cpu-x86-64-v4"
  std::string arithmetic; // of the prompt's products: "f32", "bf16"
  int threads = 0;
  int64_t promptTokens = 0;
  int64_t decodeTokens = 0;
  int64_t parameters = 0;
  double packageSeconds = 0; // reading or compiling the model
  double loadSeconds = 0;    // mapping weights, setting up the device

  Cost promptCost; // of the whole prompt
  Cost decodeCost; // of all decode steps
  std::vector<BenchSample> samples;
  std::vector<ProfileRow> promptProfile, decodeProfile; // longest first

  /// Rates are medians over the repetitions, and a share is the median of the
  /// shares: each repetition is held against its own ceilings.
  double promptTokensPerSecond() const;
  double decodeTokensPerSecond() const;
  double decodeBytesPerToken() const;
  double decodeReadBytesPerSecond() const;
  double readCeilingBytesPerSecond() const;
  double decodeReadShare() const;
  double prefillFlopsPerSecond() const;
  double peakFlopsPerSecond() const;
  double prefillPeakShare() const; // 0 where the peak was not measured
};

/// The documented JSON form: see docs/bench.md.
nlohmann::ordered_json toJson(const BenchReport &report);

/// A table for people.
std::string toText(const BenchReport &report);

} // namespace quipu

#endif // QUIPU_TOOLS_COMMANDS_BENCH_BENCHREPORT_H
