//===- FakeModel.h - A model of plain functions -----------------*- C++ -*-===//
//
// A plan whose kernels are C++ functions, small enough to predict by hand: the
// next token is (sum of all tokens so far + bias) modulo the vocabulary. It
// goes through paged KV, work lists, splits and every kind of argument.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TEST_RUNTIME_FAKEMODEL_H
#define QUIPU_TEST_RUNTIME_FAKEMODEL_H

#include "runtime/devices/cpu/CodeImage.h"
#include "runtime/generation/Engine.h"

#include <memory>
#include <span>

namespace quipu::test {

inline constexpr int64_t fakeVocabulary = 97;
inline constexpr int64_t fakeBias = 5; // stored in the tensor "bias"
inline constexpr int64_t fakeContext = 1024;

/// A package with buckets decode (1 token) and prefill (8 tokens, query tile
/// 3) for logits, and decode for argmax; pages of 16 tokens, 4 splits.
std::shared_ptr<const Package> fakePackage();

/// Its kernels.
CodeImage fakeImage();

/// An engine of the fake model on the CPU device.
Result<Engine> fakeEngine(EngineOptions options = {});

/// What the model says comes after `tokens`.
int32_t fakeNext(std::span<const int32_t> tokens);

} // namespace quipu::test

#endif // QUIPU_TEST_RUNTIME_FAKEMODEL_H
