//===- PassPipeline.cpp - Passes over an LLVM module ----------------------===//
//
// The analyses that a new-style pass manager wants, without a library of
// functions to call.
//
//===----------------------------------------------------------------------===//

#include "compiler/code/PassPipeline.h"

#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/Passes/PassBuilder.h"

llvm::Error quipu::runPassPipeline(llvm::Module &module,
                                   llvm::TargetMachine &machine,
                                   llvm::StringRef pipeline) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  llvm::TargetLibraryInfoImpl libraries(module.getTargetTriple());
  libraries.disableAllFunctions();
  functions.registerPass(
      [&] { return llvm::TargetLibraryAnalysis(libraries); });
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  llvm::ModulePassManager passes;
  if (llvm::Error error = builder.parsePassPipeline(passes, pipeline))
    return error;
  passes.run(module, modules);
  return llvm::Error::success();
}
