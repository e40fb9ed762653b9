//===- AttentionPrefill.h - Work items of prefill attention -----*- C++ -*-===//
//
// What the ways to compute a tile of attention_prefill share: which rows an
// item has and where they lie. A row is one query head of one token, row
// token * G + head of the item's tokens and the KV head's group.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_KERNELS_NVPTX_ATTENTIONPREFILL_H
#define QUIPU_KERNELS_NVPTX_ATTENTIONPREFILL_H

#include "kernels/nvptx/PagedAttention.h"

#include <memory>

namespace quipu::gpu {

/// One tile: a work item and a KV head (i32).
struct PrefillItem {
  mlir::Value first;    // token
  mlir::Value rows;     // M = tokens * G, at least 1
  mlir::Value kvLength; // what its last token sees; not positive for padding
  mlir::Value kvHead;
  KvHead kv;
};

/// Emits the tiles of one attention_prefill.
class PrefillEmitter {
public:
  PrefillEmitter(KernelFunction &f, kernel::AttentionPrefillOp op,
                 const PagedAttention &sizes)
      : f(f), op(op), sizes(sizes), schedule(kernel::getSchedule(op)) {}
  virtual ~PrefillEmitter() = default;

  void emitTile(mlir::Value tile);

protected:
  virtual void emitItem(const PrefillItem &item) = 0;

  /// Address of the D numbers of `row` (below M) in a (T, query heads * D)
  /// f32 tensor.
  mlir::Value rowAddress(const PrefillItem &item, mlir::Value base,
                         mlir::Value row);
  /// How many positions `row` (below M) sees.
  mlir::Value context(const PrefillItem &item, mlir::Value row);
  /// `row`, or the last one if there is no such row.
  mlir::Value clampedRow(const PrefillItem &item, mlir::Value row);

  KernelFunction &f;
  kernel::AttentionPrefillOp op;
  PagedAttention sizes;
  kernel::ScheduleAttr schedule;
};

/// Whether tensor cores multiply: not KV of 32 bits, nor with a head_dim that
/// is no multiple of 16 or above 128.
bool usesTensorCores(const PagedAttention &sizes);

/// The way on tensor cores, or null where `op` is not for them.
std::unique_ptr<PrefillEmitter>
makeTensorCorePrefill(KernelFunction &f, kernel::AttentionPrefillOp op,
                      const PagedAttention &sizes);

} // namespace quipu::gpu

#endif // QUIPU_KERNELS_NVPTX_ATTENTIONPREFILL_H
