//===- Reference.h - What the interpreter answers ---------------*- C++ -*-===//
//
// Logits in double precision, of sequences longer than those of the goldens.
// Apart from the runtime's headers, which the interpreters do not know.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TEST_E2E_REFERENCE_H
#define QUIPU_TEST_E2E_REFERENCE_H

#include "base/ElementType.h"
#include "frontends/Model.h"

#include <span>
#include <vector>

namespace quipu {

/// (tokens, vocab), with keys and values rounded to `kvType`; empty, with a
/// test failure, where the interpreter fails.
std::vector<float> interpretedLogits(const Model &model,
                                     std::span<const int32_t> tokens,
                                     ElementType kvType);

} // namespace quipu

#endif // QUIPU_TEST_E2E_REFERENCE_H
