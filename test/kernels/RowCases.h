//===- RowCases.h - Kernels over rows, as text ------------------*- C++ -*-===//
//
// The matvec, matmul and rowwise kernels that every emitter is tried on.
// `skeleton` is "matvec" or "matmul"; each function is called @f.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TEST_KERNELS_ROWCASES_H
#define QUIPU_TEST_KERNELS_ROWCASES_H

#include <cstdint>
#include <string>

namespace quipu::test {

inline constexpr const char *storedTypes[] = {
    "f32",         "f16",         "bf16",        "!llama.q8_0", "!llama.q4_0",
    "!llama.q4_1", "!llama.q5_0", "!llama.q5_1", "!llama.q2_k", "!llama.q3_k",
    "!llama.q4_k", "!llama.q5_k", "!llama.q6_k"};

/// One weight, plain result.
std::string product(const std::string &skeleton, const std::string &type,
                    int64_t n, int64_t k, int64_t t);

/// Queries, keys and values of one attention layer with RoPE: three segments,
/// columns, angles and a KV cache.
std::string attentionInputs(const std::string &skeleton,
                            const std::string &couple, int64_t headDim,
                            const std::string &cache);

/// SwiGLU: two weights of different types in one couple.
std::string gated(const std::string &skeleton, int64_t n);
/// The same of K = `k` and weights of two quantized types ("q6_k").
std::string gatedQuantized(const std::string &skeleton, const std::string &gate,
                           const std::string &up, int64_t n, int64_t k);

/// The index of the largest of n sums, elements added.
std::string largest(const std::string &skeleton, int64_t n);

/// Gathered rows of stored `type`, as they are and their largest's index.
std::string embedding(const std::string &type);

/// Elementwise ops and RoPE on plain tensors, without a prologue.
std::string elementwise(const std::string &couple, int64_t headDim);

} // namespace quipu::test

#endif // QUIPU_TEST_KERNELS_ROWCASES_H
