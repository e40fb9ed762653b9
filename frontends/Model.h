//===- Model.h - What every model file becomes ------------------*- C++ -*-===//
//
// The one description that GGUF, Hugging Face and TOML models are read into:
// architecture numbers, where each tensor's bytes lie, and the tokenizer. The
// graph builder, `quipu inspect` and `quipu plan` start from it. No LLVM here.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_MODEL_H
#define QUIPU_FRONTENDS_MODEL_H

#include "base/ElementType.h"
#include "runtime/package/GenerationDefaults.h"
#include "runtime/tokenizer/TokenizerSpec.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace quipu {

/// Which elements of a head rotate together: (i, i + head_dim / 2) as in
/// Hugging Face checkpoints, or (2i, 2i + 1) as in Meta's and in GGUF files of
/// the `llama` architecture, whose query and key rows are permuted for it.
enum class RopePairing { half, interleaved };

/// Rotary position embedding. Pair i of a head turns by
/// position * inverseFrequencies[i] radians, and cos and sin are multiplied by
/// attentionFactor. Every scaling variant (linear, llama3, yarn, ...) is folded
/// into these numbers by the frontend, with f32 arithmetic in the order of
/// Hugging Face's modeling_rope_utils.
struct Rope {
  RopePairing pairing = RopePairing::half;
  std::vector<float> inverseFrequencies; // (head_dim / 2)
  float attentionFactor = 1.0f;
};

/// The numbers of a LLaMA-family architecture, by their Hugging Face names.
struct ModelConfig {
  int64_t hiddenSize = 0;
  int64_t intermediateSize = 0;
  int64_t numHiddenLayers = 0;
  int64_t numAttentionHeads = 0;
  int64_t numKeyValueHeads = 0;
  int64_t headDim = 0;
  int64_t vocabSize = 0;
  int64_t maxPositionEmbeddings = 0; // longest context the model was made for
  float rmsNormEps = 1e-5f;
  bool tieWordEmbeddings = false; // lm_head is the token embedding
  bool attentionBias = false;     // on q, k, v; on o where the tensor exists
  bool mlpBias = false;
  Rope rope;
};

/// Stored bytes of one tensor. Names are Quipu's own, one per role:
///   tok_embed, out_norm, lm_head (absent when tied),
///   layers.N.attn_norm, layers.N.attn.{wq,wk,wv,wo,bq,bk,bv,bo},
///   layers.N.mlp_norm, layers.N.mlp.{w_gate,w_up,w_down,b_gate,b_up,b_down}.
/// A matrix is (rows = outputs, columns = inputs), row-major; a vector has
/// rows 1.
struct TensorSource {
  std::string name;
  std::string nameInFile; // for messages and `quipu inspect`
  ElementType type;
  int64_t rows;
  int64_t columns;
  int32_t file;    // index into Model::files; -1: no weights (a config alone)
  uint64_t offset; // from the start of the file
  uint64_t bytes;  // rows * rowBytes(type, columns); within the file
};

/// What a TOML config asks of the compiler ([compile]); a flag on the command
/// line goes before it.
struct CompileWishes {
  std::optional<int64_t> context;       // longest sequence, in tokens
  std::optional<int> optimizationLevel; // 0 to 3, as -O
  std::vector<std::string> targets;     // as --target; empty: the default
};

/// A model as read: checked, so that every tensor the architecture needs is
/// there once with the right shape, and lies inside its file.
struct Model {
  std::string path;         // what the user named
  std::string kind;         // "gguf", "huggingface", "toml"
  std::string architecture; // as in the file: "llama", "LlamaForCausalLM"
  std::string name;         // general.name or the folder's name; may be empty
  ModelConfig config;
  std::vector<std::string> files;    // paths of weight files
  std::vector<TensorSource> tensors; // in the order of the graph
  std::optional<TokenizerSpec> tokenizer;
  GenerationDefaults generation;
  CompileWishes compile;

  /// The tensor called `name`, or null.
  const TensorSource *find(std::string_view name) const;
};

/// Parameters of the model: elements over all tensors, tied ones once.
int64_t parameterCount(const Model &model);

} // namespace quipu

#endif // QUIPU_FRONTENDS_MODEL_H
