//===- ModelChecks.h - What makes a Model complete --------------*- C++ -*-===//
//
// The checks that every frontend ends with, so that what is behind them can
// rely on a Model: sane numbers, each tensor once, with its shape, in its file.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_MODELCHECKS_H
#define QUIPU_FRONTENDS_MODELCHECKS_H

#include "base/Result.h"
#include "frontends/Model.h"

#include <string>
#include <vector>

namespace quipu {

/// A tensor that the architecture has, by Quipu's name.
struct TensorRole {
  enum class Kind { matrix, norm, bias };
  std::string name;
  Kind kind;
  int64_t rows;
  int64_t columns;
  bool optional = false; // the bias of wo
};

/// Every tensor of a model with this config, in the order of the graph.
std::vector<TensorRole> tensorRoles(const ModelConfig &config);

/// What is wrong with a head's size: found and expected; empty if nothing is.
/// The caller puts the file and its field in front.
std::string headDimFault(int64_t headDim);

/// Checks ranges and divisibility of the numbers, so that no product of them
/// overflows; a message names the field after `path`.
Result<void> checkConfig(const ModelConfig &config, const std::string &path);

/// Checks model.config and moves `found` (any order, our names) to
/// model.tensors in the order of the graph. Fails if a tensor is missing, there
/// twice, of no role, of another shape, of a type its role cannot have, or not
/// inside its file; model.files are there and `fileSizes` holds their sizes.
Result<void> completeModel(Model &model, std::vector<TensorSource> found,
                           const std::vector<uint64_t> &fileSizes);

/// Checks that the tokenizer, if there is one, gives no id beyond the
/// embedding.
Result<void> checkTokenizer(const Model &model);

/// Fills model.tensors of a config alone: file -1, matrices of `type`, norms
/// and biases f32.
Result<void> completeWithoutWeights(Model &model, ElementType type);

} // namespace quipu

#endif // QUIPU_FRONTENDS_MODELCHECKS_H
