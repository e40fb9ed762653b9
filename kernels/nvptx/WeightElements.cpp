//===- WeightElements.cpp - Elements of a matvec's weights ----------------===//
//
// Loads of 16 bytes for floats. A lane's blocks are those of its number: in a
// step, lane i has the i-th group of as many blocks as it takes.
//
//===----------------------------------------------------------------------===//

#include "kernels/nvptx/WeightElements.h"

#include "dialects/llama/StoredTypes.h"

#include <algorithm>

using namespace mlir;
using namespace quipu;
using namespace quipu::gpu;

WeightElements::WeightElements(KernelFunction &f, const WeightRow &row,
                               Value lane, Value at, int64_t count)
    : f(f), row(row) {
  if (!row.decoder) {
    from = f.element(row.address, at, row.stored.getIntOrFloatBitWidth() / 8);
    return;
  }
  int64_t each = count / blockElements(*llama::elementType(row.stored));
  Value index = f.mul(lane, each);
  for (int64_t i = 0; i < each; ++i)
    blocks.emplace_back(f, row.decoder, row.staged, f.add(index, i));
}

SmallVector<Value> WeightElements::load(int64_t first, int64_t count) {
  if (row.decoder) {
    int64_t block = blocks.front().size();
    return blocks[first / block].elements(first % block, count);
  }
  int64_t bytes = row.stored.getIntOrFloatBitWidth() / 8;
  int64_t once = std::min(count, 16 / bytes);
  SmallVector<Value> elements;
  for (int64_t i = first; i < first + count; i += once) {
    Value vector =
        f.loadFloats(f.at(from, i * bytes), row.stored, once, {}, once * bytes);
    for (int64_t lane = 0; lane < once; ++lane)
      elements.push_back(f.slice(vector, lane, 1));
  }
  return elements;
}
