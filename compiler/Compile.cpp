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
#include "compiler/nvptx/GeneratePtx.h"
#include "dialects/kernel/Tiling.h"
#include "frontends/graph/GraphBuilder.h"
#include "kernels/cpu/Emitter.h"
#include "kernels/nvptx/Emitter.h"
#include "kernels/schedules/CpuSchedules.h"
#include "runtime/package/CpuTargets.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

#include <filesystem>
#include <mutex>
#include <variant>

using namespace mlir;
using namespace quipu;

namespace {

/// What code is made for.
using TargetChoice = std::variant<const CpuVariant *, const GpuTarget *>;

/// One context and what came through the pipeline in it.
class Compilation {
public:
  Compilation(const Model &model, const CompileOptions &options);

  /// Builds the graph and runs the pipeline to `stage` or the plan.
  Result<void> run(Stage stage);

  /// The kernels of the plan that are for `target`'s kind of device, as
  /// functions of its kernel ABI.
  Result<OwningOpRef<ModuleOp>> emit(TargetChoice target);

  /// Appends to each kernel of `plan` what `target` forms its products in;
  /// nothing for kernels of another kind of device.
  void recordArithmetic(plan::Plan &plan, TargetChoice target);

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
  registerGpuBackend(registry);
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

/// The targets that `names` ask for; "cpu", and no name at all, stand for every
/// CPU variant.
static Result<std::vector<TargetChoice>>
chooseTargets(const std::vector<std::string> &names) {
  std::vector<TargetChoice> chosen;
  auto add = [&](TargetChoice target) {
    if (!llvm::is_contained(chosen, target))
      chosen.push_back(target);
  };
  auto addCpu = [&] {
    for (const CpuVariant &variant : cpuVariants)
      add(&variant);
  };
  if (names.empty())
    addCpu();
  for (const std::string &name : names) {
    if (name == "cpu") {
      addCpu();
    } else if (const CpuVariant *variant = findCpuVariant(name)) {
      add(variant);
    } else if (const GpuTarget *target = findGpuTarget(name)) {
      add(target);
    } else {
      std::string known = "cpu";
      for (const CpuVariant &each : cpuVariants)
        known += ", " + each.name.str();
      for (const GpuTarget &each : gpuTargets)
        known += ", " + each.name.str();
      return Error{"unknown target '" + name + "'; known are " + known};
    }
  }
  return chosen;
}

static plan::DeviceKind kindOf(TargetChoice target) {
  return std::holds_alternative<const GpuTarget *>(target)
             ? plan::DeviceKind::gpu
             : plan::DeviceKind::cpu;
}

static std::string nameOf(TargetChoice target) {
  return std::visit([](auto *chosen) { return chosen->name.str(); }, target);
}

/// The schedule that `skeleton` is emitted with for `target`: on a CPU, what
/// the plan left open is chosen now.
static kernel::ScheduleAttr scheduleFor(Operation *skeleton,
                                        TargetChoice target) {
  if (auto *variant = std::get_if<const CpuVariant *>(&target))
    return chooseVariant(skeleton, **variant);
  return kernel::getSchedule(skeleton);
}

Result<OwningOpRef<ModuleOp>> Compilation::emit(TargetChoice target) {
  OwningOpRef<ModuleOp> emitted = ModuleOp::create(module().getLoc());
  for (auto kernel : module().getOps<func::FuncOp>()) {
    Operation *skeleton = &kernel.getBody().front().front();
    if (!kernel::isSkeleton(skeleton) ||
        plan::DeviceKind(kernel::deviceOf(kernel)) != kindOf(target))
      continue;
    kernel::ScheduleAttr tiles = kernel::getSchedule(skeleton);
    kernel::setSchedule(skeleton, scheduleFor(skeleton, target));
    LogicalResult done = success();
    if (auto *variant = std::get_if<const CpuVariant *>(&target))
      done = emitCpuKernel(kernel, **variant, *emitted);
    else
      done =
          emitGpuKernel(kernel, *std::get<const GpuTarget *>(target), *emitted);
    kernel::setSchedule(skeleton, tiles);
    if (failed(done))
      return failure("cannot emit " + kernel.getSymName() + " for " +
                     nameOf(target));
  }
  return emitted;
}

void Compilation::recordArithmetic(plan::Plan &plan, TargetChoice target) {
  SymbolTable symbols(module());
  for (plan::Kernel &kernel : plan.kernels) {
    if (kernel.device != kindOf(target)) {
      kernel.arithmetic.emplace_back();
      continue;
    }
    llvm::StringRef name = kernel.name;
    name.consume_back(kernel::mergeSuffix);
    auto function = symbols.lookup<func::FuncOp>(name);
    kernel::ScheduleAttr schedule =
        scheduleFor(&function.getBody().front().front(), target);
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

/// Names of the kernels of `plan` by index, empty for another kind of device
/// than `kind`.
static std::vector<StringRef> entriesFor(const plan::Plan &plan,
                                         plan::DeviceKind kind) {
  std::vector<StringRef> entries;
  for (const plan::Kernel &kernel : plan.kernels)
    entries.push_back(kernel.device == kind ? StringRef(kernel.name)
                                            : StringRef());
  return entries;
}

/// Code of `emitted` for `target`, and what each entry needs beside its
/// arguments.
static Result<void> generate(Package &package, ModuleOp emitted,
                             TargetChoice choice, Target &target) {
  std::vector<StringRef> entries = entriesFor(package.plan, kindOf(choice));
  std::vector<int64_t> scratchBytes;
  if (auto *variant = std::get_if<const CpuVariant *>(&choice)) {
    auto image = buildCpuImage(emitted, **variant, entries);
    if (!image)
      return Error{llvm::toString(image.takeError())};
    for (const CpuTarget &known : cpuTargets)
      if (known.name == std::string_view(target.name))
        target.features.assign(known.features.begin(), known.features.end());
    target.code = keep(package, std::move(image->bytes));
    scratchBytes = std::move(image->scratchBytes);
  } else {
    auto code =
        generatePtx(emitted, *std::get<const GpuTarget *>(choice), entries);
    if (!code)
      return Error{llvm::toString(code.takeError())};
    target.code = keep(package, std::move(code->ptx));
    scratchBytes = std::move(code->sharedBytes);
  }
  for (auto [kernel, bytes] : llvm::zip(package.plan.kernels, scratchBytes))
    kernel.scratchBytes.push_back(bytes);
  return {};
}

/// Adds the code for `choice` as the next target of `package`.
static Result<void> addTarget(Package &package, Compilation &compilation,
                              TargetChoice choice) {
  Result<OwningOpRef<ModuleOp>> emitted = compilation.emit(choice);
  if (!emitted)
    return emitted.error();
  Target target;
  target.name = nameOf(choice);
  if (Result<void> done = generate(package, **emitted, choice, target); !done)
    return done.error();
  compilation.recordArithmetic(package.plan, choice);
  package.targets.push_back(std::move(target));
  return {};
}

/// `options` with the kinds of device that `targets` need.
static CompileOptions withDevices(CompileOptions options,
                                  llvm::ArrayRef<TargetChoice> targets) {
  options.pipeline.devices.clear();
  for (auto [kind, name] : {std::pair(plan::DeviceKind::cpu, "cpu"),
                            std::pair(plan::DeviceKind::gpu, "gpu")})
    if (llvm::any_of(targets,
                     [&](TargetChoice each) { return kindOf(each) == kind; }))
      options.pipeline.devices.push_back(name);
  return options;
}

Result<std::shared_ptr<Package>>
quipu::compileModel(const Model &model, const CompileOptions &asked) {
  Result<std::vector<TargetChoice>> targets = chooseTargets(asked.targets);
  if (!targets)
    return targets.error();
  CompileOptions options = withDevices(asked, *targets);
  Compilation compilation(model, options);
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
  for (TargetChoice target : *targets)
    if (Result<void> done = addTarget(*package, compilation, target); !done)
      return done.error();
  return package;
}

Result<std::string> quipu::emitStage(const Model &model, Stage stage,
                                     const CompileOptions &asked) {
  Result<std::vector<TargetChoice>> targets = chooseTargets(asked.targets);
  if (!targets)
    return targets.error();
  CompileOptions options = withDevices(asked, *targets);
  Compilation compilation(model, options);
  if (Result<void> done = compilation.run(std::min(stage, Stage::plan)); !done)
    return done.error();
  if (stage <= Stage::plan)
    return compilation.text();
  TargetChoice target = targets->front();
  Result<OwningOpRef<ModuleOp>> emitted = compilation.emit(target);
  if (!emitted)
    return emitted.error();
  std::vector<std::string> names;
  for (auto function : (*emitted)->getOps<func::FuncOp>())
    names.push_back(function.getSymName().str());
  std::vector<StringRef> entries(names.begin(), names.end());
  auto text = [&]() -> llvm::Expected<std::string> {
    if (auto *variant = std::get_if<const CpuVariant *>(&target))
      return stage == Stage::llvm
                 ? printCpuLlvm(**emitted, **variant, entries)
                 : printCpuAssembly(**emitted, **variant, entries);
    const GpuTarget &gpu = *std::get<const GpuTarget *>(target);
    if (stage == Stage::llvm)
      return printGpuLlvm(**emitted, gpu);
    auto code = generatePtx(**emitted, gpu, entries);
    if (!code)
      return code.takeError();
    return code->ptx;
  }();
  if (!text)
    return Error{llvm::toString(text.takeError())};
  return *text;
}
