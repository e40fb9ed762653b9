//===- Compile.cpp - A model into a package -------------------------------===//
//
// Collects what comes out of a compilation: plan, the code of each target, and
// where the weights lie.
//
//===----------------------------------------------------------------------===//

#include "compiler/Compile.h"

#include "compiler/Assembly.h"
#include "compiler/Compilation.h"
#include "compiler/PlanExport.h"
#include "compiler/cpu/CpuImage.h"
#include "compiler/nvptx/GeneratePtx.h"
#include "runtime/package/CpuTargets.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <filesystem>

using namespace mlir;
using namespace quipu;

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
    // The rest of a compilation is short; parts of an image take a thread each.
    MLIRContext *context = emitted.getContext();
    context->enableMultithreading();
    auto image = buildCpuImage(emitted, **variant, entries);
    context->disableMultithreading();
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
  Assembly assembly(options);
  for (TargetChoice target : *targets) {
    if (Result<void> done = addTarget(*package, compilation, target); !done)
      return done.error();
    assembly.start(package->targets.back());
  }
  if (Result<void> done = assembly.finish(*package); !done)
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
