//===- KvCacheTest.cpp - Pages and sequences ------------------------------===//
//
// Pages are held by the right number of sequences, and written by one.
//
//===----------------------------------------------------------------------===//

#include "runtime/generation/Batch.h"
#include "runtime/kvcache/Sequence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace quipu {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(PageAllocator, handsOutTheLowestFreePage) {
  PageAllocator pages(3);
  EXPECT_EQ(pages.allocate(), 0);
  EXPECT_EQ(pages.allocate(), 1);
  EXPECT_EQ(pages.allocate(), 2);
  EXPECT_EQ(pages.allocate(), std::nullopt);
  pages.release(2);
  pages.release(0);
  EXPECT_EQ(pages.freePages(), 2);
  EXPECT_EQ(pages.allocate(), 0);
}

TEST(PageAllocator, freesWithTheLastHolder) {
  PageAllocator pages(1);
  int32_t page = *pages.allocate();
  pages.retain(page);
  EXPECT_TRUE(pages.isShared(page));
  pages.release(page);
  EXPECT_FALSE(pages.isShared(page));
  EXPECT_EQ(pages.freePages(), 0);
  pages.release(page);
  EXPECT_EQ(pages.freePages(), 1);
}

class SequenceTest : public testing::Test {
protected:
  void extend(Sequence &sequence, int count) {
    ASSERT_TRUE(sequence.reserve(count, copies));
    sequence.append(std::vector<int32_t>(count, 7));
  }
  std::shared_ptr<PageAllocator> pages = std::make_shared<PageAllocator>(6);
  Sequence sequence{pages, 4};
  std::vector<PageCopy> copies;
};

TEST_F(SequenceTest, growsByPagesAndMapsSlots) {
  extend(sequence, 5);
  EXPECT_THAT(sequence.pages(), ElementsAre(0, 1));
  EXPECT_EQ(sequence.slot(4), 4);
  extend(sequence, 3);
  EXPECT_EQ(sequence.pages().size(), 2u);
  EXPECT_THAT(copies, IsEmpty());
}

TEST_F(SequenceTest, copiesASharedPageBeforeWriting) {
  extend(sequence, 6);
  Sequence other = sequence.fork();
  EXPECT_EQ(pages->freePages(), 4);
  extend(other, 1);
  ASSERT_EQ(copies.size(), 1u);
  EXPECT_EQ(copies[0].from, 1);
  EXPECT_EQ(copies[0].to, 2);
  EXPECT_THAT(other.pages(), ElementsAre(0, 2));
  extend(sequence, 1); // its page is its own again
  EXPECT_EQ(copies.size(), 1u);
}

TEST_F(SequenceTest, aForkAtAPageBoundaryCopiesNothing) {
  extend(sequence, 8);
  Sequence other = sequence.fork();
  extend(other, 1);
  EXPECT_THAT(copies, IsEmpty());
  EXPECT_THAT(other.pages(), ElementsAre(0, 1, 2));
}

TEST_F(SequenceTest, aFullCacheChangesNothing) {
  extend(sequence, 21); // all 6 pages
  Sequence other = sequence.fork();
  auto reserved = other.reserve(1, copies);
  ASSERT_FALSE(reserved);
  EXPECT_THAT(reserved.error().message, HasSubstr("expected 1 free pages"));
  EXPECT_THAT(copies, IsEmpty());
  EXPECT_TRUE(std::equal(other.pages().begin(), other.pages().end(),
                         sequence.pages().begin()));
}

TEST_F(SequenceTest, truncationReturnsPages) {
  extend(sequence, 20);
  sequence.truncate(9);
  EXPECT_EQ(pages->freePages(), 3);
  sequence.truncate(8);
  EXPECT_EQ(pages->freePages(), 4);
  {
    Sequence moved = std::move(sequence);
  }
  EXPECT_EQ(pages->freePages(), 6);
}

TEST_F(SequenceTest, truncationInsideASharedPageStillCopies) {
  extend(sequence, 7);
  Sequence other = sequence.fork();
  other.truncate(5);
  extend(other, 1);
  EXPECT_EQ(copies.size(), 1u);
}

TEST_F(SequenceTest, batchesLayTokensWorkAndRowsOut) {
  extend(sequence, 3);
  Sequence second(pages, 4);
  std::vector<int32_t> five = {10, 11, 12, 13, 14}, one = {20};
  ASSERT_TRUE(sequence.reserve(5, copies));
  ASSERT_TRUE(second.reserve(1, copies));
  StepRequest requests[] = {{&sequence, five, Rows::last},
                            {&second, one, Rows::all}};
  BatchShape shape = {4, 6, 2, 8, 8};
  Batch batch = buildBatch(requests, shape);
  EXPECT_THAT(batch.tokens, ElementsAre(10, 11, 12, 13, 14, 20, 0, 0));
  EXPECT_THAT(batch.positions, ElementsAre(3, 4, 5, 6, 7, 0, 0, 0));
  EXPECT_THAT(batch.slots, ElementsAre(3, 4, 5, 6, 7, 8, -1, -1));
  EXPECT_THAT(batch.sequences, ElementsAre(0, 0, 0, 0, 0, 1, 0, 0));
  EXPECT_THAT(batch.rows, ElementsAre(4, 5));
  EXPECT_THAT(batch.pages, ElementsAre(0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0));
  ASSERT_EQ(batch.work.size(), 4u);
  EXPECT_EQ(batch.work[2].first, 4);
  EXPECT_EQ(batch.work[2].count, 1);
  EXPECT_EQ(batch.work[2].kvLength, 8);
  EXPECT_EQ(batch.work[3].sequence, 1);
  EXPECT_EQ(batch.work[3].kvLength, 1);
  EXPECT_EQ(batch.dims.splits, 1);
}

TEST(SplitLength, coversTheContextInWholePages) {
  BatchShape shape = {16, 1, 0, 8, 0};
  EXPECT_EQ(splitLength(1, shape), 256);
  EXPECT_EQ(splitLength(2048, shape), 256);
  EXPECT_EQ(splitLength(2049, shape), 272);
  for (int64_t kv : {1, 255, 257, 5000, 131072}) {
    int64_t length = splitLength(kv, shape);
    EXPECT_EQ(length % 16, 0);
    EXPECT_LE((kv + length - 1) / length, 8);
  }
}

} // namespace
} // namespace quipu
