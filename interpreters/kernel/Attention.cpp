//===- Attention.cpp - Running the attention skeletons --------------------===//
//
// Both keep, per query head, the state of an online softmax over a part of the
// context; decode merges parts that tiles left behind, prefill adds to one.
//
//===----------------------------------------------------------------------===//

#include "interpreters/kernel/Skeletons.h"

#include "llvm/Support/MathExtras.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace quipu;
using namespace quipu::kernel;

namespace {

/// Softmax over the positions seen so far, not yet divided by `sum`.
struct Partial {
  double maximum = -std::numeric_limits<double>::infinity();
  double sum = 0;             // of exp(score - maximum)
  std::vector<double> values; // (head_dim): values weighted by the same

  bool empty() const { return sum == 0; }

  /// Takes in a part over other positions. An empty part changes nothing; its
  /// maximum of -inf must not meet another in a difference, which is NaN.
  void merge(const Partial &other) {
    if (other.empty())
      return;
    double joined = std::max(maximum, other.maximum);
    double mine = empty() ? 0 : std::exp(maximum - joined);
    double theirs = std::exp(other.maximum - joined);
    sum = mine * sum + theirs * other.sum;
    for (auto [value, addend] : llvm::zip(values, other.values))
      value = mine * value + theirs * addend;
    maximum = joined;
  }
};

/// What both skeletons read, and how one query sees one range of its context.
template <typename Op> class Attention {
public:
  Attention(Op op, const Frame &frame)
      : op(op), frame(frame), query(frame.dense(op.getQuery())),
        kv(frame.kv(op.getKv())), positions(frame.dense(op.getPositions())),
        sequences(frame.dense(op.getSequences())),
        pages(frame.dense(op.getPages())), headDim(op.getHeadDim()) {}

  int64_t tokens() const { return query.rows(); }
  /// Positions that token `t` sees.
  int64_t context(int64_t t) const { return int64_t(positions.values[t]) + 1; }
  int64_t sequence(int64_t t) const { return sequences.values[t]; }
  Partial emptyPartial() const {
    return {.values = std::vector<double>(headDim)};
  }

  /// Softmax of query head `head` of token `t` over positions first .. last
  /// - 1.
  FailureOr<Partial> attend(int64_t t, int64_t head, int64_t first,
                            int64_t last);
  /// Writes partial / sum as head `head` of row `t`.
  static void store(DenseTensor &result, const Partial &partial, int64_t t,
                    int64_t head);

  Op op;
  const Frame &frame;

private:
  FailureOr<int64_t> slot(int64_t sequence, int64_t position);

  const DenseTensor &query; // (T, query heads * head_dim)
  const KvState &kv;
  const DenseTensor &positions, &sequences, &pages;
  int64_t headDim;
};

template <typename Op>
FailureOr<int64_t> Attention<Op>::slot(int64_t sequence, int64_t position) {
  int64_t pageSize = op.getKv().getType().getPageSize();
  int64_t page = position / pageSize;
  if (sequence < 0 || sequence >= pages.rows() || page >= pages.columns())
    return op.emitError() << "position " << position << " of sequence "
                          << sequence << " is not in the page table";
  int64_t slot =
      int64_t(pages.row(sequence)[page]) * pageSize + position % pageSize;
  if (slot < 0 || slot >= kv.keys.rows())
    return op.emitError() << "expected a slot below " << kv.keys.rows()
                          << ", found " << slot;
  return slot;
}

template <typename Op>
FailureOr<Partial> Attention<Op>::attend(int64_t t, int64_t head, int64_t first,
                                         int64_t last) {
  double scale = op.getScale().convertToFloat();
  int64_t kvColumn = head / op.getGroup() * headDim;
  auto q = query.row(t).subspan(head * headDim, headDim);
  Partial all = emptyPartial();
  for (int64_t p = first; p < last; ++p) {
    FailureOr<int64_t> at = slot(sequence(t), p);
    if (failed(at))
      return failure();
    auto key = kv.keys.row(*at).subspan(kvColumn, headDim);
    auto value = kv.values.row(*at).subspan(kvColumn, headDim);
    double product = 0;
    for (auto [a, b] : llvm::zip(q, key))
      product += a * b;
    all.merge({scale * product, 1, {value.begin(), value.end()}});
  }
  return all;
}

template <typename Op>
void Attention<Op>::store(DenseTensor &result, const Partial &partial,
                          int64_t t, int64_t head) {
  int64_t headDim = partial.values.size();
  for (auto [i, value] : llvm::enumerate(partial.values))
    result.row(t)[head * headDim + i] = value / partial.sum;
}

/// Consecutive tokens of one sequence, as the runtime's work list has them.
struct Item {
  int64_t first, count;
};

} // namespace

FailureOr<StepValue> kernel::runAttentionDecode(AttentionDecodeOp op,
                                                const Frame &frame) {
  Attention attention(op, frame);
  int64_t kvHeads = op.getKvHeads(), group = op.getGroup();
  int64_t queryHeads = kvHeads * group;
  int64_t longest = 0;
  for (int64_t t = 0; t < attention.tokens(); ++t)
    longest = std::max(longest, attention.context(t));
  int64_t length = frame.options.splitLength;
  int64_t splits =
      llvm::divideCeil(longest, length) + frame.options.emptySplits;

  // (T, query heads, splits), as partialBytes lays them out.
  std::vector<Partial> partials(attention.tokens() * queryHeads * splits,
                                attention.emptyPartial());
  for (int64_t tile : frame.tileOrder(attention.tokens() * kvHeads * splits)) {
    int64_t split = tile % splits;
    int64_t kvHead = tile / splits % kvHeads;
    int64_t t = tile / splits / kvHeads;
    int64_t last = std::min(attention.context(t), (split + 1) * length);
    for (int64_t head = kvHead * group; head < (kvHead + 1) * group; ++head) {
      FailureOr<Partial> part = attention.attend(t, head, split * length, last);
      if (failed(part))
        return failure();
      partials[(t * queryHeads + head) * splits + split] = std::move(*part);
    }
  }

  DenseTensor result =
      zeroTensor({attention.tokens(), queryHeads * op.getHeadDim()});
  for (int64_t t = 0; t < attention.tokens(); ++t)
    for (int64_t head = 0; head < queryHeads; ++head) {
      Partial merged = attention.emptyPartial();
      for (int64_t split : frame.tileOrder(splits))
        merged.merge(partials[(t * queryHeads + head) * splits + split]);
      attention.store(result, merged, t, head);
    }
  return StepValue(std::move(result));
}

/// Cuts the step's tokens into items of up to `most` tokens: runs of one
/// sequence at consecutive positions.
static SmallVector<Item>
workList(const Attention<AttentionPrefillOp> &attention, int64_t most) {
  SmallVector<Item> items;
  for (int64_t t = 0; t < attention.tokens(); ++t) {
    bool continues = !items.empty() && items.back().count < most &&
                     attention.sequence(t) == attention.sequence(t - 1) &&
                     attention.context(t) == attention.context(t - 1) + 1;
    if (continues)
      ++items.back().count;
    else
      items.push_back({t, 1});
  }
  return items;
}

FailureOr<StepValue> kernel::runAttentionPrefill(AttentionPrefillOp op,
                                                 const Frame &frame) {
  Attention attention(op, frame);
  ScheduleAttr schedule = frame.schedule(op);
  int64_t kvHeads = op.getKvHeads(), group = op.getGroup();
  int64_t kvTile = std::max<int64_t>(1, schedule.getKvTile());
  SmallVector<Item> items = workList(attention, schedule.getTokenTile());
  DenseTensor result =
      zeroTensor({attention.tokens(), kvHeads * group * op.getHeadDim()});
  for (int64_t tile : frame.tileOrder(items.size() * kvHeads)) {
    Item item = items[tile / kvHeads];
    int64_t kvHead = tile % kvHeads;
    int64_t end = item.first + item.count;
    int64_t kvLength = attention.context(end - 1);
    int64_t heads = item.count * group;
    SmallVector<Partial> states(heads, attention.emptyPartial());
    for (int64_t first = 0; first < kvLength; first += kvTile)
      for (int64_t i = 0; i < heads; ++i) {
        int64_t t = item.first + i / group;
        // Early tokens of the item do not see the tile's end, or any of it.
        int64_t last = std::min(attention.context(t), first + kvTile);
        FailureOr<Partial> part =
            attention.attend(t, kvHead * group + i % group, first, last);
        if (failed(part))
          return failure();
        states[i].merge(*part);
      }
    for (int64_t i = 0; i < heads; ++i)
      attention.store(result, states[i], item.first + i / group,
                      kvHead * group + i % group);
  }
  return StepValue(std::move(result));
}
