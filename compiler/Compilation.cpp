//===- Compilation.cpp - A model on its way through the pipeline ----------===//
//
// Builds the graph, runs the pipeline and emits the kernels of each target.
//
//===----------------------------------------------------------------------===//

#include "compiler/Compilation.h"

#include "compiler/Registration.h"
#include "compiler/cpu/CpuImage.h"
#include "compiler/nvptx/GeneratePtx.h"
#include "dialects/kernel/Tiling.h"
#include "frontends/graph/GraphBuilder.h"
#include "kernels/cpu/Emitter.h"
#include "kernels/nvptx/Emitter.h"
#include "kernels/schedules/CpuSchedules.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

#include <mutex>

using namespace mlir;
using namespace quipu;

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

Result<std::vector<TargetChoice>>
quipu::chooseTargets(const std::vector<std::string> &names) {
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

plan::DeviceKind quipu::kindOf(TargetChoice target) {
  return std::holds_alternative<const GpuTarget *>(target)
             ? plan::DeviceKind::gpu
             : plan::DeviceKind::cpu;
}

std::string quipu::nameOf(TargetChoice target) {
  return std::visit([](auto *chosen) { return chosen->name.str(); }, target);
}

kernel::ScheduleAttr quipu::scheduleFor(Operation *skeleton,
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

CompileOptions quipu::withDevices(CompileOptions options,
                                  llvm::ArrayRef<TargetChoice> targets) {
  options.pipeline.devices.clear();
  for (auto [kind, name] : {std::pair(plan::DeviceKind::cpu, "cpu"),
                            std::pair(plan::DeviceKind::gpu, "gpu")})
    if (llvm::any_of(targets,
                     [&](TargetChoice each) { return kindOf(each) == kind; }))
      options.pipeline.devices.push_back(name);
  options.pipeline.gpuTargets.clear();
  for (TargetChoice each : targets)
    if (kindOf(each) == plan::DeviceKind::gpu)
      options.pipeline.gpuTargets.push_back(nameOf(each));
  return options;
}
