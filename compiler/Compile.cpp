//===- Compile.cpp - A model into a package -------------------------------===//
//
// Builds the graph, runs the pipeline, emits the kernels of each variant, and
// collects plan, code and where the weights lie.
//
//===----------------------------------------------------------------------===//

#include "compiler/Compile.h"

#include "compiler/PlanExport.h"
#include "compiler/Registration.h"
#include "compiler/cpu/CpuImage.h"
#include "frontends/graph/GraphBuilder.h"
#include "kernels/cpu/Emitter.h"
#include "kernels/schedules/CpuSchedules.h"
#include "runtime/package/CpuTargets.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

#include <filesystem>
#include <mutex>

using namespace mlir;
using namespace quipu;

namespace {

/// One context and what came through the pipeline in it.
class Compilation {
public:
  Compilation(const Model &model, const CompileOptions &options);

  /// Builds the graph and runs the pipeline to `stage` or the plan.
  Result<void> run(Stage stage);

  Result<std::vector<const CpuVariant *>> variants() const;

  /// The kernels of the plan as CPU functions for `variant`.
  Result<OwningOpRef<ModuleOp>> emit(const CpuVariant &variant);

  /// Appends to each kernel of `plan` what `variant` forms its products in.
  void recordArithmetic(plan::Plan &plan, const CpuVariant &variant);

  ModuleOp module() { return *graph; }
  std::string text();

private:
  Error failure(const llvm::Twine &what) const;

  const Model &model;
  const CompileOptions &options;
  MLIRContext context;
  std::string firstError;
  std::unique_ptr<ScopedDiagnosticHandler> diagnostics;
  OwningOpRef<ModuleOp> graph;
};

} // namespace

/// The KV element type for `model` where none is asked for.
static ElementType defaultKvType(const Model &model) {
  std::optional<ElementType> common;
  for (const TensorSource &tensor : model.tensors) {
    if (tensor.rows == 1)
      continue;
    if (common && *common != tensor.type)
      return ElementType::f16;
    common = tensor.type;
  }
  return common == ElementType::f32 || common == ElementType::bf16
             ? *common
             : ElementType::f16;
}

static DialectRegistry makeRegistry() {
  DialectRegistry registry;
  registerDialects(registry);
  registerCpuBackend(registry);
  return registry;
}

Compilation::Compilation(const Model &model, const CompileOptions &options)
    : model(model), options(options),
      context(makeRegistry(), MLIRContext::Threading::DISABLED) {
  static std::once_flag registered;
  std::call_once(registered, registerPasses);
  diagnostics = std::make_unique<ScopedDiagnosticHandler>(
      &context, [this](Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() == DiagnosticSeverity::Error) {
          if (firstError.empty())
            firstError = diagnostic.str();
        } else if (this->options.remark) {
          std::string where;
          llvm::raw_string_ostream(where) << diagnostic.getLocation();
          this->options.remark(where + ": " + diagnostic.str());
        }
        return success();
      });
}

Error Compilation::failure(const llvm::Twine &what) const {
  std::string message = (llvm::Twine(model.path) + ": " + what).str();
  if (!firstError.empty())
    message += ": " + firstError;
  return Error{message};
}

Result<void> Compilation::run(Stage stage) {
  if (options.context > model.config.maxPositionEmbeddings)
    return failure("context: expected at most " +
                   llvm::Twine(model.config.maxPositionEmbeddings) +
                   " tokens, for which the model was made, found " +
                   llvm::Twine(options.context));
  GraphOptions graphOptions;
  graphOptions.pageSize = options.pageSize;
  graphOptions.kvType = options.kvType.value_or(defaultKvType(model));
  graphOptions.maxContext = options.context;
  graph = buildGraph(context, model, graphOptions);

  auto pipeline = pipelineText(stage, options.pipeline);
  if (!pipeline)
    return Error{llvm::toString(pipeline.takeError())};
  auto passes = parsePassPipeline(*pipeline);
  if (failed(passes))
    return failure("cannot parse the pipeline " + *pipeline);
  PassManager manager(&context);
  manager.enableVerifier(true);
  static_cast<OpPassManager &>(manager) = std::move(*passes);
  if (failed(manager.run(*graph)))
    return failure("cannot be compiled");
  return {};
}

std::string Compilation::text() {
  std::string result;
  llvm::raw_string_ostream stream(result);
  graph->print(stream);
  return result;
}

Result<std::vector<const CpuVariant *>> Compilation::variants() const {
  std::vector<const CpuVariant *> chosen;
  for (const std::string &name : options.targets) {
    if (name == "cpu")
      continue;
    const CpuVariant *variant = findCpuVariant(name);
    if (!variant) {
      std::string known = "cpu";
      for (const CpuVariant &each : cpuVariants)
        known += ", " + each.name.str();
      return Error{"unknown target '" + name + "'; known are " + known};
    }
    chosen.push_back(variant);
  }
  if (chosen.empty())
    for (const CpuVariant &variant : cpuVariants)
      chosen.push_back(&variant);
  return chosen;
}

Result<OwningOpRef<ModuleOp>> Compilation::emit(const CpuVariant &variant) {
  OwningOpRef<ModuleOp> emitted = ModuleOp::create(module().getLoc());
  for (auto kernel : module().getOps<func::FuncOp>()) {
    Operation *skeleton = &kernel.getBody().front().front();
    if (!kernel::isSkeleton(skeleton))
      continue;
    kernel::ScheduleAttr tiles = kernel::getSchedule(skeleton);
    kernel::setSchedule(skeleton, chooseVariant(skeleton, variant));
    LogicalResult done = emitCpuKernel(kernel, variant, *emitted);
    kernel::setSchedule(skeleton, tiles);
    if (failed(done))
      return failure("cannot emit " + kernel.getSymName() + " for " +
                     variant.name);
  }
  return emitted;
}

void Compilation::recordArithmetic(plan::Plan &plan,
                                   const CpuVariant &variant) {
  SymbolTable symbols(module());
  for (plan::Kernel &kernel : plan.kernels) {
    llvm::StringRef name = kernel.name;
    name.consume_back(".merge");
    auto function = symbols.lookup<func::FuncOp>(name);
    kernel::ScheduleAttr schedule =
        chooseVariant(&function.getBody().front().front(), variant);
    kernel.arithmetic.push_back(
        kernel::stringifyArithmetic(schedule.getArithmetic()).str());
  }
}

/// What `quipu inspect` says about the model's numbers.
static ModelInfo describe(const Model &model) {
  const ModelConfig &config = model.config;
  ModelInfo info;
  info.name = model.name;
  info.kind = model.kind;
  info.architecture = model.architecture;
  info.parameters = parameterCount(model);
  info.config = {
      {"hidden_size", config.hiddenSize},
      {"intermediate_size", config.intermediateSize},
      {"num_hidden_layers", config.numHiddenLayers},
      {"num_attention_heads", config.numAttentionHeads},
      {"num_key_value_heads", config.numKeyValueHeads},
      {"head_dim", config.headDim},
      {"vocab_size", config.vocabSize},
      {"max_position_embeddings", config.maxPositionEmbeddings},
      {"rms_norm_eps", config.rmsNormEps},
  };
  return info;
}

/// Keeps `bytes` alive with `package` and returns where they are.
template <typename Bytes>
static std::span<const std::byte> keep(Package &package, Bytes bytes) {
  auto owner = std::make_shared<const Bytes>(std::move(bytes));
  package.owners.push_back(owner);
  return std::as_bytes(std::span(owner->data(), owner->size()));
}

Result<void> quipu::attachModel(Package &package, const Model &model) {
  package.model = describe(model);
  package.generation = model.generation;
  if (model.tokenizer) {
    package.tokenizer = keep(package, serialize(*model.tokenizer));
    package.chatTemplate = model.tokenizer->chatTemplate;
  }
  for (const std::string &path : model.files) {
    std::error_code error;
    std::filesystem::path absolute = std::filesystem::absolute(path, error);
    uint64_t bytes = error ? 0 : std::filesystem::file_size(absolute, error);
    if (error)
      return Error{path + ": cannot read its size: " + error.message()};
    package.weightFiles.push_back({absolute.string(), bytes});
  }
  for (const TensorSource &tensor : model.tensors)
    if (tensor.file >= 0)
      package.tensors.push_back({tensor.name, tensor.type, tensor.rows,
                                 tensor.columns, tensor.file, tensor.offset,
                                 tensor.bytes});
  return {};
}

/// Adds the code of `variant` as the next target of `package`.
static Result<void> addTarget(Package &package, Compilation &compilation,
                              const CpuVariant &variant) {
  Result<OwningOpRef<ModuleOp>> emitted = compilation.emit(variant);
  if (!emitted)
    return emitted.error();
  std::vector<StringRef> entries;
  for (const plan::Kernel &kernel : package.plan.kernels)
    entries.push_back(kernel.name);
  auto image = buildCpuImage(**emitted, variant, entries);
  if (!image)
    return Error{llvm::toString(image.takeError())};
  for (auto [kernel, scratch] :
       llvm::zip(package.plan.kernels, image->scratchBytes))
    kernel.scratchBytes.push_back(scratch);
  compilation.recordArithmetic(package.plan, variant);
  Target target;
  target.name = variant.name.str();
  for (const CpuTarget &known : cpuTargets)
    if (known.name == std::string_view(variant.name))
      target.features.assign(known.features.begin(), known.features.end());
  target.code = keep(package, std::move(image->bytes));
  package.targets.push_back(std::move(target));
  return {};
}

Result<std::shared_ptr<Package>>
quipu::compileModel(const Model &model, const CompileOptions &options) {
  Compilation compilation(model, options);
  Result<std::vector<const CpuVariant *>> variants = compilation.variants();
  if (!variants)
    return variants.error();
  if (Result<void> done = compilation.run(Stage::plan); !done)
    return done.error();

  auto package = std::make_shared<Package>();
  package->producer = "quipu " QUIPU_VERSION;
  package->plan = exportPlan(compilation.module());
  package->provenance = {
      {"source", model.path},
      {"optimization", "-O" + std::to_string(options.pipeline.optLevel)}};
  if (Result<void> done = attachModel(*package, model); !done)
    return done.error();
  for (const CpuVariant *variant : *variants)
    if (Result<void> done = addTarget(*package, compilation, *variant); !done)
      return done.error();
  return package;
}

Result<std::string> quipu::emitStage(const Model &model, Stage stage,
                                     const CompileOptions &options) {
  Compilation compilation(model, options);
  Result<std::vector<const CpuVariant *>> variants = compilation.variants();
  if (!variants)
    return variants.error();
  if (Result<void> done = compilation.run(std::min(stage, Stage::plan)); !done)
    return done.error();
  if (stage <= Stage::plan)
    return compilation.text();
  const CpuVariant &variant = *variants->front();
  Result<OwningOpRef<ModuleOp>> emitted = compilation.emit(variant);
  if (!emitted)
    return emitted.error();
  std::vector<std::string> names = kernelNames(compilation.module());
  std::vector<StringRef> entries(names.begin(), names.end());
  auto text = stage == Stage::llvm
                  ? printCpuLlvm(**emitted, variant, entries)
                  : printCpuAssembly(**emitted, variant, entries);
  if (!text)
    return Error{llvm::toString(text.takeError())};
  return *text;
}
