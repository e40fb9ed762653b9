//===- CpuImage.cpp - From emitted functions to a flat code image ---------===//
//
// Functions are dealt out to a few modules of about the same size, which are
// lowered and compiled side by side and then laid out as one image.
//
//===----------------------------------------------------------------------===//

#include "compiler/cpu/CpuImage.h"

#include "compiler/cpu/GenerateCode.h"
#include "compiler/cpu/ImageLayout.h"
#include "compiler/cpu/LowerToLlvm.h"
#include "kernels/cpu/Emitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/Threading.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace quipu;
using llvm::Expected;

/// More parts than processors, so that none waits long for the last one; each
/// costs about a millisecond of set-up.
static constexpr size_t mostParts = 8;

void quipu::registerCpuBackend(DialectRegistry &registry) {
  registry.insert<arith::ArithDialect, cf::ControlFlowDialect,
                  func::FuncDialect, LLVM::LLVMDialect, math::MathDialect,
                  scf::SCFDialect, ub::UBDialect, vector::VectorDialect>();
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

namespace {
/// Some of the entries, with what they call.
struct Part {
  llvm::SetVector<Operation *> symbols;
  int64_t size = 0; // operations
};
} // namespace

static int64_t countOperations(Operation *op) {
  int64_t count = 0;
  op->walk([&](Operation *) { ++count; });
  return count;
}

/// Adds `symbol` and, in turn, the symbols of `table` that it uses.
static void addWithUses(Operation *symbol, const SymbolTable &table,
                        llvm::SetVector<Operation *> &symbols) {
  llvm::SmallVector<Operation *> pending = {symbol};
  while (!pending.empty()) {
    Operation *next = pending.pop_back_val();
    if (!symbols.insert(next))
      continue;
    auto uses = SymbolTable::getSymbolUses(next);
    if (!uses)
      continue;
    for (SymbolTable::SymbolUse use : *uses)
      if (Operation *used = table.lookup(use.getSymbolRef().getRootReference()))
        pending.push_back(used);
  }
}

/// Deals `entries` out, the largest first, each to the smallest part.
static std::vector<Part> divide(llvm::ArrayRef<Operation *> entries,
                                const SymbolTable &table) {
  std::vector<std::pair<int64_t, size_t>> sized;
  for (auto [index, entry] : llvm::enumerate(entries))
    sized.emplace_back(-countOperations(entry), index);
  llvm::sort(sized);
  std::vector<Part> parts(std::min(mostParts, sized.size()));
  for (auto [size, index] : sized) {
    Part &smallest = *std::min_element(
        parts.begin(), parts.end(),
        [](const Part &a, const Part &b) { return a.size < b.size; });
    smallest.size -= size;
    addWithUses(entries[index], table, smallest.symbols);
  }
  return parts;
}

/// Appends to `all` a module of copies of `part`, of which only entries stay
/// public.
static void copyPart(const Part &part, ModuleOp all,
                     const llvm::StringSet<> &entries) {
  ModuleOp module = ModuleOp::create(all.getLoc());
  all.push_back(module);
  for (Operation *symbol : part.symbols) {
    Operation *copy = symbol->clone();
    module.push_back(copy);
    bool isEntry = entries.contains(SymbolTable::getSymbolName(copy));
    auto function = dyn_cast<func::FuncOp>(copy);
    // Declarations have to stay visible to be reported as imports.
    if (function && !function.isDeclaration() && !isEntry)
      function->setAttr(
          "llvm.linkage",
          LLVM::LinkageAttr::get(copy->getContext(), LLVM::Linkage::Internal));
  }
}

/// Lowers the modules in `all` side by side. One pass manager does it, because
/// starting one loads dialects, which no two threads may.
static llvm::Error lowerParts(ModuleOp all, const CpuVariant &variant) {
  std::string messages;
  ScopedDiagnosticHandler handler(
      all.getContext(), [&](Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() == DiagnosticSeverity::Error &&
            messages.empty())
          messages = ": " + diagnostic.str();
        return success();
      });
  PassManager passes(all.getContext(), ModuleOp::getOperationName());
  passes.enableVerifier(
      false); // functions were verified when they were emitted
  buildLowerToLlvm(passes.nest<ModuleOp>(), variant);
  if (failed(passes.run(all)))
    return llvm::createStringError("cannot lower kernels to the LLVM dialect" +
                                   messages);
  return llvm::Error::success();
}

/// The functions called `names`, without gaps and repetitions.
static Expected<llvm::SmallVector<Operation *, 0>>
findEntries(const SymbolTable &table, llvm::ArrayRef<llvm::StringRef> names) {
  llvm::SetVector<Operation *> entries;
  for (llvm::StringRef name : names) {
    if (name.empty())
      continue;
    auto function = table.lookup<func::FuncOp>(name);
    if (!function || function.isDeclaration())
      return llvm::createStringError("no kernel function '" + name + "'");
    entries.insert(function);
  }
  return entries.takeVector();
}

/// One buffer per part, in a fixed order.
static Expected<std::vector<CodeBuffer>>
compileParts(ModuleOp emitted, const CpuVariant &variant,
             llvm::ArrayRef<llvm::StringRef> names, CodeForm form) {
  MLIRContext *context = emitted.getContext();
  DialectRegistry registry;
  registerCpuBackend(registry);
  context->appendDialectRegistry(registry);
  context->loadDialect<arith::ArithDialect, cf::ControlFlowDialect,
                       LLVM::LLVMDialect, math::MathDialect, ub::UBDialect,
                       vector::VectorDialect>();

  SymbolTable table(emitted);
  auto entries = findEntries(table, names);
  if (!entries)
    return entries.takeError();
  llvm::StringSet<> entryNames;
  for (llvm::StringRef name : names)
    entryNames.insert(name);
  OwningOpRef<ModuleOp> all = ModuleOp::create(emitted.getLoc());
  for (const Part &part : divide(*entries, table))
    copyPart(part, *all, entryNames);
  if (llvm::Error error = lowerParts(*all, variant))
    return error;

  auto modules = llvm::to_vector(all->getOps<ModuleOp>());
  std::vector<CodeBuffer> buffers(modules.size());
  std::vector<std::string> errors(modules.size());
  parallelFor(context, 0, modules.size(), [&](size_t i) {
    Expected<CodeBuffer> buffer = generateCode(modules[i], variant, form);
    if (buffer)
      buffers[i] = std::move(*buffer);
    else
      errors[i] = llvm::toString(buffer.takeError());
  });
  for (const std::string &error : errors)
    if (!error.empty())
      return llvm::createStringError(error);
  return buffers;
}

Expected<CpuImage>
quipu::buildCpuImage(ModuleOp emitted, const CpuVariant &variant,
                     llvm::ArrayRef<llvm::StringRef> entries) {
  auto objects = compileParts(emitted, variant, entries, CodeForm::object);
  if (!objects)
    return objects.takeError();
  llvm::SmallVector<llvm::StringRef> views(objects->begin(), objects->end());
  auto layout = layOutImage(views, entries);
  if (!layout)
    return layout.takeError();
  CpuImage image;
  image.bytes = std::move(layout->bytes);
  image.offsets = std::move(layout->offsets);
  for (llvm::StringRef entry : entries) {
    int64_t bytes = 0;
    if (!entry.empty())
      if (auto scratch =
              emitted.lookupSymbol(entry)->getAttrOfType<IntegerAttr>(
                  scratchBytesAttrName))
        bytes = scratch.getInt();
    image.scratchBytes.push_back(bytes);
  }
  return image;
}

/// The parts' texts one after another; each is a whole module.
static Expected<std::string> printParts(ModuleOp emitted,
                                        const CpuVariant &variant,
                                        llvm::ArrayRef<llvm::StringRef> entries,
                                        CodeForm form) {
  auto texts = compileParts(emitted, variant, entries, form);
  if (!texts)
    return texts.takeError();
  std::string result;
  for (const CodeBuffer &text : *texts)
    result.append(text.begin(), text.end());
  return result;
}

Expected<std::string>
quipu::printCpuLlvm(ModuleOp emitted, const CpuVariant &variant,
                    llvm::ArrayRef<llvm::StringRef> entries) {
  return printParts(emitted, variant, entries, CodeForm::llvm);
}

Expected<std::string>
quipu::printCpuAssembly(ModuleOp emitted, const CpuVariant &variant,
                        llvm::ArrayRef<llvm::StringRef> entries) {
  return printParts(emitted, variant, entries, CodeForm::assembly);
}
