//===- Plan.h - The host program that the runtime runs ----------*- C++ -*-===//
//
// The `plan` dialect as plain data: what a package stores as JSON. The compiler
// fills these structs from IR; the runtime reads them back, checks every index
// and bound, and interprets them.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_PACKAGE_PLAN_H
#define QUIPU_RUNTIME_PACKAGE_PLAN_H

#include "base/ElementType.h"
#include "base/Result.h"

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace quipu::plan {

/// How the bytes of a parameter come to be. New layouts are new recipes; a
/// kernel that reads a tensor as stored has `identity` and no copy.
struct Recipe {
  enum class Kind : uint8_t {
    identity,  // the stored bytes of `tensor`, in place
    ropeTable, // f32 (context, head_dim / 2, 2): cos and sin of
               // f32(position) * inverseFrequencies[i], times scale
  };
  Kind kind = Kind::identity;
  std::string tensor;                    // identity
  std::vector<float> inverseFrequencies; // ropeTable: (head_dim / 2)
  float scale = 1.0f;                    // ropeTable: attention factor
};

/// A buffer that is read-only while steps run.
struct Parameter {
  std::string name; // as in the graph: "layers.0.attn.wq"
  ElementType type;
  int64_t rows;    // of a ropeTable: 0, one row a position of the context
  int64_t columns; // elements a row
  Recipe recipe;
};

/// The paged KV cache: per layer and for keys and values apart, an array of
/// pages, each (kvHeads, pageSize, headDim) of `type`. Slot s of a step's slots
/// is page s / pageSize, position s % pageSize.
struct KvCache {
  int64_t layers;
  int64_t kvHeads;
  int64_t headDim;
  int64_t pageSize; // tokens
  ElementType type; // f32, f16 or bf16
};

/// What a launch passes for one pointer argument.
struct Argument {
  enum class Kind : uint8_t {
    arena,     // index: byte offset into the bucket's arena
    parameter, // index: into Plan::parameters
    keys,      // index: layer
    values,    // index: layer
    input,     // index: an Input
  };
  Kind kind;
  int64_t index;
};

/// Arrays that the runtime fills before a step; i32 unless noted.
enum class Input : uint8_t {
  tokens,    // (T) token ids
  positions, // (T) position in its sequence
  slots,     // (T) KV slot, -1 for padding (nothing is stored)
  sequences, // (T) row of the page table
  pages,     // (sequences, pagesPerSequence) page ids
  rows,      // (R) indices of the tokens whose logits are wanted
  work,      // (W) WorkItem
};

/// Number of tiles: the product of count and ceil(symbol / divisor) over all
/// factors; `one` stands for no symbol.
struct Grid {
  enum class Symbol : uint8_t { one, tokens, rows, work, splits };
  struct Factor {
    Symbol symbol;
    int64_t divisor;
  };
  int64_t count = 1;
  std::vector<Factor> factors;
};

/// What a launch is beside its kernel: Y = X W^T, of f32 X (M, columns of W)
/// and f32 Y (M, rows of W) with M the step's tokens or rows. A device that has
/// a library for products may use it in place of the kernel. X and Y are whole
/// in the arena; W is a parameter of f32, f16 or bf16 as it is stored.
struct Product {
  Grid::Symbol extent;            // M: tokens or rows
  int64_t input, weights, output; // X, W, Y: into Launch::arguments
};

/// One kernel over a grid of tiles. Launches of a bucket run in order, each
/// after all tiles of the one before.
struct Launch {
  int64_t kernel; // into Plan::kernels
  std::vector<Argument> arguments;
  Grid grid;
  std::string label; // for reports: "layers.3 qkv"
  std::optional<Product> product = {};
};

/// The kinds of device that buckets and kernels are made for. One plan serves
/// all: they share parameters and KV cache, and differ in tiles and grids.
enum class DeviceKind : uint8_t { cpu, gpu };

/// What an assembler found that a kernel takes on one GPU target.
struct Resources {
  int64_t registers = 0;         // of a thread
  int64_t stackBytes = 0;        // of a thread
  int64_t spillBytes = 0;        // of a thread: stored and loaded
  int64_t staticSharedBytes = 0; // of a block, beside scratchBytes
};

/// A kernel by name. Each CPU target's image has it at the same index, each GPU
/// target's PTX has an entry of its name; a target of another kind lacks it.
/// What a target needs beside its arguments: on a CPU bytes of scratch for each
/// thread, on a GPU bytes of dynamic shared memory for each block.
struct Kernel {
  std::string name;
  std::string skeleton;              // "matvec", "matmul", ...
  std::vector<int64_t> scratchBytes; // by target, as Package::targets
  /// By target, the type that products are formed in: "f32", "bf16". For
  /// reports alone, and may be empty.
  std::vector<std::string> arithmetic = {};
  DeviceKind device = DeviceKind::cpu;
  int64_t threads = 0; // of a block, on a GPU
  /// By target, nothing where it was not assembled. For reports alone, and may
  /// be empty.
  std::vector<std::optional<Resources>> resources = {};
};

/// A part of the arena while launches use it: rowBytes for each of the step's
/// tokens or rows. Two that live at one launch share no byte.
struct Buffer {
  int64_t offset;      // bytes into the arena
  Grid::Symbol extent; // tokens or rows
  int64_t rowBytes;
  int64_t first, last; // launches of the bucket, inclusive
};

/// What a step leaves behind in the arena.
struct Output {
  std::string name;    // "logits": f32 (R, vocab); "argmax": i32 (R)
  int64_t offset;      // bytes into the arena
  int64_t rowElements; // vocab or 1
};

/// A step compiled for a bound on T and a kind of device. A step of T tokens
/// runs in the first bucket of its device and entry with maxTokens >= T.
struct Bucket {
  std::string name;  // "decode", "small", "batch", "prefill"
  std::string entry; // "logits" (of selected rows) or "argmax"
  int64_t maxTokens;
  int64_t maxRows;    // bound on R
  int64_t arenaBytes; // 64-byte aligned
  int64_t queryTile;  // most tokens in a WorkItem; 0: no work list is read
  /// Where there are any, every argument in the arena is one of these that
  /// lives at its launch; where there are none, the arena is one piece.
  std::vector<Buffer> buffers;
  std::vector<Launch> launches;
  std::vector<Output> outputs;
  DeviceKind device = DeviceKind::cpu;
};

struct Plan {
  int64_t vocabSize;
  int64_t maxContext; // positions the model was made for
  int64_t maxSplits;  // bound on KernelDims::splits
  KvCache kv;
  std::vector<Parameter> parameters;
  std::vector<Kernel> kernels;
  std::vector<Bucket> buckets;
};

/// Bytes of `buffer` that a step of `tokens` tokens and `rows` rows uses.
int64_t usedBytes(const Buffer &buffer, int64_t tokens, int64_t rows);

/// The greatest value of `symbol` in a step of `bucket`.
int64_t bound(Grid::Symbol symbol, const Plan &plan, const Bucket &bucket);

/// Most tiles that a launch of `bucket` can have, and so most blocks of use.
int64_t mostTiles(const Grid &grid, const Bucket &bucket, const Plan &plan);

/// Tokens in each KV range of split attention, for a longest context of
/// `kvLength`: at least 256, so that a split is worth its merge.
int64_t splitLength(int64_t kvLength, int64_t maxSplits, int64_t pageSize);

nlohmann::json toJson(const Plan &plan);

/// Reads a plan and checks every index, offset and bound in it, so that what
/// runs it need not. Errors name the JSON path.
Result<Plan> fromJson(const nlohmann::json &json);

/// The checks of fromJson on a plan that was made in memory.
Result<void> check(const Plan &plan);

} // namespace quipu::plan

#endif // QUIPU_RUNTIME_PACKAGE_PLAN_H
