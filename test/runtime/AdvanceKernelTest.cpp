//===- AdvanceKernelTest.cpp - The PTX between two decode steps -----------===//
//
// Runs the PTX itself in the emulator, with all of its checks.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cuda/AdvanceKernel.h"
#include "runtime/devices/emulator/Emulator.h"
#include "runtime/generation/Batch.h"

#include <algorithm>
#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace quipu {
namespace {

using testing::ElementsAre;

constexpr int64_t pageSize = 16, maxSplits = 4, vocabulary = 97;

/// The kernel's buffers in the emulator, and a run of it.
struct Advance {
  std::vector<int32_t> tokens, positions, sequences, pages, rows, argmax;
  int64_t pagesPerSequence;
  std::vector<int32_t> slots, found; // only written
  KernelDims dims = {};

  void run() {
    auto loaded =
        emulator::Emulator::load(cuda::advanceKernelPtx, "advance.ptx");
    ASSERT_TRUE(loaded) << loaded.error().message;
    emulator::Emulator &gpu = **loaded;
    dims = {int64_t(tokens.size()),
            int64_t(rows.size()),
            0,
            pagesPerSequence,
            1,
            256};
    slots.assign(tokens.size(), -7);
    found.assign(tokens.size(), -7);
    auto buffer = [&](const char *name, void *memory, size_t bytes,
                      bool writable, bool defined = true) {
      return *gpu.addBuffer(
          {name, bytes, writable, defined, static_cast<std::byte *>(memory)});
    };
    auto array = [&](const char *name, std::vector<int32_t> &values,
                     bool writable, bool defined = true) {
      return buffer(name, values.data(), values.size() * 4, writable, defined);
    };
    uint64_t parameters[] = {array("tokens", tokens, true),
                             array("positions", positions, true),
                             array("slots", slots, true, false),
                             array("sequences", sequences, false),
                             array("pages", pages, false),
                             array("rows", rows, false),
                             array("argmax", argmax, false),
                             buffer("dims", &dims, sizeof dims, true),
                             array("found", found, true, false),
                             uint64_t(pageSize),
                             uint64_t(maxSplits),
                             uint64_t(vocabulary)};
    emulator::LaunchShape shape;
    shape.block.x = cuda::advanceKernelThreads;
    auto report = gpu.launch(cuda::advanceKernelName, shape,
                             std::as_bytes(std::span(parameters)));
    ASSERT_TRUE(report) << report.error().message;
    for (const emulator::Report &found : report->reports)
      ADD_FAILURE() << found.message;
  }
};

TEST(AdvanceKernel, movesEachSequenceToItsNextToken) {
  Advance step;
  step.tokens = {1, 2, 3};
  step.positions = {14, 15, 31};
  step.sequences = {0, 1, 2};
  step.pagesPerSequence = 2;
  step.pages = {5, 0, 8, 3, 1, 9};
  step.rows = {0, 2, 1};
  step.argmax = {96, 40, 97};
  step.run();
  EXPECT_THAT(step.found, ElementsAre(96, 97, 40));
  EXPECT_THAT(step.tokens, ElementsAre(96, 0, 40)); // 97 is no token
  EXPECT_THAT(step.positions, ElementsAre(15, 16, 32));
  EXPECT_THAT(step.slots, ElementsAre(5 * 16 + 15, 3 * 16, -1));
  EXPECT_EQ(step.dims.splits, 1);
  EXPECT_EQ(step.dims.splitLength, 256);
}

TEST(AdvanceKernel, splitsTheContextAsTheHostDoes) {
  BatchShape shape;
  shape.pageSize = pageSize;
  shape.maxSplits = maxSplits;
  for (int32_t position : {0, 254, 255, 511, 1022, 1023, 1100, 1500}) {
    Advance step;
    step.tokens = {1};
    step.positions = {position};
    step.sequences = {0};
    step.pagesPerSequence = 100;
    step.pages.assign(100, 2);
    step.rows = {0};
    step.argmax = {-1};
    step.run();
    EXPECT_THAT(step.tokens, ElementsAre(0));
    EXPECT_THAT(step.found, ElementsAre(-1));
    int64_t length = splitLength(position + 2, shape);
    EXPECT_EQ(step.dims.splitLength, length) << position;
    EXPECT_EQ(step.dims.splits, (position + 2 + length - 1) / length);
  }
}

TEST(AdvanceKernel, takesMoreRowsThanThreads) {
  Advance step;
  for (int32_t i = 0; i < 300; ++i) {
    step.tokens.push_back(0);
    step.positions.push_back(i % 40);
    step.sequences.push_back(i);
    step.rows.push_back(299 - i);
    step.argmax.push_back(i % 97);
  }
  step.pagesPerSequence = 3;
  step.pages.assign(900, 1);
  step.run();
  for (int32_t i = 0; i < 300; ++i) {
    EXPECT_EQ(step.tokens[i], (299 - i) % 97);
    EXPECT_EQ(step.positions[i], i % 40 + 1);
    EXPECT_EQ(step.slots[i], 16 + (i % 40 + 1) % 16);
  }
}

} // namespace
} // namespace quipu
