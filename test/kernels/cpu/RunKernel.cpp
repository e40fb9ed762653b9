//===- RunKernel.cpp - One kernel, emitted and called ---------------------===//
//
// A failure to compile is printed and ends the test program: nothing that
// follows could run.
//
//===----------------------------------------------------------------------===//

#include "test/kernels/cpu/RunKernel.h"

#include "dialects/kernel/Dialect.h"
#include "dialects/kernel/Tiling.h"
#include "dialects/llama/Dialect.h"
#include "kernels/cpu/Emitter.h"
#include "test/kernels/GuardedBuffer.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

#include <cstdlib>

using namespace mlir;
using namespace quipu;
using namespace quipu::test;

[[noreturn]] static void fail(const llvm::Twine &message) {
  llvm::errs() << message << "\n";
  abort();
}

std::unique_ptr<MLIRContext> test::createKernelContext() {
  DialectRegistry registry;
  registerCpuBackend(registry);
  registry.insert<llama::LlamaDialect, kernel::KernelDialect>();
  auto context = std::make_unique<MLIRContext>(registry);
  context->loadAllAvailableDialects();
  return context;
}

CompiledKernel::CompiledKernel(ModuleOp source, llvm::StringRef name,
                               const CpuVariant &variant) {
  auto kernel = source.lookupSymbol<func::FuncOp>(name);
  if (!kernel)
    fail("no function " + name);
  OwningOpRef<ModuleOp> emitted = ModuleOp::create(source.getLoc());
  if (failed(emitCpuKernel(kernel, variant, *emitted)))
    fail("cannot emit " + name);
  if (failed(verify(*emitted))) {
    emitted->dump();
    fail("emitted code of " + name + " is invalid");
  }
  std::string mergeName = (name + kernel::mergeSuffix).str();
  llvm::SmallVector<llvm::StringRef> entries = {name};
  if (emitted->lookupSymbol(mergeName))
    entries.push_back(mergeName);
  auto built = buildCpuImage(*emitted, variant, entries);
  if (!built)
    fail(llvm::toString(built.takeError()));
  image = std::move(*built);
  loaded.emplace(image);
}

void CompiledKernel::call(size_t entry, llvm::ArrayRef<void *> arguments,
                          const KernelDims &dims, int64_t begin,
                          int64_t end) const {
  GuardedBuffer scratch((image.scratchBytes[entry] + 63) / 64 * 64);
  loaded->entry(entry)(arguments.data(), &dims, scratch.data(), begin, end);
}

void CompiledKernel::run(llvm::ArrayRef<void *> arguments,
                         const KernelDims &dims, int64_t begin,
                         int64_t end) const {
  call(0, arguments, dims, begin, end);
}

void CompiledKernel::merge(llvm::ArrayRef<void *> arguments,
                           const KernelDims &dims, int64_t begin,
                           int64_t end) const {
  if (!hasMerge())
    fail("kernel has no merge");
  call(1, arguments, dims, begin, end);
}

CompiledKernel test::compileKernel(llvm::StringRef source, llvm::StringRef name,
                                   const CpuVariant &variant) {
  std::unique_ptr<MLIRContext> context = createKernelContext();
  auto module = parseSourceString<ModuleOp>(source, context.get());
  if (!module)
    fail("cannot parse " + name);
  return CompiledKernel(*module, name, variant);
}
