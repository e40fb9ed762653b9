//===- GenerateCode.cpp - LLVM dialect to machine code --------------------===//
//
// Emitters vectorize and unroll by themselves, so the pass pipeline only cleans
// up: it is a fraction of -O2, and compile time is spent on code generation.
//
//===----------------------------------------------------------------------===//

#include "compiler/cpu/GenerateCode.h"

#include "compiler/code/PassPipeline.h"

#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

using namespace quipu;

namespace {
constexpr llvm::StringLiteral tripleName = "x86_64-unknown-linux-gnu";

// Loads of arguments and sizes are hoisted out of the tile loops (licm), inner
// loops of constant length are left as they are.
constexpr llvm::StringLiteral cleanupPipeline =
    "function(sroa<modify-cfg>,early-cse<memssa>,simplifycfg,"
    "instcombine<no-verify-fixpoint>,"
    "loop-mssa(loop-rotate,licm),loop(indvars),early-cse<memssa>,"
    "instcombine<no-verify-fixpoint>,simplifycfg),globaldce";
} // namespace

static const llvm::Target *findTarget(std::string &error) {
  static const bool initialized = [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser();
    return true;
  }();
  (void)initialized;
  return llvm::TargetRegistry::lookupTarget(llvm::Triple(tripleName), error);
}

static std::unique_ptr<llvm::TargetMachine>
createTargetMachine(const llvm::Target &target, const CpuVariant &variant) {
  llvm::TargetOptions options;
  // Products and sums that emitters leave apart become one fma.
  options.AllowFPOpFusion = llvm::FPOpFusion::Fast;
  options.ExceptionModel = llvm::ExceptionHandling::None;
  return std::unique_ptr<llvm::TargetMachine>(target.createTargetMachine(
      llvm::Triple(tripleName), variant.cpu, variant.features, options,
      llvm::Reloc::PIC_, llvm::CodeModel::Small,
      llvm::CodeGenOptLevel::Default));
}

/// Gives every function the variant's processor, and every symbol an address
/// relative to the code that uses it.
static void setAttributes(llvm::Module &module, const CpuVariant &variant) {
  std::string width = std::to_string(variant.lanes * 32);
  for (llvm::Function &function : module) {
    function.setDSOLocal(true);
    if (function.isDeclaration())
      continue;
    if (!function.hasLocalLinkage())
      function.setVisibility(llvm::GlobalValue::HiddenVisibility);
    function.addFnAttr("target-cpu", variant.cpu);
    if (!variant.features.empty())
      function.addFnAttr("target-features", variant.features);
    function.addFnAttr("prefer-vector-width", width);
    function.addFnAttr("min-legal-vector-width", width);
    // No pass may turn a loop into a call of memset or memcpy.
    function.addFnAttr("no-builtins");
    function.addFnAttr("no-jump-tables", "true");
    function.addFnAttr(llvm::Attribute::NoUnwind);
    function.setUWTableKind(llvm::UWTableKind::None);
  }
  for (llvm::GlobalVariable &global : module.globals())
    global.setDSOLocal(true);
}

llvm::Expected<CodeBuffer> quipu::generateCode(mlir::ModuleOp source,
                                               const CpuVariant &variant,
                                               CodeForm form) {
  std::string message;
  const llvm::Target *target = findTarget(message);
  if (!target)
    return llvm::createStringError(message);
  std::unique_ptr<llvm::TargetMachine> machine =
      createTargetMachine(*target, variant);
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module =
      mlir::translateModuleToLLVMIR(source, context, "quipu");
  if (!module)
    return llvm::createStringError("cannot translate kernels to LLVM IR");
  module->setTargetTriple(llvm::Triple(tripleName));
  module->setDataLayout(machine->createDataLayout());
  setAttributes(*module, variant);
  if (llvm::Error error = runPassPipeline(*module, *machine, cleanupPipeline))
    return error;

  CodeBuffer result;
  llvm::raw_svector_ostream stream(result);
  if (form == CodeForm::llvm) {
    module->print(stream, nullptr);
    return result;
  }
  llvm::legacy::PassManager passes;
  llvm::TargetLibraryInfoImpl libraries(module->getTargetTriple());
  libraries.disableAllFunctions();
  passes.add(new llvm::TargetLibraryInfoWrapperPass(libraries));
  auto type = form == CodeForm::object ? llvm::CodeGenFileType::ObjectFile
                                       : llvm::CodeGenFileType::AssemblyFile;
  if (machine->addPassesToEmitFile(passes, stream, nullptr, type))
    return llvm::createStringError("cannot generate code for " +
                                   llvm::Twine(variant.cpu));
  passes.run(*module);
  return result;
}
