//===- Model.cpp - Questions to a Model -----------------------------------===//
//
// Look-up and counting over the tensors that completeModel() has checked.
//
//===----------------------------------------------------------------------===//

#include "frontends/Model.h"

namespace quipu {

const TensorSource *Model::find(std::string_view name) const {
  for (const TensorSource &tensor : tensors)
    if (tensor.name == name)
      return &tensor;
  return nullptr;
}

int64_t parameterCount(const Model &model) {
  int64_t count = 0;
  for (const TensorSource &tensor : model.tensors)
    count += tensor.rows * tensor.columns;
  return count;
}

} // namespace quipu
