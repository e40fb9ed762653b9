//===- PlanExport.cpp - The plan dialect as plain data --------------------===//
//
// One function per part of plan::Plan. Enumerations of the two are the same in
// the same order, which is asserted here.
//
//===----------------------------------------------------------------------===//

#include "compiler/PlanExport.h"

#include "dialects/kernel/Tiling.h"
#include "dialects/llama/StoredTypes.h"
#include "dialects/plan/Dialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace quipu;

static_assert(int(planir::InputKind::tokens) == int(plan::Input::tokens) &&
              int(planir::InputKind::work) == int(plan::Input::work));
static_assert(int(planir::DeviceKind::gpu) == int(plan::DeviceKind::gpu) &&
              int(llama::DeviceKind::gpu) == int(plan::DeviceKind::gpu));
static_assert(int(planir::Symbol::one) == int(plan::Grid::Symbol::one) &&
              int(planir::Symbol::splits) == int(plan::Grid::Symbol::splits));

/// Kernel functions of `module`: those that hold a skeleton.
static SmallVector<func::FuncOp> kernelFunctions(ModuleOp module) {
  SmallVector<func::FuncOp> kernels;
  for (auto function : module.getOps<func::FuncOp>())
    if (!function.isExternal() &&
        kernel::isSkeleton(&function.getBody().front().front()))
      kernels.push_back(function);
  return kernels;
}

std::vector<std::string> quipu::kernelNames(ModuleOp module) {
  std::vector<std::string> names;
  for (func::FuncOp function : kernelFunctions(module)) {
    names.push_back(function.getSymName().str());
    if (kernel::hasMerge(&function.getBody().front().front()))
      names.push_back((function.getSymName() + kernel::mergeSuffix).str());
  }
  return names;
}

static plan::Parameter exportParameter(planir::ParameterOp op) {
  auto type = cast<RankedTensorType>(op.getType());
  plan::Parameter parameter;
  parameter.name = op.getSymName().str();
  parameter.type = *llama::elementType(type.getElementType());
  parameter.rows = type.getRank() == 2 ? type.getDimSize(0) : 1;
  parameter.columns = type.getShape().back();
  parameter.recipe.tensor = parameter.name;
  return parameter;
}

static plan::Parameter exportRopeTable(planir::RopeTableOp op) {
  plan::Parameter parameter;
  parameter.name = op.getSymName().str();
  parameter.type = ElementType::f32;
  parameter.rows = 0;
  parameter.columns = int64_t(op.getInverseFrequencies().size()) * 2;
  parameter.recipe.kind = plan::Recipe::Kind::ropeTable;
  parameter.recipe.inverseFrequencies = op.getInverseFrequencies().vec();
  parameter.recipe.scale = op.getScale().convertToFloat();
  return parameter;
}

static plan::Argument
exportArgument(Attribute attribute,
               const llvm::StringMap<int64_t> &parameterIndex) {
  using Kind = plan::Argument::Kind;
  return TypeSwitch<Attribute, plan::Argument>(attribute)
      .Case([](planir::ArenaAttr arena) {
        return plan::Argument{Kind::arena, arena.getOffset()};
      })
      .Case([&](planir::ParamAttr param) {
        return plan::Argument{
            Kind::parameter, parameterIndex.lookup(param.getName().getValue())};
      })
      .Case([](planir::KeysAttr keys) {
        return plan::Argument{Kind::keys, keys.getLayer()};
      })
      .Case([](planir::ValuesAttr values) {
        return plan::Argument{Kind::values, values.getLayer()};
      })
      .Case([](planir::InputAttr input) {
        return plan::Argument{Kind::input, int64_t(input.getKind())};
      });
}

static plan::Grid exportGrid(planir::GridAttr grid) {
  plan::Grid result;
  result.count = grid.getCount();
  for (planir::FactorAttr factor : grid.getFactors())
    result.factors.push_back(
        {plan::Grid::Symbol(factor.getSymbol()), factor.getDivisor()});
  return result;
}

static plan::Bucket
exportBucket(planir::BucketOp op, const llvm::StringMap<int64_t> &kernelIndex,
             const llvm::StringMap<int64_t> &parameterIndex) {
  plan::Bucket bucket;
  bucket.name = op.getBucket().str();
  bucket.entry = op.getEntry().str();
  bucket.maxTokens = op.getMaxTokens();
  bucket.maxRows = op.getMaxRows();
  bucket.arenaBytes = op.getArenaBytes();
  bucket.queryTile = op.getQueryTile();
  bucket.device = plan::DeviceKind(op.getDevice());
  for (auto buffer : op.getBody().getOps<planir::BufferOp>())
    bucket.buffers.push_back(
        {int64_t(buffer.getOffset()), plan::Grid::Symbol(buffer.getExtent()),
         int64_t(buffer.getRowBytes()), int64_t(buffer.getFirst()),
         int64_t(buffer.getLast())});
  for (auto launch : op.getBody().getOps<planir::LaunchOp>()) {
    plan::Launch result;
    result.kernel = kernelIndex.lookup(launch.getKernel());
    result.label = launch.getLabel().str();
    result.grid = exportGrid(launch.getGrid());
    if (planir::ProductAttr product = launch.getProductAttr())
      result.product = {plan::Grid::Symbol(product.getRows()),
                        product.getInput(), product.getWeights(),
                        product.getOutput()};
    for (Attribute argument : launch.getArguments())
      result.arguments.push_back(exportArgument(argument, parameterIndex));
    bucket.launches.push_back(std::move(result));
  }
  for (auto output : op.getBody().getOps<planir::OutputOp>())
    bucket.outputs.push_back({output.getName().str(),
                              int64_t(output.getOffset()),
                              int64_t(output.getColumns())});
  return bucket;
}

static int64_t moduleInteger(ModuleOp module, StringRef name) {
  return module->getAttrOfType<IntegerAttr>(name).getInt();
}

plan::Plan quipu::exportPlan(ModuleOp module) {
  plan::Plan result;
  result.vocabSize = moduleInteger(module, "llama.vocab_size");
  result.maxContext = moduleInteger(module, "llama.max_context");
  result.maxSplits = moduleInteger(module, planir::maxSplitsAttrName);
  auto kv = cast<llama::KvType>(
      module->getAttrOfType<TypeAttr>(planir::kvTypeAttrName).getValue());
  result.kv = {moduleInteger(module, planir::kvLayersAttrName), kv.getHeads(),
               kv.getHeadDim(), kv.getPageSize(),
               *llama::elementType(kv.getElementType())};

  llvm::StringMap<int64_t> parameterIndex, kernelIndex;
  for (Operation &op : module.getOps()) {
    if (auto parameter = dyn_cast<planir::ParameterOp>(op)) {
      parameterIndex[parameter.getSymName()] = result.parameters.size();
      result.parameters.push_back(exportParameter(parameter));
    } else if (auto table = dyn_cast<planir::RopeTableOp>(op)) {
      parameterIndex[table.getSymName()] = result.parameters.size();
      result.parameters.push_back(exportRopeTable(table));
    }
  }
  for (func::FuncOp function : kernelFunctions(module)) {
    Operation *skeleton = &function.getBody().front().front();
    std::string kind = skeleton->getName().stripDialect().str();
    std::string name = function.getSymName().str();
    for (const std::string &each :
         kernel::hasMerge(skeleton)
             ? std::vector<std::string>{name, name + kernel::mergeSuffix.str()}
             : std::vector<std::string>{name}) {
      kernelIndex[each] = result.kernels.size();
      plan::Kernel &kernel = result.kernels.emplace_back();
      kernel.name = each;
      kernel.skeleton = kind;
      kernel.device = plan::DeviceKind(kernel::deviceOf(function));
      kernel.threads = kernel::getSchedule(skeleton).getThreads();
    }
  }
  for (auto bucket : module.getOps<planir::BucketOp>())
    result.buckets.push_back(exportBucket(bucket, kernelIndex, parameterIndex));
  return result;
}
