//===- GraphBuilder.cpp - From a model to its graph -----------------------===//
//
// Read step() from top to bottom: it is the LLaMA architecture. Parameters are
// declared where they are first used, so they stand in the order of the graph.
//
//===----------------------------------------------------------------------===//

#include "frontends/graph/GraphBuilder.h"

#include "dialects/llama/Dialect.h"
#include "dialects/llama/StoredTypes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

#include <cmath>

using namespace mlir;
using namespace quipu;
using namespace quipu::llama;

namespace {

/// The index inputs of the step; shapes in GraphBuilder.h.
struct StepInputs {
  Value tokens, positions, slots, sequences, pages, rows;
};

class GraphBuilder {
public:
  GraphBuilder(MLIRContext &context, const Model &model,
               const GraphOptions &options)
      : config(model.config), options(options), builder(&context) {
    for (const TensorSource &tensor : model.tensors)
      tensors[tensor.name] = &tensor;
  }

  OwningOpRef<ModuleOp> build();

private:
  void declareRopeTable();
  func::FuncOp declareStep();
  void step(func::FuncOp function);
  Value attentionBlock(const std::string &layer, Value x, Value &kv,
                       const StepInputs &inputs);
  Value mlpBlock(const std::string &layer, Value x);

  Value norm(const std::string &name, Value x);
  Value linear(const std::string &name, Value x, const std::string &weight,
               const std::string &bias = "");
  Value rope(const std::string &name, Value x, Value positions);

  enum class Shape { matrix, vector };
  FlatSymbolRefAttr param(const std::string &name, Shape shape);

  bool has(const std::string &name) const { return tensors.contains(name); }
  Location loc(const Twine &name) {
    return NameLoc::get(builder.getStringAttr(name));
  }
  /// (T, columns) or (R, columns).
  RankedTensorType activation(int64_t columns) {
    return RankedTensorType::get({ShapedType::kDynamic, columns},
                                 builder.getF32Type());
  }
  RankedTensorType indices(int64_t rank) {
    SmallVector<int64_t> shape(rank, ShapedType::kDynamic);
    return RankedTensorType::get(shape, builder.getI32Type());
  }

  const ModelConfig &config;
  const GraphOptions &options;
  OpBuilder builder;
  llvm::StringMap<const TensorSource *> tensors;
  llvm::StringSet<> declared;
  OpBuilder::InsertPoint declarations; // before @step
};

} // namespace

OwningOpRef<ModuleOp> GraphBuilder::build() {
  OwningOpRef<ModuleOp> module = ModuleOp::create(builder, loc("model"));
  int64_t maxContext =
      options.maxContext ? options.maxContext : config.maxPositionEmbeddings;
  (*module)->setAttr(vocabSizeAttrName,
                     builder.getI64IntegerAttr(config.vocabSize));
  (*module)->setAttr(maxContextAttrName, builder.getI64IntegerAttr(maxContext));
  builder.setInsertionPointToEnd(module->getBody());
  declareRopeTable();
  func::FuncOp function = declareStep();
  declarations =
      OpBuilder::InsertPoint(module->getBody(), Block::iterator(function));
  builder.setInsertionPointToEnd(&function.getBody().front());
  step(function);
  return module;
}

void GraphBuilder::declareRopeTable() {
  RopeTableOp::create(builder, loc("rope"), "rope",
                      config.rope.inverseFrequencies,
                      APFloat(config.rope.attentionFactor));
}

func::FuncOp GraphBuilder::declareStep() {
  Type index = indices(1);
  Type kv = KvType::get(builder.getContext(), config.numKeyValueHeads,
                        config.headDim, options.pageSize,
                        storedType(builder.getContext(), options.kvType));
  SmallVector<Type> inputs = {index, index, index, index, indices(2), index};
  SmallVector<Type> results = {activation(config.vocabSize), index};
  SmallVector<Location> locations = {loc("tokens"), loc("positions"),
                                     loc("slots"),  loc("sequences"),
                                     loc("pages"),  loc("rows")};
  for (int64_t layer = 0; layer < config.numHiddenLayers; ++layer) {
    inputs.push_back(kv);
    results.push_back(kv);
    locations.push_back(loc("kv." + Twine(layer)));
  }
  auto function = func::FuncOp::create(
      builder, loc("step"), "step", builder.getFunctionType(inputs, results));
  function.getBody().emplaceBlock().addArguments(inputs, locations);
  return function;
}

void GraphBuilder::step(func::FuncOp function) {
  auto arguments = function.getArguments();
  StepInputs inputs = {arguments[0], arguments[1], arguments[2],
                       arguments[3], arguments[4], arguments[5]};
  SmallVector<Value> kv(arguments.drop_front(6));

  Value x =
      EmbeddingOp::create(builder, loc("embed"), activation(config.hiddenSize),
                          inputs.tokens, param("tok_embed", Shape::matrix));
  for (auto [i, value] : llvm::enumerate(kv)) {
    std::string layer = "layers." + std::to_string(i);
    x = attentionBlock(layer, x, value, inputs);
    x = mlpBlock(layer, x);
  }
  // Rows are selected before the norm: nothing else needs the other tokens.
  Value last = SelectRowsOp::create(builder, loc("select_rows"), x.getType(), x,
                                    inputs.rows);
  Value normed = norm("out_norm", last);
  Value logits =
      linear("lm_head", normed, has("lm_head") ? "lm_head" : "tok_embed");
  Value next =
      ArgmaxOp::create(builder, loc("argmax"), inputs.tokens.getType(), logits);
  SmallVector<Value> results = {logits, next};
  results.append(kv);
  func::ReturnOp::create(builder, loc("return"), results);
}

Value GraphBuilder::attentionBlock(const std::string &layer, Value x, Value &kv,
                                   const StepInputs &inputs) {
  std::string name = layer + ".attn";
  Value n = norm(layer + ".attn_norm", x);
  Value q = linear(name + ".q", n, name + ".wq", name + ".bq");
  Value k = linear(name + ".k", n, name + ".wk", name + ".bk");
  Value v = linear(name + ".v", n, name + ".wv", name + ".bv");
  Value rotatedQ = rope(name + ".q_rope", q, inputs.positions);
  Value rotatedK = rope(name + ".k_rope", k, inputs.positions);
  kv = KvAppendOp::create(builder, loc(name + ".kv"), kv.getType(), kv,
                          rotatedK, v, inputs.slots);
  auto scale = static_cast<float>(1.0 / std::sqrt(double(config.headDim)));
  Value a = AttentionOp::create(
      builder, loc(name + ".attention"), rotatedQ.getType(), rotatedQ, kv,
      inputs.positions, inputs.sequences, inputs.pages, APFloat(scale));
  Value o = linear(name + ".o", a, name + ".wo", name + ".bo");
  return AddOp::create(builder, loc(name + ".residual"), x, o);
}

Value GraphBuilder::mlpBlock(const std::string &layer, Value x) {
  std::string name = layer + ".mlp";
  Value n = norm(layer + ".mlp_norm", x);
  Value gate = linear(name + ".gate", n, name + ".w_gate", name + ".b_gate");
  Value up = linear(name + ".up", n, name + ".w_up", name + ".b_up");
  Value activated = SiluOp::create(builder, loc(name + ".silu"), gate);
  Value product = MulOp::create(builder, loc(name + ".mul"), activated, up);
  Value down =
      linear(name + ".down", product, name + ".w_down", name + ".b_down");
  return AddOp::create(builder, loc(name + ".residual"), x, down);
}

Value GraphBuilder::norm(const std::string &name, Value x) {
  return RmsNormOp::create(builder, loc(name), x.getType(), x,
                           param(name, Shape::vector),
                           builder.getF32FloatAttr(config.rmsNormEps));
}

Value GraphBuilder::linear(const std::string &name, Value x,
                           const std::string &weight, const std::string &bias) {
  FlatSymbolRefAttr symbol = param(weight, Shape::matrix);
  ArrayAttr biases;
  if (!bias.empty() && has(bias))
    biases = builder.getArrayAttr(param(bias, Shape::vector));
  return LinearOp::create(builder, loc(name),
                          activation(tensors.lookup(weight)->rows), x,
                          builder.getArrayAttr(symbol), biases)
      .getResult(0);
}

Value GraphBuilder::rope(const std::string &name, Value x, Value positions) {
  Pairing pairing = config.rope.pairing == RopePairing::half
                        ? Pairing::half
                        : Pairing::interleaved;
  return RopeOp::create(builder, loc(name), x.getType(), x, positions, "rope",
                        pairing, config.headDim);
}

FlatSymbolRefAttr GraphBuilder::param(const std::string &name, Shape shape) {
  const TensorSource *source = tensors.lookup(name);
  assert(source && "a checked model has every tensor of its architecture");
  if (declared.insert(name).second) {
    SmallVector<int64_t> dims;
    if (shape == Shape::matrix)
      dims.push_back(source->rows);
    dims.push_back(source->columns);
    OpBuilder::InsertionGuard guard(builder);
    builder.restoreInsertionPoint(declarations);
    auto type = RankedTensorType::get(
        dims, storedType(builder.getContext(), source->type));
    ParamOp::create(builder, loc(name), name, type);
  }
  return FlatSymbolRefAttr::get(builder.getContext(), name);
}

OwningOpRef<ModuleOp> quipu::buildGraph(MLIRContext &context,
                                        const Model &model,
                                        const GraphOptions &options) {
  context.loadDialect<LlamaDialect, func::FuncDialect>();
  OwningOpRef<ModuleOp> module = GraphBuilder(context, model, options).build();
  assert(succeeded(verify(*module)) && "a checked model gives a valid graph");
  return module;
}
