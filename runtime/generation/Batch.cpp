//===- Batch.cpp - The inputs of one step ---------------------------------===//
//
// One pass over the requests; a request is a row of the page table.
//
//===----------------------------------------------------------------------===//

#include "runtime/generation/Batch.h"

#include <algorithm>
#include <cassert>

namespace quipu {
namespace {

void addTokens(Batch &batch, const StepRequest &request, int32_t row) {
  int64_t position = request.sequence->length();
  for (int32_t token : request.tokens) {
    batch.tokens.push_back(token);
    batch.positions.push_back(static_cast<int32_t>(position));
    batch.slots.push_back(request.sequence->slot(position));
    batch.sequences.push_back(row);
    ++position;
  }
}

void addWork(Batch &batch, const StepRequest &request, int32_t row,
             int64_t first, int64_t queryTile) {
  auto count = static_cast<int64_t>(request.tokens.size());
  for (int64_t at = 0; at < count; at += queryTile) {
    int64_t length = std::min(queryTile, count - at);
    batch.work.push_back(
        {static_cast<int32_t>(first + at), static_cast<int32_t>(length), row,
         static_cast<int32_t>(request.sequence->length() + at + length)});
  }
}

void addPages(Batch &batch, const Sequence &sequence,
              int64_t pagesPerSequence) {
  std::span<const int32_t> pages = sequence.pages();
  assert(int64_t(pages.size()) <= pagesPerSequence);
  batch.pages.insert(batch.pages.end(), pages.begin(), pages.end());
  // Page 0 and not -1: a masked tail may read, though never use, a page.
  batch.pages.resize(batch.pages.size() + pagesPerSequence - pages.size(), 0);
}

void pad(Batch &batch, int64_t tokens) {
  for (auto count = int64_t(batch.tokens.size()); count < tokens; ++count) {
    batch.tokens.push_back(0);
    batch.positions.push_back(0);
    batch.slots.push_back(-1);
    batch.sequences.push_back(0);
  }
}

} // namespace

int64_t rowCount(std::span<const StepRequest> requests) {
  int64_t rows = 0;
  for (const StepRequest &request : requests)
    rows += request.rows == Rows::none   ? 0
            : request.rows == Rows::last ? 1
                                         : int64_t(request.tokens.size());
  return rows;
}

int64_t splitLength(int64_t kvLength, const BatchShape &shape) {
  return plan::splitLength(kvLength, shape.maxSplits, shape.pageSize);
}

Batch buildBatch(std::span<const StepRequest> requests,
                 const BatchShape &shape) {
  Batch batch;
  int64_t kvLength = 1;
  for (size_t i = 0; i < requests.size(); ++i) {
    const StepRequest &request = requests[i];
    auto row = static_cast<int32_t>(i);
    auto first = static_cast<int64_t>(batch.tokens.size());
    addTokens(batch, request, row);
    addPages(batch, *request.sequence, shape.pagesPerSequence);
    if (shape.queryTile > 0)
      addWork(batch, request, row, first, shape.queryTile);
    auto end = static_cast<int64_t>(batch.tokens.size());
    if (request.rows == Rows::last)
      batch.rows.push_back(static_cast<int32_t>(end - 1));
    else if (request.rows == Rows::all)
      for (int64_t token = first; token < end; ++token)
        batch.rows.push_back(static_cast<int32_t>(token));
    kvLength = std::max(kvLength, request.sequence->length() + end - first);
  }
  pad(batch, shape.paddedTokens);
  batch.dims.tokens = static_cast<int64_t>(batch.tokens.size());
  batch.dims.rows = static_cast<int64_t>(batch.rows.size());
  batch.dims.work = static_cast<int64_t>(batch.work.size());
  batch.dims.pagesPerSequence = shape.pagesPerSequence;
  batch.dims.splitLength = splitLength(kvLength, shape);
  batch.dims.splits =
      (kvLength + batch.dims.splitLength - 1) / batch.dims.splitLength;
  return batch;
}

} // namespace quipu
