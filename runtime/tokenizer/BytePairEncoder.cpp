//===- BytePairEncoder.cpp - Byte-level BPE on one word -------------------===//
//
// A heap of candidate merges over a linked list of symbols: a word of n bytes
// costs O(n log n), which matters because a "word" may be a megabyte of one
// letter. Stale candidates are recognized when popped.
//
//===----------------------------------------------------------------------===//

#include "runtime/tokenizer/BytePairEncoder.h"
#include "runtime/tokenizer/ByteAlphabet.h"

#include <bit>
#include <limits>
#include <queue>

namespace quipu {

struct BytePairEncoder::Symbol {
  int32_t id; // -1: merged into the symbol before it
  int32_t previous;
  int32_t next;
};

struct BytePairEncoder::Candidate {
  uint32_t rank;
  int32_t position; // of the left symbol
  int32_t left, right, merged;

  /// Lowest rank first, then leftmost.
  bool operator<(const Candidate &other) const {
    return rank != other.rank ? rank > other.rank : position > other.position;
  }
};

Result<BytePairEncoder> BytePairEncoder::create(const TokenizerSpec &spec,
                                                const Lookup &idOf) {
  BytePairEncoder result;
  for (unsigned byte = 0; byte < 256; ++byte)
    result.byteIds[byte] = idOf(byteLevelCharacter(uint8_t(byte)));
  if (spec.merges.size() > size_t(std::numeric_limits<int32_t>::max()))
    return Error{"tokenizer: too many merges"};
  // At most half full, so that a probe ends soon.
  result.table.resize(std::bit_ceil(spec.merges.size() * 2 + 1),
                      Merge{kEmpty, 0, -1});
  std::string joined;
  for (size_t rank = 0; rank < spec.merges.size(); ++rank) {
    const auto &[left, right] = spec.merges[rank];
    joined.assign(left).append(right);
    int32_t leftId = idOf(left), rightId = idOf(right), mergedId = idOf(joined);
    if (leftId < 0 || rightId < 0 || mergedId < 0)
      return Error{"tokenizer: merge " + std::to_string(rank) + " ('" + left +
                   "' '" + right + "') names '" +
                   (leftId < 0    ? left
                    : rightId < 0 ? right
                                  : joined) +
                   "', which is not in the vocabulary"};
    uint64_t pair = uint64_t(uint32_t(leftId)) << 32 | uint32_t(rightId);
    Merge &merge = result.table[result.slotOf(pair)];
    if (merge.pair == kEmpty)
      merge = {pair, uint32_t(rank), mergedId};
  }
  return result;
}

/// The slot that holds `pair`, or the free one where it would go.
size_t BytePairEncoder::slotOf(uint64_t pair) const {
  size_t mask = table.size() - 1;
  size_t slot = (pair * 0x9e3779b97f4a7c15u >> 32) & mask;
  while (table[slot].pair != kEmpty && table[slot].pair != pair)
    slot = (slot + 1) & mask;
  return slot;
}

const BytePairEncoder::Merge *BytePairEncoder::find(int32_t left,
                                                    int32_t right) const {
  const Merge &merge =
      table[slotOf(uint64_t(uint32_t(left)) << 32 | uint32_t(right))];
  return merge.pair == kEmpty ? nullptr : &merge;
}

void BytePairEncoder::encode(std::string_view word,
                             std::vector<int32_t> &ids) const {
  std::vector<Symbol> symbols;
  symbols.reserve(word.size());
  for (char byte : word) {
    int32_t id = byteIds[uint8_t(byte)];
    auto at = static_cast<int32_t>(symbols.size());
    if (id >= 0)
      symbols.push_back({id, at - 1, at + 1});
  }
  if (symbols.empty())
    return;
  symbols.back().next = -1;

  std::priority_queue<Candidate> queue;
  auto offer = [&](int32_t left, int32_t right) {
    if (left < 0 || right < 0)
      return;
    if (const Merge *merge = find(symbols[left].id, symbols[right].id))
      queue.push({merge->rank, left, symbols[left].id, symbols[right].id,
                  merge->merged});
  };
  for (size_t at = 1; at < symbols.size(); ++at)
    offer(int32_t(at - 1), int32_t(at));

  while (!queue.empty()) {
    Candidate best = queue.top();
    queue.pop();
    Symbol &left = symbols[best.position];
    if (left.id != best.left || left.next < 0 ||
        symbols[left.next].id != best.right)
      continue; // one of the two was merged meanwhile
    Symbol &right = symbols[left.next];
    left.id = best.merged;
    left.next = right.next;
    right.id = -1;
    if (left.next >= 0)
      symbols[left.next].previous = best.position;
    offer(left.previous, best.position);
    offer(best.position, left.next);
  }
  for (int32_t at = 0; at >= 0; at = symbols[at].next)
    ids.push_back(symbols[at].id);
}

} // namespace quipu
