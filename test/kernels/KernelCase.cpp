//===- KernelCase.cpp - A kernel against the interpreter ------------------===//
//
// Both sides read the same stored bytes; only KV caches have another layout in
// memory (pages of heads) than in the interpreter (slots).
//
//===----------------------------------------------------------------------===//

#include "test/kernels/KernelCase.h"

#include "base/Dequantize.h"
#include "base/Quantize.h"
#include "dialects/kernel/Decoders.h"
#include "dialects/kernel/Tiling.h"
#include "dialects/llama/StoredTypes.h"
#include "interpreters/kernel/KernelInterpreter.h"

#include "mlir/Parser/Parser.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

using namespace mlir;
using namespace quipu;
using namespace quipu::test;

using Bytes = std::vector<std::byte>;

namespace {
/// Memory of one KV cache: pages of (heads, page size, head_dim).
struct KvMemory {
  llama::KvType type;
  int64_t slots;
  Bytes keys, values;

  int64_t at(int64_t slot, int64_t column) const {
    int64_t d = type.getHeadDim(), p = type.getPageSize();
    int64_t head = column / d;
    return ((slot / p * type.getHeads() + head) * p + slot % p) * d +
           column % d;
  }
  double load(const Bytes &bytes, int64_t index) const {
    if (type.getElementType().isF32()) {
      float value;
      memcpy(&value, bytes.data() + index * 4, 4);
      return value;
    }
    uint16_t bits;
    memcpy(&bits, bytes.data() + index * 2, 2);
    return type.getElementType().isF16() ? halfToFloat(bits)
                                         : bfloat16ToFloat(bits);
  }
};

struct Runner {
  explicit Runner(const KernelCase &test) : test(test) {}

  const KernelCase &test;
  std::mt19937 random{7};
  std::vector<StepValue> arguments;
  std::vector<std::unique_ptr<Bytes>> memory;
  std::vector<std::unique_ptr<KvMemory>> caches;
  std::vector<LaunchBuffer> buffers;
  size_t indicesUsed = 0;

  float next() { return std::uniform_real_distribution<float>(-1, 1)(random); }
  Bytes &allocate(int64_t bytes, bool writable = false) {
    memory.push_back(std::make_unique<Bytes>(bytes));
    buffers.push_back({memory.back()->data(), bytes, writable});
    return *memory.back();
  }
  void addKv(llama::KvType type);
  void addIndices();
  void addTensor(RankedTensorType type);
  double compare(const StepValue &value, Type type, const Bytes *result,
                 size_t &cache);
};
} // namespace

void Runner::addKv(llama::KvType type) {
  arguments.push_back(emptyKv(type, test.slots));
  int64_t elements = type.getHeads() * type.getHeadDim() * test.slots;
  int64_t bytes = elements * type.getElementType().getIntOrFloatBitWidth() / 8;
  caches.push_back(std::make_unique<KvMemory>(
      KvMemory{type, test.slots, Bytes(bytes), Bytes(bytes)}));
  buffers.push_back({caches.back()->keys.data(), bytes, true});
  buffers.push_back({caches.back()->values.data(), bytes, true});
}

void Runner::addIndices() {
  const std::vector<int32_t> &values = test.indices.at(indicesUsed++);
  arguments.push_back(indexTensor({int64_t(values.size())}, values));
  Bytes &bytes = allocate(values.size() * 4);
  memcpy(bytes.data(), values.data(), bytes.size());
}

void Runner::addTensor(RankedTensorType type) {
  if (type.getElementType().isInteger(32))
    return addIndices();
  ElementType stored = *llama::elementType(type.getElementType());
  std::vector<int64_t> shape;
  for (int64_t size : type.getShape())
    shape.push_back(ShapedType::isDynamic(size) ? test.tokens : size);
  int64_t rows = shape.size() > 1 ? shape[0] : 1, columns = 1;
  for (size_t i = shape.size() > 1; i < shape.size(); ++i)
    columns *= shape[i];
  int64_t bytesEach = rowBytes(stored, columns);
  Bytes &bytes = allocate(rows * bytesEach);
  buffers.back().isWeight =
      shape.size() == 2 && !ShapedType::isDynamic(type.getDimSize(0));
  std::vector<float> values(columns);
  DenseTensor dense = zeroTensor(shape);
  for (int64_t row = 0; row < rows; ++row) {
    for (float &value : values)
      value = next();
    std::span<std::byte> to(bytes.data() + row * bytesEach, bytesEach);
    quantizeRow(stored, values, to);
    dequantizeRow(
        stored, to,
        std::span<double>(dense.values.data() + row * columns, columns));
  }
  if (shape.size() == 2)
    arguments.push_back(StoredTensor{stored, rows, columns, bytes});
  if (shape.size() != 2 || ShapedType::isDynamic(type.getDimSize(0))) {
    if (shape.size() == 2)
      arguments.pop_back();
    arguments.push_back(dense);
  }
}

static double distance(std::span<const double> a, std::span<const double> b) {
  double difference = 0, size = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    size += b[i] * b[i];
  }
  if (!std::isfinite(difference))
    return std::numeric_limits<double>::infinity();
  return size == 0 ? std::sqrt(difference) : std::sqrt(difference / size);
}

double Runner::compare(const StepValue &value, Type type, const Bytes *result,
                       size_t &cache) {
  if (auto *kv = std::get_if<KvState>(&value)) {
    const KvMemory &held = *caches[cache++];
    double worst = 0;
    for (bool keys : {true, false}) {
      const DenseTensor &expected = keys ? kv->keys : kv->values;
      std::vector<double> found;
      for (int64_t slot = 0; slot < held.slots; ++slot)
        for (int64_t column = 0; column < expected.columns(); ++column)
          found.push_back(
              held.load(keys ? held.keys : held.values, held.at(slot, column)));
      worst = std::max(worst, distance(found, expected.values));
    }
    return worst;
  }
  const auto &expected = std::get<DenseTensor>(value);
  std::vector<double> found(expected.values.size());
  bool indices = cast<RankedTensorType>(type).getElementType().isInteger(32);
  for (size_t i = 0; i < found.size(); ++i) {
    if (indices) {
      int32_t index;
      memcpy(&index, result->data() + i * 4, 4);
      if (index != expected.values[i])
        return std::numeric_limits<double>::infinity();
      found[i] = index;
    } else {
      float number;
      memcpy(&number, result->data() + i * 4, 4);
      found[i] = number;
    }
  }
  return distance(found, expected.values);
}

Operation *test::skeletonOf(func::FuncOp function) {
  for (Operation &op : function.getBody().front())
    if (kernel::isSkeleton(&op))
      return &op;
  abort();
}

std::unique_ptr<MLIRContext>
test::createKernelContext(const KernelMachine &machine) {
  DialectRegistry registry;
  machine.registerDialects(registry);
  registry.insert<llama::LlamaDialect, kernel::KernelDialect>();
  auto context = std::make_unique<MLIRContext>(registry);
  context->loadAllAvailableDialects();
  return context;
}

func::FuncOp test::scheduledKernel(ModuleOp module,
                                   const KernelMachine &machine,
                                   int64_t maxTokens) {
  for (int type = int(ElementType::q8_0); type <= int(ElementType::q6_k);
       ++type)
    kernel::getOrInsertDecoder(module, ElementType(type));
  func::FuncOp function = *module.getOps<func::FuncOp>().begin();
  machine.schedule(skeletonOf(function), maxTokens);
  return function;
}

int64_t test::tilesOf(Operation *skeleton, int64_t leading) {
  int64_t tokenTile = kernel::getSchedule(skeleton).getTokenTile();
  int64_t tokenTiles = (leading + tokenTile - 1) / tokenTile;
  bool matrix = !isa<kernel::RowwiseOp>(skeleton);
  return tokenTiles * (matrix ? kernel::rowTiles(skeleton) : 1);
}

double test::relativeError(const KernelCase &test,
                           const KernelMachine &machine) {
  auto context = createKernelContext(machine);
  auto module = parseSourceString<ModuleOp>(test.text, context.get());
  if (!module)
    abort();
  func::FuncOp function = scheduledKernel(
      *module, machine, test.maxTokens ? test.maxTokens : test.tokens);
  Operation *skeleton = skeletonOf(function);

  Runner runner(test);
  for (Type type : function.getArgumentTypes())
    if (auto kv = dyn_cast<llama::KvType>(type))
      runner.addKv(kv);
    else
      runner.addTensor(cast<RankedTensorType>(type));
  std::vector<Bytes *> results;
  for (Type type : function.getResultTypes()) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor)
      continue;
    int64_t columns = tensor.getRank() == 2 ? tensor.getDimSize(1) : 1;
    Bytes &bytes = runner.allocate(test.tokens * columns * 4, true);
    memset(bytes.data(), 0xff, bytes.size()); // NaN where nothing is stored
    results.push_back(&bytes);
  }
  if (kernel::hasMerge(skeleton))
    runner.allocate(test.tokens * kernel::partialBytes(skeleton, 1), true);
  KernelDims dims{test.tokens, test.tokens, 0, 0, 0, 0};
  machine.run(function, runner.buffers, dims, tilesOf(skeleton, test.tokens),
              test.calls);

  kernel::KernelInterpreterOptions options;
  auto reference = kernel::interpretKernels(function, runner.arguments,
                                            OwnedParameters(), options);
  if (failed(reference))
    abort();
  double worst = 0;
  size_t cache = 0, result = 0;
  for (auto [value, type] : llvm::zip(*reference, function.getResultTypes())) {
    bool tensor = isa<RankedTensorType>(type);
    worst = std::max(worst, runner.compare(value, type,
                                           tensor ? results[result++] : nullptr,
                                           cache));
  }
  return worst;
}
