//===- Products.h - Kernels that are a product and no more ------*- C++ -*-===//
//
// A matvec or matmul with nothing before and after its product of matrices is
// what a library for linear algebra computes as well. Relies on the forms that
// llama-to-kernel gives to a linear by itself.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_DIALECTS_KERNEL_PRODUCTS_H
#define QUIPU_DIALECTS_KERNEL_PRODUCTS_H

#include "dialects/kernel/Dialect.h"

#include <optional>

namespace quipu::kernel {

/// The operands of Y = X W^T, whose result is a skeleton's only one.
struct PlainProduct {
  mlir::Value input;   // X: f32 (T, K), or (R, K) in the domain of rows
  mlir::Value weights; // W: f32, f16 or bf16 (N, K)
  Domain domain;
};

/// What `skeleton` computes, if it is a product alone: no map, gather, norm,
/// bias or other epilogue, and no weights that have to be decoded.
std::optional<PlainProduct> plainProduct(mlir::Operation *skeleton);

} // namespace quipu::kernel

#endif // QUIPU_DIALECTS_KERNEL_PRODUCTS_H
