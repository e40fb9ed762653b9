//===- Plan.cpp - Sizes of a plan in a step -------------------------------===//
//
// What follows from a plan's numbers and those of a step.
//
//===----------------------------------------------------------------------===//

#include "runtime/package/Plan.h"

#include <algorithm>

namespace quipu::plan {

int64_t bound(Grid::Symbol symbol, const Plan &plan, const Bucket &bucket) {
  switch (symbol) {
  case Grid::Symbol::one:
    return 1;
  case Grid::Symbol::tokens:
  case Grid::Symbol::work: // an item has at least one token
    return bucket.maxTokens;
  case Grid::Symbol::rows:
    return bucket.maxRows;
  case Grid::Symbol::splits:
    return plan.maxSplits;
  }
  return 1;
}

int64_t usedBytes(const Buffer &buffer, int64_t tokens, int64_t rows) {
  return buffer.rowBytes *
         (buffer.extent == Grid::Symbol::rows ? rows : tokens);
}

int64_t mostTiles(const Grid &grid, const Bucket &bucket, const Plan &plan) {
  int64_t tiles = grid.count;
  for (const Grid::Factor &factor : grid.factors) {
    int64_t extent = bound(factor.symbol, plan, bucket);
    tiles *= (extent + factor.divisor - 1) / factor.divisor;
  }
  return tiles;
}

int64_t splitLength(int64_t kvLength, int64_t maxSplits, int64_t pageSize) {
  int64_t length =
      std::max<int64_t>(256, (kvLength + maxSplits - 1) / maxSplits);
  return (length + pageSize - 1) / pageSize * pageSize;
}

} // namespace quipu::plan
