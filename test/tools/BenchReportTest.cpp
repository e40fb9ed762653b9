//===- BenchReportTest.cpp - Figures from measured times ------------------===//
//
// Times are made up, so that every figure is known.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/bench/BenchReport.h"
#include "tools/commands/bench/Ceilings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace quipu {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

/// 100 tokens of 2 MFLOP, 10 tokens that read 4 MB each.
BenchReport report() {
  BenchReport report;
  report.model = "small";
  report.target = "cpu-x86-64-v4";
  report.arithmetic = "bf16";
  report.threads = 2;
  report.promptTokens = 100;
  report.decodeTokens = 10;
  report.promptCost = {0, 0, 200'000'000};
  report.decodeCost = {30'000'000, 10'000'000, 0};
  report.samples = {
      {0.5, 0.02, 4e9, 1e9}, {0.4, 0.04, 2e9, 1e9}, {2.0, 0.01, 5e9, 4e8}};
  return report;
}

TEST(BenchReport, takesMediansOfRates) {
  BenchReport made = report();
  EXPECT_DOUBLE_EQ(made.promptTokensPerSecond(), 200);
  EXPECT_DOUBLE_EQ(made.prefillFlopsPerSecond(), 4e8);
  EXPECT_DOUBLE_EQ(made.decodeTokensPerSecond(), 500);
  EXPECT_DOUBLE_EQ(made.decodeBytesPerToken(), 4e6);
  EXPECT_DOUBLE_EQ(made.decodeReadBytesPerSecond(), 2e9);
  EXPECT_DOUBLE_EQ(made.readCeilingBytesPerSecond(), 4e9);
}

TEST(BenchReport, holdsEachRepetitionAgainstItsOwnCeiling) {
  BenchReport made = report();
  EXPECT_DOUBLE_EQ(made.decodeReadShare(), 0.5);  // of 0.5, 0.5, 0.8
  EXPECT_DOUBLE_EQ(made.prefillPeakShare(), 0.4); // of 0.4, 0.5, 0.25
}

TEST(BenchReport, saysNothingOfAPeakThatWasNotMeasured) {
  BenchReport made = report();
  for (BenchSample &sample : made.samples)
    sample.peakFlopsPerSecond = 0;
  EXPECT_EQ(made.prefillPeakShare(), 0);
  EXPECT_THAT(toText(made), Not(HasSubstr("bf16")));
}

TEST(BenchReport, hasTheDocumentedFields) {
  BenchReport made = report();
  nlohmann::ordered_json json = toJson(made);
  for (const char *field : {"model",
                            "target",
                            "threads",
                            "parameters",
                            "prompt_tokens",
                            "decode_tokens",
                            "repetitions",
                            "package_seconds",
                            "load_seconds",
                            "prompt_tokens_per_second",
                            "prefill_flops",
                            "prefill_flops_per_second",
                            "arithmetic",
                            "arithmetic_peak_flops_per_second",
                            "prefill_peak_share",
                            "decode_tokens_per_second",
                            "decode_bytes_per_token",
                            "decode_read_bytes_per_second",
                            "read_ceiling_bytes_per_second",
                            "decode_read_share",
                            "samples"})
    EXPECT_TRUE(json.contains(field)) << field;
  EXPECT_FALSE(json.contains("profile"));
  EXPECT_EQ(json["repetitions"], 3);
  EXPECT_EQ(json["decode_read_share"], 0.5);
  EXPECT_EQ(json["samples"].size(), 3u);
}

TEST(BenchReport, sharesTheTimeOfAProfile) {
  BenchReport made = report();
  made.decodeProfile = {{"down", "matvec", 30, 0.003, {6'000'000, 0, 0}},
                        {"embedding", "rowwise", 1, 0.001, {}}};
  auto rows = toJson(made)["profile"]["decode"];
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_DOUBLE_EQ(rows[0]["time_share"], 0.75);
  EXPECT_DOUBLE_EQ(rows[0]["read_bytes_per_second"], 2e9);
  EXPECT_EQ(rows[1]["flops_per_second"], 0);
  EXPECT_THAT(toText(made), HasSubstr("down"));
}

TEST(Median, isTheMiddle) {
  EXPECT_EQ(median({}), 0);
  EXPECT_EQ(median({3}), 3);
  EXPECT_EQ(median({9, 1, 4}), 4);
  EXPECT_EQ(median({9, 1, 4, 5}), 4.5);
}

TEST(BenchReport, showsWhatAnEmulatorCounted) {
  BenchReport made = report();
  emulator::Counters counters;
  counters.loads[int(emulator::BufferRole::weights)] = {
      .bytes = 3'000'000,
      .sectors = 100'000,
      .distinctBytes = 1'600'000,
      .uniqueBytes = 1'500'000};
  counters.sharedWavefronts = 200;
  counters.bankConflicts = 3;
  made.decodeProfile = {{"qkv", "matvec", 30, 0.5, {}, counters}};
  EXPECT_THAT(toText(made), ContainsRegex("qkv +0\\.000 +3\\.000 +1\\.500 "
                                          "+50\\.0% .* 1\\.5% +0\\.0\n"));
  nlohmann::ordered_json json = toJson(made)["profile"]["decode"][0];
  EXPECT_EQ(json["counters"]["weight_loads"]["sector_efficiency"], 0.5);
  made.decodeProfile[0].counters.reset();
  EXPECT_FALSE(toJson(made)["profile"]["decode"][0].contains("counters"));
  EXPECT_THAT(toText(made), Not(HasSubstr("weights MB")));
}

} // namespace
} // namespace quipu
