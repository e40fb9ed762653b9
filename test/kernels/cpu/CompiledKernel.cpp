//===- CompiledKernel.cpp - A kernel function, compiled and run -----------===//
//
// MLIR's own conversions to LLVM, LLVM's default pipeline without the passes
// that change loops, and its JIT.
//
//===----------------------------------------------------------------------===//

#include "CompiledKernel.h"

#include "dialects/kernel/Decoders.h"
#include "dialects/kernel/Tiling.h"
#include "kernels/cpu/Emitter.h"
#include "kernels/schedules/CpuSchedules.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"

#include <chrono>
#include <cstdlib>

using namespace mlir;
using namespace quipu;
using namespace quipu::test;

std::unique_ptr<MLIRContext> test::makeContext() {
  DialectRegistry registry;
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  auto context =
      std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  context->loadDialect<kernel::KernelDialect, llama::LlamaDialect,
                       func::FuncDialect, LLVM::LLVMDialect, scf::SCFDialect>();
  return context;
}

bool test::canRun(const CpuVariant &variant) {
  auto features = llvm::sys::getHostCPUFeatures();
  if (variant.dotBf16)
    return features["avx512bf16"] && features["avx512vl"];
  return variant.lanes == 16 ? features["avx512vl"] && features["avx512bw"]
                             : features["avx2"] && features["f16c"];
}

static void lowerToLlvm(ModuleOp module) {
  PassManager passes(module.getContext());
  passes.addPass(createCanonicalizerPass());
  passes.addPass(createCSEPass());
  passes.addPass(createSCFToControlFlowPass());
  passes.addPass(createConvertVectorToLLVMPass());
  passes.addPass(createConvertMathToLLVMPass());
  passes.addPass(createArithToLLVMConversionPass());
  passes.addPass(createConvertControlFlowToLLVMPass());
  passes.addPass(createConvertFuncToLLVMPass());
  passes.addPass(createReconcileUnrealizedCastsPass());
  if (failed(passes.run(module)))
    abort();
}

static std::unique_ptr<llvm::TargetMachine>
targetMachine(const CpuVariant &variant) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  llvm::Triple triple("x86_64-unknown-linux-gnu");
  std::string error;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    abort();
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, variant.cpu, variant.features, llvm::TargetOptions(),
      llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Default));
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::PipelineTuningOptions tuning;
  tuning.LoopUnrolling = false;
  tuning.LoopVectorization = false;
  tuning.SLPVectorization = false;
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager callGraph;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(callGraph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, callGraph, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2)
      .run(module, modules);
}

struct CompiledKernel::Jit {
  std::unique_ptr<llvm::orc::LLJIT> jit;
};

CompiledKernel::~CompiledKernel() = default;

static double seconds() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

CompiledKernel::CompiledKernel(ModuleOp module, const CpuVariant &variant,
                               int64_t maxTokens) {
  for (auto type :
       llvm::seq(int(ElementType::q8_0), int(ElementType::q6_k) + 1))
    kernel::getOrInsertDecoder(module, ElementType(type));
  function = *module.getOps<func::FuncOp>().begin();
  for (Operation &op : function.getBody().front())
    if (kernel::isSkeleton(&op))
      skeleton = &op;
  if (!kernel::getSchedule(skeleton))
    kernel::setSchedule(skeleton, chooseTiles(skeleton, maxTokens));
  if (kernel::getSchedule(skeleton).getVector() != variant.lanes)
    kernel::setSchedule(skeleton, chooseVariant(skeleton, variant));
  double start = seconds();
  OwningOpRef<ModuleOp> code = ModuleOp::create(module.getLoc());
  if (failed(emitCpuKernel(function, variant, *code)))
    abort();
  std::string name = function.getName().str();
  auto scratch = [&](std::string symbol) -> int64_t {
    auto emitted = code->lookupSymbol<func::FuncOp>(symbol);
    return emitted ? emitted->getAttrOfType<IntegerAttr>(scratchBytesAttrName)
                         .getInt()
                   : 0;
  };
  scratchBytes = scratch(name);
  mergeScratchBytes = scratch(name + ".merge");
  emitSeconds = seconds() - start;
  lowerToLlvm(*code);

  auto llvmContext = std::make_unique<llvm::LLVMContext>();
  auto llvmModule = translateModuleToLLVMIR(*code, *llvmContext);
  auto machine = targetMachine(variant);
  llvmModule->setDataLayout(machine->createDataLayout());
  llvmModule->setTargetTriple(machine->getTargetTriple());
  optimize(*llvmModule, *machine);
  if (const char *path = getenv("QUIPU_DUMP_LLVM")) {
    std::error_code ignored;
    llvm::raw_fd_ostream out(path, ignored);
    llvmModule->print(out, nullptr);
  }
  llvm::SmallVector<char> object;
  llvm::raw_svector_ostream stream(object);
  llvm::legacy::PassManager emission;
  machine->addPassesToEmitFile(emission, stream, nullptr,
                               llvm::CodeGenFileType::ObjectFile);
  emission.run(*llvmModule);

  jit = std::make_unique<Jit>();
  jit->jit = llvm::cantFail(llvm::orc::LLJITBuilder().create());
  llvm::cantFail(jit->jit->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(
      llvm::StringRef(object.data(), object.size()))));
  auto symbol = [&](std::string symbolName) {
    return llvm::cantFail(jit->jit->lookup(symbolName)).toPtr<KernelFunction>();
  };
  entry = symbol(name);
  if (kernel::hasMerge(skeleton))
    merge = symbol(name + ".merge");
  compileSeconds = seconds() - start;
}

int64_t CompiledKernel::tiles(int64_t leading) const {
  int64_t tokenTile = kernel::getSchedule(skeleton).getTokenTile();
  int64_t tokenTiles = (leading + tokenTile - 1) / tokenTile;
  return isa<kernel::RowwiseOp>(skeleton)
             ? tokenTiles
             : tokenTiles * kernel::rowTiles(skeleton);
}

void CompiledKernel::run(const std::vector<void *> &arguments,
                         const KernelDims &dims, int64_t leading,
                         int calls) const {
  int64_t bytes = (std::max(scratchBytes, mergeScratchBytes) + 127) / 64 * 64;
  void *scratch = aligned_alloc(64, bytes);
  // Kernels may not rely on what scratch holds: all bits set are NaNs.
  memset(scratch, 0xff, bytes);
  int64_t total = tiles(leading);
  for (int call = 0; call < calls; ++call)
    entry(arguments.data(), &dims, scratch, total * call / calls,
          total * (call + 1) / calls);
  if (merge)
    merge(arguments.data(), &dims, scratch, 0, leading);
  free(scratch);
}
