//===- Ops.cpp - The plan dialect: verifiers and folders ------------------===//
//
// What holds before a plan becomes data: launches pass what their kernels take,
// and nothing lies outside its arena. The runtime checks the data once more,
// since it trusts no package.
//
//===----------------------------------------------------------------------===//

#include "dialects/kernel/Products.h"
#include "dialects/kernel/Tiling.h"
#include "dialects/plan/Dialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace quipu;
using namespace quipu::planir;

//===----------------------------------------------------------------------===//
// Buckets
//===----------------------------------------------------------------------===//

LogicalResult BucketOp::verify() {
  if (int64_t(getMaxTokens()) < 1)
    return emitOpError() << "expected a positive max_tokens, found "
                         << int64_t(getMaxTokens());
  if (int64_t(getMaxRows()) < 1 || getMaxRows() > getMaxTokens())
    return emitOpError() << "expected max_rows from 1 to max_tokens "
                         << getMaxTokens() << ", found "
                         << int64_t(getMaxRows());
  if (int64_t(getArenaBytes()) < 0 || getArenaBytes() % arenaAlignment)
    return emitOpError() << "expected an arena of a multiple of "
                         << arenaAlignment << " bytes, found "
                         << int64_t(getArenaBytes());
  if (int64_t(getQueryTile()) < 0)
    return emitOpError() << "expected a query_tile from 0, found "
                         << int64_t(getQueryTile());
  if (getEntry() != "logits" && getEntry() != "argmax")
    return emitOpError() << "expected entry 'logits' or 'argmax', found '"
                         << getEntry() << "'";
  return success();
}

/// Checks that two buffers that live at one launch share no byte, that each
/// argument in the arena is a buffer that lives at its launch, and each output
/// one that lives at the last.
static LogicalResult verifyBuffers(BucketOp bucket) {
  auto launches = llvm::to_vector(bucket.getBody().getOps<LaunchOp>());
  SmallVector<SmallVector<BufferOp>> alive(launches.size()); // by launch
  for (auto buffer : bucket.getBody().getOps<BufferOp>()) {
    if (buffer.getLast() >= launches.size())
      return buffer.emitOpError()
             << "expected to live to a launch below " << launches.size()
             << ", found " << buffer.getLast();
    for (size_t i = buffer.getFirst(); i <= buffer.getLast(); ++i)
      alive[i].push_back(buffer);
  }
  if (bucket.getBody().getOps<BufferOp>().empty())
    return success();
  for (auto [launch, buffers] : llvm::zip(launches, alive)) {
    llvm::sort(buffers, [](BufferOp a, BufferOp b) {
      return int64_t(a.getOffset()) < int64_t(b.getOffset());
    });
    for (size_t i = 1; i < buffers.size(); ++i) {
      BufferOp lower = buffers[i - 1], upper = buffers[i];
      int64_t end = lower.getOffset() + lower.mostBytes();
      if (int64_t(upper.getOffset()) >= end)
        continue;
      InFlightDiagnostic error = upper.emitOpError();
      error << "expected to begin at " << end << " or behind, found "
            << upper.getOffset();
      error.attachNote(lower.getLoc()) << "this lives at the same launch";
      return error;
    }
    for (auto [i, argument] : llvm::enumerate(launch.getArguments())) {
      auto arena = dyn_cast<ArenaAttr>(argument);
      if (arena && llvm::none_of(buffers, [&](BufferOp buffer) {
            return int64_t(buffer.getOffset()) == arena.getOffset();
          }))
        return launch.emitOpError()
               << "expected a plan.buffer that lives at this launch for "
                  "argument "
               << i << ", found none at " << arena.getOffset();
    }
  }
  for (auto output : bucket.getBody().getOps<OutputOp>()) {
    auto holds = [&](BufferOp buffer) {
      return buffer.getOffset() == output.getOffset() &&
             buffer.getExtent() == Symbol::rows &&
             buffer.getRowBytes() / 4 >= output.getColumns();
    };
    if (alive.empty() || llvm::none_of(alive.back(), holds))
      return output.emitOpError()
             << "expected a plan.buffer of rows of " << output.getColumns()
             << " columns that lives to the end, found none at "
             << output.getOffset();
  }
  return success();
}

LogicalResult BucketOp::verifyRegions() {
  bool answers = false;
  for (Operation &op : getBody().front()) {
    auto output = dyn_cast<OutputOp>(op);
    if (!output && !isa<BufferOp, LaunchOp>(op))
      return op.emitOpError() << "cannot stand in a bucket; expected "
                                 "plan.buffer, plan.launch or plan.output";
    answers |= output && output.getName() == getEntry();
  }
  if (!answers)
    return emitOpError() << "expected an output '" << getEntry()
                         << "', which is its entry, found none";
  return verifyBuffers(*this);
}

int64_t BufferOp::mostBytes() {
  auto bucket = cast<BucketOp>((*this)->getParentOp());
  return getRowBytes() * (getExtent() == Symbol::rows ? bucket.getMaxRows()
                                                      : bucket.getMaxTokens());
}

LogicalResult BufferOp::verify() {
  auto bucket = cast<BucketOp>((*this)->getParentOp());
  int64_t offset = getOffset(), rowBytes = getRowBytes();
  if (offset < 0 || offset % arenaAlignment)
    return emitOpError() << "expected an offset that is a multiple of "
                         << arenaAlignment << ", found " << offset;
  if (getExtent() != Symbol::tokens && getExtent() != Symbol::rows)
    return emitOpError() << "expected tokens or rows, found "
                         << stringifySymbol(getExtent());
  if (rowBytes < 1)
    return emitOpError() << "expected bytes, found " << rowBytes;
  if (int64_t(getFirst()) < 0 || int64_t(getFirst()) > int64_t(getLast()))
    return emitOpError() << "expected to live from a launch to the same or a "
                            "later one, found "
                         << int64_t(getFirst()) << " to " << int64_t(getLast());
  // Divided, since products of what a person writes may overflow.
  int64_t arena = bucket.getArenaBytes();
  int64_t count =
      getExtent() == Symbol::rows ? bucket.getMaxRows() : bucket.getMaxTokens();
  if (offset > arena || rowBytes > (arena - offset) / count)
    return emitOpError() << "expected to end within the arena of " << arena
                         << " bytes, found " << count << " times " << rowBytes
                         << " bytes at " << offset;
  return success();
}

LogicalResult OutputOp::verify() {
  auto bucket = cast<BucketOp>((*this)->getParentOp());
  int64_t offset = getOffset(), columns = getColumns();
  if (offset < 0 || offset % arenaAlignment)
    return emitOpError() << "expected an offset that is a multiple of "
                         << arenaAlignment << ", found " << offset;
  if (columns < 1)
    return emitOpError() << "expected columns, found " << columns;
  // Divided, since products of what a person writes may overflow.
  int64_t arena = bucket.getArenaBytes(), rows = bucket.getMaxRows();
  if (offset > arena || columns > (arena - offset) / 4 / rows) {
    InFlightDiagnostic error = emitOpError();
    error << "expected to end within the arena of " << arena << " bytes, found "
          << rows << " rows of " << columns << " columns at " << offset;
    error.attachNote(bucket.getLoc()) << "the bucket is here";
    return error;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

LogicalResult LaunchOp::verify() {
  auto bucket = cast<BucketOp>((*this)->getParentOp());
  for (auto [i, argument] : llvm::enumerate(getArguments())) {
    if (!isa<ArenaAttr, ParamAttr, KeysAttr, ValuesAttr, InputAttr>(argument))
      return emitOpError() << "expected argument " << i
                           << " to be a place of a plan, found " << argument;
    auto arena = dyn_cast<ArenaAttr>(argument);
    if (arena && arena.getOffset() >= int64_t(bucket.getArenaBytes()))
      return emitOpError() << "expected argument " << i
                           << " within the arena of " << bucket.getArenaBytes()
                           << " bytes, found offset " << arena.getOffset();
    auto input = dyn_cast<InputAttr>(argument);
    if (input && input.getKind() == InputKind::work && !bucket.getQueryTile())
      return emitOpError() << "expected a bucket with a query_tile for the "
                              "work list of argument "
                           << i << ", found none";
  }
  return success();
}

/// The skeleton of the kernel that `launch` names, or null after an error.
static Operation *findSkeleton(LaunchOp launch, SymbolTableCollection &tables) {
  StringRef name = launch.getKernel();
  bool merge = name.consume_back(kernel::mergeSuffix);
  auto function = tables.lookupNearestSymbolFrom<func::FuncOp>(
      launch, StringAttr::get(launch.getContext(), name));
  Operation *skeleton = function && !function.isExternal()
                            ? &function.getBody().front().front()
                            : nullptr;
  if (!skeleton || !kernel::isSkeleton(skeleton)) {
    launch.emitOpError() << "expected @" << name
                         << " to be the function of a kernel, found "
                         << (function ? "another function" : "none");
    return nullptr;
  }
  if (merge && !kernel::hasMerge(skeleton)) {
    InFlightDiagnostic error = launch.emitOpError();
    error << "expected a kernel with partial results to merge, found "
          << skeleton->getName();
    error.attachNote(function.getLoc()) << "the kernel is here";
    return nullptr;
  }
  return skeleton;
}

/// Checks that a KV cache is passed as the arguments from `index` on, and moves
/// `index` past them.
static LogicalResult verifyKvArguments(LaunchOp launch, size_t &index) {
  auto keys = dyn_cast<KeysAttr>(launch.getArguments()[index]);
  auto values = dyn_cast<ValuesAttr>(launch.getArguments()[index + 1]);
  if (!keys || !values || keys.getLayer() != values.getLayer())
    return launch.emitOpError()
           << "expected keys and values of one layer as arguments " << index
           << " and " << index + 1 << ", found " << launch.getArguments()[index]
           << " and " << launch.getArguments()[index + 1];
  auto layers = launch->getParentOfType<ModuleOp>()->getAttrOfType<IntegerAttr>(
      kvLayersAttrName);
  if (layers && keys.getLayer() >= layers.getInt())
    return launch.emitOpError() << "expected a layer below " << layers.getInt()
                                << ", found " << keys.getLayer();
  index += 2;
  return success();
}

/// Checks that a parameter is declared, and as what the kernel reads.
static LogicalResult verifyParameter(LaunchOp launch, ParamAttr parameter,
                                     Type type, SymbolTableCollection &tables) {
  Operation *symbol =
      tables.lookupNearestSymbolFrom(launch, parameter.getName().getAttr());
  if (!isa_and_nonnull<ParameterOp, RopeTableOp>(symbol))
    return launch.emitOpError()
           << "expected " << parameter.getName()
           << " to be a plan.parameter or plan.rope_table, found "
           << (symbol ? symbol->getName().getStringRef() : "none");
  auto declared = dyn_cast<ParameterOp>(symbol);
  if (!declared || declared.getType() == type)
    return success();
  InFlightDiagnostic error = launch.emitOpError();
  error << "reads " << parameter.getName() << " as another type:\n"
        << "  expected: " << type << "\n"
        << "  actual:   " << declared.getType();
  error.attachNote(declared.getLoc()) << "declared here";
  return error;
}

ProductAttr planir::productOf(Operation *skeleton) {
  std::optional<kernel::PlainProduct> product = kernel::plainProduct(skeleton);
  if (!product)
    return {};
  auto index = [](Value operand) {
    return int64_t(cast<BlockArgument>(operand).getArgNumber());
  };
  bool rows = product->domain == kernel::Domain::rows;
  return ProductAttr::get(
      skeleton->getContext(), rows ? Symbol::rows : Symbol::tokens,
      index(product->input), index(product->weights),
      skeleton->getParentOfType<func::FuncOp>().getNumArguments());
}

/// Checks that a launch says of its product what its kernel computes.
static LogicalResult verifyProduct(LaunchOp launch, Operation *skeleton) {
  ProductAttr found = launch.getProductAttr();
  if (!found)
    return success();
  ProductAttr expected = productOf(skeleton);
  if (!expected) {
    InFlightDiagnostic error = launch.emitOpError();
    error << "expected a kernel that is a product and no more, found another "
          << skeleton->getName();
    error.attachNote(skeleton->getParentOp()->getLoc()) << "the kernel is here";
    return error;
  }
  if (found != expected)
    return launch.emitOpError()
           << "states another product than its kernel computes:\n"
           << "  expected: " << expected << "\n"
           << "  actual:   " << found;
  for (int64_t index : {found.getInput(), found.getOutput()})
    if (!isa<ArenaAttr>(launch.getArguments()[index]))
      return launch.emitOpError() << "expected argument " << index
                                  << " of a product in the arena, found "
                                  << launch.getArguments()[index];
  if (!isa<ParamAttr>(launch.getArguments()[found.getWeights()]))
    return launch.emitOpError() << "expected argument " << found.getWeights()
                                << " of a product to be a parameter, found "
                                << launch.getArguments()[found.getWeights()];
  return success();
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &tables) {
  Operation *skeleton = findSkeleton(*this, tables);
  if (!skeleton)
    return failure();
  auto function = skeleton->getParentOfType<func::FuncOp>();
  auto device = DeviceKind(kernel::deviceOf(function));
  auto bucket = cast<BucketOp>((*this)->getParentOp());
  if (device != bucket.getDevice())
    return emitOpError() << "expected a kernel for "
                         << stringifyDeviceKind(bucket.getDevice())
                         << ", found one for " << stringifyDeviceKind(device);

  auto isKv = [](Type type) { return isa<llama::KvType>(type); };
  int64_t expected = function.getNumArguments() +
                     llvm::count_if(function.getArgumentTypes(), isKv) +
                     isa<kernel::AttentionPrefillOp>(skeleton) +
                     function.getNumResults() -
                     llvm::count_if(function.getResultTypes(), isKv) +
                     kernel::hasMerge(skeleton);
  if (int64_t(getArguments().size()) != expected) {
    InFlightDiagnostic error = emitOpError();
    error << "expected " << expected << " arguments, found "
          << getArguments().size();
    error.attachNote(function.getLoc()) << "the kernel is here";
    return error;
  }
  size_t index = 0;
  for (Type type : function.getArgumentTypes()) {
    if (isKv(type)) {
      if (failed(verifyKvArguments(*this, index)))
        return failure();
      continue;
    }
    auto parameter = dyn_cast<ParamAttr>(getArguments()[index++]);
    if (parameter && failed(verifyParameter(*this, parameter, type, tables)))
      return failure();
  }
  return verifyProduct(*this, skeleton);
}

LogicalResult LaunchOp::fold(FoldAdaptor,
                             SmallVectorImpl<OpFoldResult> &results) {
  auto isOne = [](FactorAttr factor) {
    return factor.getSymbol() == Symbol::one;
  };
  SmallVector<FactorAttr> factors(getGrid().getFactors());
  llvm::erase_if(factors, isOne);
  if (factors.size() == getGrid().getFactors().size())
    return failure();
  setGridAttr(GridAttr::get(getContext(), getGrid().getCount(), factors));
  return success();
}
