//===- GeneratePtx.cpp - From emitted functions to PTX --------------------===//
//
// A chain of upstream conversions behind our own mathematics, then LLVM's NVPTX
// back end. Nothing is left to call: PTX has no library.
//
//===----------------------------------------------------------------------===//

#include "compiler/nvptx/GeneratePtx.h"

#include "compiler/code/PassPipeline.h"
#include "kernels/nvptx/ApproximateMath.h"
#include "kernels/nvptx/Emitter.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"

using namespace mlir;
using namespace quipu;
using llvm::Expected;

namespace {
constexpr llvm::StringLiteral tripleName = "nvptx64-nvidia-cuda";

// As on a CPU, and loops of a few steps are unrolled by emitters.
constexpr llvm::StringLiteral cleanupPipeline =
    "function(sroa<modify-cfg>,early-cse<memssa>,simplifycfg,"
    "instcombine<no-verify-fixpoint>,"
    "loop-mssa(loop-rotate,licm),loop(indvars),early-cse<memssa>,"
    "separate-const-offset-from-gep,early-cse,"
    "instcombine<no-verify-fixpoint>,simplifycfg),globaldce";

/// A module of LLVM IR and the machine that it is for.
struct Translated {
  std::unique_ptr<llvm::TargetMachine> machine;
  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::Module> module; // before its context
};
} // namespace

void quipu::registerGpuBackend(DialectRegistry &registry) {
  registry
      .insert<arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect,
              LLVM::LLVMDialect, math::MathDialect, NVVM::NVVMDialect,
              scf::SCFDialect, ub::UBDialect, vector::VectorDialect>();
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
}

static void buildLowerToNvvm(OpPassManager &passes) {
  OpPassManager &functions = passes.nest<func::FuncOp>();
  functions.addPass(createApproximateMathPass());
  functions.addPass(createSCFToControlFlowPass());
  functions.addPass(arith::createArithExpandOpsPass());
  passes.addPass(createConvertVectorToLLVMPass());
  passes.addPass(createConvertMathToLLVMPass());
  passes.addPass(createArithToLLVMConversionPass());
  passes.addPass(createConvertIndexToLLVMPass());
  passes.addPass(createConvertControlFlowToLLVMPass());
  passes.addPass(createConvertFuncToLLVMPass());
  passes.addPass(createUBToLLVMConversionPass());
  passes.addPass(createReconcileUnrealizedCastsPass());
}

static Expected<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(const GpuTarget &target) {
  static const bool initialized = [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    return true;
  }();
  (void)initialized;
  std::string error;
  llvm::Triple triple(tripleName);
  const llvm::Target *nvptx = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!nvptx)
    return llvm::createStringError(error);
  llvm::TargetOptions options;
  // Products and sums that emitters leave apart become one fma.
  options.AllowFPOpFusion = llvm::FPOpFusion::Fast;
  return std::unique_ptr<llvm::TargetMachine>(nvptx->createTargetMachine(
      triple, target.name, target.features, options, std::nullopt, std::nullopt,
      llvm::CodeGenOptLevel::Aggressive));
}

/// Says in the nvvm dialect's way which functions are entries; it wants that of
/// llvm.func alone.
static void markEntries(ModuleOp lowered) {
  for (auto function : lowered.getOps<LLVM::LLVMFuncOp>()) {
    auto threads = function->getAttrOfType<IntegerAttr>(blockThreadsAttrName);
    if (!threads)
      continue;
    Builder b(lowered.getContext());
    function->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(),
                      b.getUnitAttr());
    function->setAttr(NVVM::NVVMDialect::getMaxntidAttrName(),
                      b.getDenseI32ArrayAttr(int32_t(threads.getInt())));
    if (auto blocks = function->getAttrOfType<IntegerAttr>(leastBlocksAttrName))
      function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(), blocks);
  }
}

/// Lowers a copy of `emitted` to optimized LLVM IR.
static Expected<Translated> translate(ModuleOp emitted,
                                      const GpuTarget &target) {
  OwningOpRef<ModuleOp> lowered = emitted.clone();
  PassManager manager(emitted.getContext());
  buildLowerToNvvm(manager);
  if (failed(manager.run(*lowered)))
    return llvm::createStringError("cannot lower kernels to the nvvm dialect");
  markEntries(*lowered);
  auto machine = createTargetMachine(target);
  if (!machine)
    return machine.takeError();
  Translated result;
  result.machine = std::move(*machine);
  result.context = std::make_unique<llvm::LLVMContext>();
  result.module = translateModuleToLLVMIR(*lowered, *result.context, "quipu");
  if (!result.module)
    return llvm::createStringError("cannot translate kernels to LLVM IR");
  result.module->setTargetTriple(llvm::Triple(tripleName));
  result.module->setDataLayout(result.machine->createDataLayout());
  if (llvm::Error error =
          runPassPipeline(*result.module, *result.machine, cleanupPipeline))
    return error;
  return result;
}

Expected<GpuCode> quipu::generatePtx(ModuleOp emitted, const GpuTarget &target,
                                     llvm::ArrayRef<llvm::StringRef> entries) {
  GpuCode code;
  for (llvm::StringRef name : entries) {
    code.sharedBytes.push_back(0);
    if (name.empty())
      continue;
    auto function = emitted.lookupSymbol<func::FuncOp>(name);
    if (!function)
      return llvm::createStringError("no kernel is called " + name);
    if (auto bytes = function->getAttrOfType<IntegerAttr>(sharedBytesAttrName))
      code.sharedBytes.back() = bytes.getInt();
  }
  auto translated = translate(emitted, target);
  if (!translated)
    return translated.takeError();
  llvm::SmallString<0> text;
  llvm::raw_svector_ostream stream(text);
  llvm::legacy::PassManager passes;
  if (translated->machine->addPassesToEmitFile(
          passes, stream, nullptr, llvm::CodeGenFileType::AssemblyFile))
    return llvm::createStringError("cannot generate PTX for " +
                                   llvm::StringRef(target.name));
  passes.run(*translated->module);
  code.ptx = text.str().str();
  return code;
}

Expected<std::string> quipu::printGpuLlvm(ModuleOp emitted,
                                          const GpuTarget &target) {
  auto translated = translate(emitted, target);
  if (!translated)
    return translated.takeError();
  std::string text;
  llvm::raw_string_ostream stream(text);
  translated->module->print(stream, nullptr);
  return text;
}
