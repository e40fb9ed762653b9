//===- KernelToPlan.cpp - Kernels to launches over an arena ---------------===//
//
// A step function is already in order: its calls become launches one by one.
// What remains is to say where each value's bytes are.
//
//===----------------------------------------------------------------------===//

#include "dialects/kernel/Tiling.h"
#include "dialects/plan/Dialect.h"
#include "passes/conversion/KernelToPlan/ArenaAllocation.h"
#include "passes/conversion/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace quipu {
#define GEN_PASS_DEF_KERNELTOPLANPASS
#include "passes/conversion/Passes.h.inc"
} // namespace quipu

using namespace mlir;
using namespace quipu;

namespace {

/// Arguments of a step function, in order, before its KV caches.
constexpr planir::InputKind stepInputs[] = {
    planir::InputKind::tokens, planir::InputKind::positions,
    planir::InputKind::slots,  planir::InputKind::sequences,
    planir::InputKind::pages,  planir::InputKind::rows,
};

/// Turns one step function into a plan.bucket.
class StepPlanner {
public:
  StepPlanner(func::FuncOp step, llama::BucketAttr bucket, SymbolTable &symbols,
              int64_t maxSplits)
      : step(step), bucket(bucket), symbols(symbols), maxSplits(maxSplits),
        builder(step) {}

  LogicalResult plan();

private:
  Operation *skeletonOf(func::CallOp call) {
    auto kernel = symbols.lookup<func::FuncOp>(call.getCallee());
    return &kernel.getBody().front().front();
  }
  planir::Symbol leadingExtent(Operation *skeleton) {
    auto domain = skeleton->getAttrOfType<kernel::DomainAttr>("domain");
    bool rows = domain && domain.getValue() == kernel::Domain::rows;
    return rows ? planir::Symbol::rows : planir::Symbol::tokens;
  }
  void addBuffer(Operation *skeleton, int64_t rowBytes, int64_t first,
                 int64_t last);
  LogicalResult placeArguments();
  void placeResults();
  int64_t lastUse(Value value);
  LogicalResult addArgument(Value value, SmallVector<Attribute> &arguments);
  LogicalResult launch(func::CallOp call);
  planir::GridAttr grid(Operation *skeleton, bool merge);
  LogicalResult addOutputs();
  void declareBuffers();

  func::FuncOp step;
  llama::BucketAttr bucket;
  SymbolTable &symbols;
  int64_t maxSplits;
  OpBuilder builder;
  SmallVector<func::CallOp> calls;
  llvm::DenseMap<Operation *, int64_t> order; // of calls
  llvm::DenseMap<Value, Attribute> places;    // inputs and parameters
  llvm::DenseMap<Value, int64_t> layers;      // KV caches
  SmallVector<ArenaBuffer> buffers;
  SmallVector<std::pair<planir::Symbol, int64_t>> shapes; // extent, row bytes
  llvm::DenseMap<Value, unsigned> bufferOf;               // results, by buffer
  llvm::DenseMap<Operation *, unsigned> partials; // of calls with a merge
  int64_t queryTile = 0;
};

} // namespace

LogicalResult StepPlanner::placeArguments() {
  MLIRContext *context = builder.getContext();
  int64_t layer = 0;
  for (auto [i, argument] : llvm::enumerate(step.getArguments())) {
    if (i < std::size(stepInputs))
      places[argument] = planir::InputAttr::get(context, stepInputs[i]);
    else if (isa<llama::KvType>(argument.getType()))
      layers[argument] = layer++;
    else
      return step.emitError()
             << "expected argument " << i << " to be a KV cache, found "
             << argument.getType();
  }
  for (Operation &op : step.getBody().front().without_terminator()) {
    if (auto param = dyn_cast<kernel::ParamOp>(op)) {
      places[param.getResult()] =
          planir::ParamAttr::get(context, param.getNameAttr());
      continue;
    }
    auto call = dyn_cast<func::CallOp>(op);
    if (!call)
      return op.emitError("expected a call of a kernel");
    order[call] = calls.size();
    calls.push_back(call);
  }
  return success();
}

int64_t StepPlanner::lastUse(Value value) {
  int64_t last = order.lookup(value.getDefiningOp());
  for (Operation *user : value.getUsers())
    last = std::max<int64_t>(
        last, isa<func::ReturnOp>(user) ? calls.size() : order.lookup(user));
  return last;
}

/// Adds a buffer of `rowBytes` for each of the tokens or rows that `skeleton`
/// works on, alive from call `first` to call `last`.
void StepPlanner::addBuffer(Operation *skeleton, int64_t rowBytes,
                            int64_t first, int64_t last) {
  planir::Symbol extent = leadingExtent(skeleton);
  int64_t most = extent == planir::Symbol::rows ? bucket.getMaxRows()
                                                : bucket.getMaxTokens();
  buffers.push_back({most * rowBytes, first, last});
  shapes.push_back({extent, rowBytes});
}

void StepPlanner::placeResults() {
  for (func::CallOp call : calls) {
    Operation *skeleton = skeletonOf(call);
    int64_t now = order[call];
    for (Value result : call.getResults()) {
      if (isa<llama::KvType>(result.getType())) {
        // The cache that went in is the one that comes out.
        for (Value operand : call.getOperands())
          if (operand.getType() == result.getType())
            layers[result] = layers.lookup(operand);
        continue;
      }
      auto type = cast<RankedTensorType>(result.getType());
      int64_t columns = type.getRank() == 2 ? type.getDimSize(1) : 1;
      bufferOf[result] = buffers.size();
      addBuffer(skeleton, columns * 4, now, lastUse(result));
    }
    if (kernel::hasMerge(skeleton)) {
      partials[call] = buffers.size();
      addBuffer(skeleton, kernel::partialBytes(skeleton, maxSplits), now, now);
    }
    if (isa<kernel::AttentionPrefillOp>(skeleton))
      queryTile = kernel::getSchedule(skeleton).getTokenTile();
  }
}

LogicalResult StepPlanner::addArgument(Value value,
                                       SmallVector<Attribute> &arguments) {
  MLIRContext *context = builder.getContext();
  if (auto place = places.find(value); place != places.end()) {
    arguments.push_back(place->second);
  } else if (auto layer = layers.find(value); layer != layers.end()) {
    arguments.push_back(planir::KeysAttr::get(context, layer->second));
    arguments.push_back(planir::ValuesAttr::get(context, layer->second));
  } else {
    arguments.push_back(planir::ArenaAttr::get(
        context, buffers[bufferOf.lookup(value)].offset));
  }
  return success();
}

planir::GridAttr StepPlanner::grid(Operation *skeleton, bool merge) {
  MLIRContext *context = builder.getContext();
  planir::Symbol leading = leadingExtent(skeleton);
  auto factor = [&](planir::Symbol symbol, int64_t divisor) {
    return planir::FactorAttr::get(context, symbol, divisor);
  };
  kernel::ScheduleAttr schedule = kernel::getSchedule(skeleton);
  if (merge) {
    // A block of a GPU merges one query head, a thread of a CPU all of a token.
    auto attention = dyn_cast<kernel::AttentionDecodeOp>(skeleton);
    bool heads = attention && schedule.getThreads() > 0;
    int64_t count = heads ? attention.getKvHeads() * attention.getGroup() : 1;
    return planir::GridAttr::get(context, count, {factor(leading, 1)});
  }
  if (auto attention = dyn_cast<kernel::AttentionDecodeOp>(skeleton))
    return planir::GridAttr::get(
        context, attention.getKvHeads(),
        {factor(leading, 1), factor(planir::Symbol::splits, 1)});
  if (auto attention = dyn_cast<kernel::AttentionPrefillOp>(skeleton))
    return planir::GridAttr::get(context, attention.getKvHeads(),
                                 {factor(planir::Symbol::work, 1)});
  int64_t count =
      isa<kernel::RowwiseOp>(skeleton) ? 1 : kernel::rowTiles(skeleton);
  return planir::GridAttr::get(context, count,
                               {factor(leading, schedule.getTokenTile())});
}

LogicalResult StepPlanner::launch(func::CallOp call) {
  Operation *skeleton = skeletonOf(call);
  if (!kernel::getSchedule(skeleton))
    return skeleton->emitError("expected a schedule");
  MLIRContext *context = builder.getContext();
  SmallVector<Attribute> arguments;
  for (Value operand : call.getOperands())
    if (failed(addArgument(operand, arguments)))
      return failure();
  if (isa<kernel::AttentionPrefillOp>(skeleton))
    arguments.push_back(
        planir::InputAttr::get(context, planir::InputKind::work));
  for (Value result : call.getResults())
    if (!isa<llama::KvType>(result.getType()) &&
        failed(addArgument(result, arguments)))
      return failure();
  bool merges = kernel::hasMerge(skeleton);
  if (merges)
    arguments.push_back(
        planir::ArenaAttr::get(context, buffers[partials[call]].offset));

  auto label = call->getAttrOfType<StringAttr>("label");
  auto name = FlatSymbolRefAttr::get(context, call.getCallee());
  ArrayAttr argumentsAttr = builder.getArrayAttr(arguments);
  bool library = bucket.getGemm() == llama::Gemm::cublas;
  auto product = library ? planir::productOf(skeleton) : planir::ProductAttr();
  planir::LaunchOp::create(builder, call.getLoc(), name, label, argumentsAttr,
                           grid(skeleton, /*merge=*/false), product);
  if (!merges)
    return success();
  auto mergeName = FlatSymbolRefAttr::get(
      context, (call.getCallee() + kernel::mergeSuffix).str());
  planir::LaunchOp::create(builder, call.getLoc(), mergeName, label,
                           argumentsAttr, grid(skeleton, /*merge=*/true),
                           planir::ProductAttr());
  return success();
}

/// Writes the buffers down, whose lives so far are counted in calls: one with a
/// merge is two launches.
void StepPlanner::declareBuffers() {
  SmallVector<int64_t> firstLaunch; // by call, and their number behind
  int64_t launches = 0;
  for (func::CallOp call : calls) {
    firstLaunch.push_back(launches);
    launches += 1 + kernel::hasMerge(skeletonOf(call));
  }
  firstLaunch.push_back(launches);
  for (auto [buffer, shape] : llvm::zip_equal(buffers, shapes)) {
    // An output's last use is the return, behind all calls.
    size_t last = std::min<size_t>(buffer.last, calls.size() - 1);
    planir::BufferOp::create(builder, step.getLoc(), buffer.offset, shape.first,
                             shape.second, firstLaunch[buffer.first],
                             firstLaunch[last + 1] - 1);
  }
}

LogicalResult StepPlanner::addOutputs() {
  for (Value value : step.getBody().front().getTerminator()->getOperands()) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type)
      continue;
    auto buffer = bufferOf.find(value);
    if (buffer == bufferOf.end())
      return step.emitError("expected a step to return results of kernels");
    int64_t columns = type.getRank() == 2 ? type.getDimSize(1) : 1;
    planir::OutputOp::create(builder, step.getLoc(), bucket.getEntry(),
                             buffers[buffer->second].offset, columns);
  }
  return success();
}

LogicalResult StepPlanner::plan() {
  if (failed(placeArguments()))
    return failure();
  placeResults();
  int64_t arenaBytes = allocateArena(buffers);
  auto op = planir::BucketOp::create(
      builder, step.getLoc(), step.getSymName(), bucket.getName(),
      bucket.getEntry(), bucket.getMaxTokens(), bucket.getMaxRows(), arenaBytes,
      queryTile, planir::DeviceKind(bucket.getDevice()));
  builder.createBlock(&op.getBody());
  declareBuffers();
  for (func::CallOp call : calls)
    if (failed(launch(call)))
      return failure();
  return addOutputs();
}

/// Writes what all buckets share on the module: the KV caches and the bound on
/// splits.
static void recordCaches(ModuleOp module, func::FuncOp step,
                         int64_t maxSplits) {
  OpBuilder builder(module.getContext());
  int64_t layers = 0;
  for (Type type : step.getArgumentTypes()) {
    if (!isa<llama::KvType>(type))
      continue;
    module->setAttr(planir::kvTypeAttrName, TypeAttr::get(type));
    ++layers;
  }
  module->setAttr(planir::kvLayersAttrName, builder.getI64IntegerAttr(layers));
  module->setAttr(planir::maxSplitsAttrName,
                  builder.getI64IntegerAttr(maxSplits));
}

/// Replaces the declarations that launches read by their plan form and erases
/// the others.
static void convertDeclarations(ModuleOp module) {
  llvm::DenseSet<StringAttr> read;
  module.walk([&](planir::LaunchOp launch) {
    for (Attribute argument : launch.getArguments())
      if (auto param = dyn_cast<planir::ParamAttr>(argument))
        read.insert(param.getName().getAttr());
  });
  for (Operation &op : llvm::make_early_inc_range(module.getOps())) {
    OpBuilder builder(&op);
    if (auto param = dyn_cast<llama::ParamOp>(op)) {
      if (read.contains(param.getSymNameAttr()))
        planir::ParameterOp::create(
            builder, op.getLoc(), param.getSymNameAttr(), param.getTypeAttr());
      op.erase();
    } else if (auto table = dyn_cast<llama::RopeTableOp>(op)) {
      if (read.contains(table.getSymNameAttr()))
        planir::RopeTableOp::create(
            builder, op.getLoc(), table.getSymNameAttr(),
            table.getInverseFrequenciesAttr(), table.getScaleAttr());
      op.erase();
    }
  }
}

namespace {
struct KernelToPlan : quipu::impl::KernelToPlanPassBase<KernelToPlan> {
  using KernelToPlanPassBase::KernelToPlanPassBase;

  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    SmallVector<func::FuncOp> steps;
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function->hasAttr(llama::bucketAttrName))
        steps.push_back(function);
    for (func::FuncOp step : steps) {
      auto bucket =
          step->getAttrOfType<llama::BucketAttr>(llama::bucketAttrName);
      if (failed(StepPlanner(step, bucket, symbols, maxSplits).plan()))
        return signalPassFailure();
      recordCaches(getOperation(), step, maxSplits);
      // The bucket takes the step's name.
      symbols.remove(step);
      step.erase();
    }
    convertDeclarations(getOperation());
  }
};
} // namespace
