//===- Explain.cpp - What a model was compiled into -----------------------===//
//
// Runs the pipeline to the fused graph, to the plan and to code. Groups,
// launches and kernels are matched by their order, which no pass changes.
//
//===----------------------------------------------------------------------===//

#include "compiler/Explain.h"

#include "compiler/Compilation.h"
#include "dialects/kernel/Tiling.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;
using namespace quipu;

/// "rms_norm, 3 linear": a linear counts once for each of its weights.
static std::string describeOps(llvm::ArrayRef<Operation *> ops) {
  llvm::MapVector<StringRef, int64_t> counts;
  for (Operation *op : ops) {
    auto linear = dyn_cast<llama::LinearOp>(op);
    counts[op->getName().stripDialect()] +=
        linear ? int64_t(linear.getNumResults()) : 1;
  }
  return llvm::join(
      llvm::map_range(counts,
                      [](const std::pair<StringRef, int64_t> &count) {
                        return (count.second > 1
                                    ? std::to_string(count.second) + " "
                                    : "") +
                               count.first.str();
                      }),
      ", ");
}

/// The ops that become one kernel each, of `step` in order.
static std::vector<std::string> describeGroups(func::FuncOp step) {
  std::vector<std::string> groups;
  for (Operation &op : step.getBody().front().without_terminator()) {
    if (!isa_and_nonnull<llama::LlamaDialect>(op.getDialect()))
      continue;
    llvm::SmallVector<Operation *> ops = {&op};
    if (auto fusion = dyn_cast<llama::FusionOp>(op)) {
      ops.clear();
      for (Operation &inner : fusion->getRegion(0).front().without_terminator())
        ops.push_back(&inner);
    }
    groups.push_back(describeOps(ops));
  }
  return groups;
}

static bool isMerge(const plan::Kernel &kernel) {
  return llvm::StringRef(kernel.name).ends_with(kernel::mergeSuffix);
}

/// The groups of `fused`, by bucket and launch of `plan`.
static Result<std::vector<std::vector<std::string>>>
opsOfLaunches(ModuleOp fused, const plan::Plan &plan) {
  std::vector<std::vector<std::string>> result;
  auto steps = fused.getOps<func::FuncOp>();
  auto step = steps.begin();
  for (const plan::Bucket &bucket : plan.buckets) {
    assert(step != steps.end() && "a step for each bucket");
    std::vector<std::string> groups = describeGroups(*step++);
    std::vector<std::string> &ops = result.emplace_back();
    size_t next = 0;
    for (const plan::Launch &launch : bucket.launches) {
      bool merge = isMerge(plan.kernels[launch.kernel]);
      if (!merge && next == groups.size())
        return Error{"bucket " + bucket.name +
                     ": there are more launches than groups of ops"};
      ops.push_back(merge ? std::string() : groups[next++]);
    }
    if (next != groups.size())
      return Error{"bucket " + bucket.name + ": expected " +
                   std::to_string(groups.size()) + " launches, found " +
                   std::to_string(next)};
  }
  return result;
}

static std::string scheduleText(Operation *skeleton, TargetChoice target) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << Attribute(scheduleFor(skeleton, target));
  llvm::StringRef inner = text;
  inner = inner.substr(inner.find('<'));
  return inner.str();
}

const plan::Resources *Explanation::resources(int64_t kernel) const {
  const auto &known = package->plan.kernels[kernel].resources;
  return target < known.size() && known[target] ? &*known[target] : nullptr;
}

/// Whether any kernel's are known.
static bool knowsResources(const Explanation &explanation) {
  auto kernels = int64_t(explanation.package->plan.kernels.size());
  for (int64_t i = 0; i < kernels; ++i)
    if (explanation.resources(i))
      return true;
  return false;
}

namespace {
/// The plan as IR, with what it was made from.
struct PlannedModel {
  PlannedModel(const Model &model, const CompileOptions &asked)
      : options(asked), compilation(model, options) {}

  /// The skeleton of a kernel or of its merge.
  Operation *skeleton(const plan::Kernel &kernel) {
    llvm::StringRef name = kernel.name;
    name.consume_back(kernel::mergeSuffix);
    SymbolTable symbols(compilation.module());
    return &symbols.lookup<func::FuncOp>(name).getBody().front().front();
  }

  CompileOptions options;
  Compilation compilation;
};
} // namespace

/// As the emulator launches; a GPU with more multiprocessors has more blocks,
/// each of which reads the sizes of the step.
static constexpr int64_t mostBlocks = 128;

static KernelTraffic trafficOf(PlannedModel &planned, const plan::Plan &plan,
                               const plan::Bucket &bucket,
                               const plan::Launch &launch, int64_t position,
                               int64_t tokens) {
  const plan::Kernel &kernel = plan.kernels[launch.kernel];
  TrafficStep step;
  step.first = position;
  step.tokens = tokens;
  step.splitLength =
      plan::splitLength(position + tokens, plan.maxSplits, plan.kv.pageSize);
  step.splits = llvm::divideCeil(position + tokens, step.splitLength);
  step.queryTile = bucket.queryTile;
  step.blocks = std::clamp<int64_t>(plan::mostTiles(launch.grid, bucket, plan),
                                    1, mostBlocks);
  return predictTraffic(planned.skeleton(kernel), isMerge(kernel), step);
}

Result<Explanation> quipu::explainModel(const Model &model,
                                        const CompileOptions &asked) {
  Result<std::vector<TargetChoice>> targets = chooseTargets(asked.targets);
  if (!targets)
    return targets.error();
  if (targets->size() != 1) {
    std::string names;
    for (const TargetChoice &each : *targets)
      names += (names.empty() ? "" : ", ") + nameOf(each);
    return Error{"--target: expected one target, found " +
                 std::to_string(targets->size()) + ": " + names};
  }
  TargetChoice target = targets->front();
  CompileOptions options = withDevices(asked, *targets);
  options.assemble = true;
  std::string warnings;
  options.warning = [&](const std::string &line) {
    warnings += (warnings.empty() ? "" : "; ") + line;
  };

  Explanation explanation;
  Result<std::shared_ptr<Package>> package = compileModel(model, options);
  if (!package)
    return package.error();
  explanation.package = *package;
  const plan::Plan &plan = explanation.package->plan;

  Compilation fused(model, options);
  auto planned = std::make_shared<PlannedModel>(model, options);
  if (Result<void> done = fused.run(Stage::fused); !done)
    return done.error();
  auto ops = opsOfLaunches(fused.module(), plan);
  if (!ops)
    return ops.error();
  explanation.ops = std::move(*ops);

  if (Result<void> done = planned->compilation.run(Stage::plan); !done)
    return done.error();
  for (const plan::Kernel &kernel : plan.kernels)
    explanation.schedules.push_back(
        scheduleText(planned->skeleton(kernel), target));
  if (kindOf(target) != plan::DeviceKind::gpu)
    return explanation;
  explanation.traffic = [planned, package = explanation.package](
                            const plan::Bucket &bucket,
                            const plan::Launch &launch, int64_t position,
                            int64_t tokens) {
    return trafficOf(*planned, package->plan, bucket, launch, position, tokens);
  };
  // Of a kernel that spills, the registers are known.
  if (!knowsResources(explanation))
    explanation.withoutRegisters = warnings;
  return explanation;
}

/// Index of the target of `package` that explainPackage() takes for `name`.
static Result<size_t> findTarget(const Package &package,
                                 const std::string &name) {
  std::string known;
  size_t fallback = 0;
  for (size_t i = package.targets.size(); i-- > 0;) {
    const Target &target = package.targets[i];
    if (target.name == name)
      return i;
    known = target.name + (known.empty() ? "" : ", ") + known;
    if (target.kind() == plan::DeviceKind::gpu)
      fallback = i;
  }
  if (package.targets.empty())
    return Error{package.path + ": targets: expected at least one, found none"};
  if (!name.empty())
    return Error{package.path + ": --target: expected one of " + known +
                 ", found '" + name + "'"};
  return fallback;
}

Result<Explanation>
quipu::explainPackage(std::shared_ptr<const Package> package,
                      const std::string &target) {
  Result<size_t> found = findTarget(*package, target);
  if (!found)
    return found.error();
  Explanation explanation;
  explanation.target = *found;
  explanation.package = std::move(package);
  bool gpu =
      explanation.package->targets[*found].kind() == plan::DeviceKind::gpu;
  if (gpu && !knowsResources(explanation))
    explanation.withoutRegisters =
        "the code was not assembled when the package was compiled";
  return explanation;
}
