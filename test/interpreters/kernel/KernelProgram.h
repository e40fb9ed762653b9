//===- KernelProgram.h - A kernel function under test -----------*- C++ -*-===//
//
// Parses IR with one function @f, holds random tensors for it, and runs it.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TEST_INTERPRETERS_KERNEL_KERNELPROGRAM_H
#define QUIPU_TEST_INTERPRETERS_KERNEL_KERNELPROGRAM_H

#include "base/Dequantize.h"
#include "dialects/kernel/Decoders.h"
#include "interpreters/kernel/KernelInterpreter.h"

#include "mlir/Parser/Parser.h"
#include "gmock/gmock.h"

#include <random>

namespace quipu::kernel {

/// Fails the test if `text` does not parse.
class KernelProgram {
public:
  explicit KernelProgram(llvm::StringRef text,
                         llvm::ArrayRef<ElementType> decoders = {}) {
    context.loadDialect<KernelDialect, mlir::func::FuncDialect>();
    context.getDiagEngine().registerHandler([&](mlir::Diagnostic &diagnostic) {
      messages += diagnostic.str() + "\n";
    });
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    EXPECT_TRUE(module) << messages;
    for (ElementType type : decoders)
      getOrInsertDecoder(*module, type);
  }

  mlir::FailureOr<std::vector<StepValue>>
  tryRun(std::vector<StepValue> arguments,
         const KernelInterpreterOptions &options = {}) {
    auto function = module->lookupSymbol<mlir::func::FuncOp>("f");
    return interpretKernels(function, std::move(arguments), parameters,
                            options);
  }

  std::vector<StepValue> run(const std::vector<StepValue> &arguments,
                             const KernelInterpreterOptions &options = {}) {
    auto results = tryRun(arguments, options);
    EXPECT_TRUE(succeeded(results)) << messages;
    return succeeded(results) ? *results : std::vector<StepValue>();
  }

  mlir::MLIRContext context;
  std::string messages; // diagnostics, a line each
  mlir::OwningOpRef<mlir::ModuleOp> module;
  OwnedParameters parameters;
};

/// A tensor of values in [-1, 1).
inline DenseTensor randomTensor(std::vector<int64_t> shape, unsigned seed) {
  std::mt19937 random(seed);
  DenseTensor tensor = zeroTensor(std::move(shape));
  for (double &value : tensor.values)
    value = double(random()) / (1u << 31) - 1;
  return tensor;
}

inline double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i)
    sum += a[i] * b[i];
  return sum;
}

/// Random bytes of a weight with every f16 field between 0 and 1.
inline std::vector<std::byte> randomBytes(int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::byte> bytes(count);
  for (std::byte &byte : bytes)
    byte = std::byte(random() & 0x3b);
  return bytes;
}

/// The options that every test runs under: all must give the same results.
inline std::vector<KernelInterpreterOptions> allOrders() {
  std::vector<KernelInterpreterOptions> all(3);
  all[1].shuffleSeed = 1;
  all[1].rowTile = 1;
  all[1].tokenTile = 1;
  all[1].kvTile = 1;
  all[1].splitLength = 1;
  all[1].emptySplits = 3;
  all[2].shuffleSeed = 2;
  all[2].rowTile = all[2].tokenTile = all[2].kvTile = 64;
  all[2].splitLength = 64;
  all[2].emptySplits = 0;
  return all;
}

/// Compares tensors element by element.
inline void expectNear(const StepValue &value, const DenseTensor &expected) {
  const auto *tensor = std::get_if<DenseTensor>(&value);
  ASSERT_TRUE(tensor);
  EXPECT_EQ(tensor->shape, expected.shape);
  EXPECT_THAT(tensor->values,
              testing::Pointwise(testing::DoubleNear(1e-12), expected.values));
}

} // namespace quipu::kernel

#endif // QUIPU_TEST_INTERPRETERS_KERNEL_KERNELPROGRAM_H
