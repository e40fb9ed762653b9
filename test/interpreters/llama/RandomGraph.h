//===- RandomGraph.h - Graphs that nobody wrote -----------------*- C++ -*-===//
//
// A function of llama ops from a seed: the patterns that fusion passes look
// for, with other ops and other readers in between, in shapes that no model
// has.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TEST_INTERPRETERS_LLAMA_RANDOMGRAPH_H
#define QUIPU_TEST_INTERPRETERS_LLAMA_RANDOMGRAPH_H

#include "interpreters/StepState.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <map>
#include <random>

namespace quipu::llama {

class RandomGraph {
  using Value = mlir::Value;

public:
  static constexpr int64_t narrow = 8, wide = 16; // columns of activations
  static constexpr int64_t tokens = 3, pageSize = 2, slots = 8;

  RandomGraph(mlir::MLIRContext &context, uint32_t seed)
      : random(seed), builder(&context) {
    module = mlir::ModuleOp::create(builder.getUnknownLoc());
    builder.setInsertionPointToEnd(module->getBody());
    RopeTableOp::create(builder, loc(), "rope",
                        llvm::ArrayRef<float>{1.0f, 0.5f, 0.25f, 0.1f},
                        llvm::APFloat(1.0f));
    build();
  }

  std::vector<StepValue> arguments() {
    DenseTensor x = zeroTensor({tokens, wide}),
                y = zeroTensor({tokens, narrow});
    for (DenseTensor *tensor : {&x, &y})
      for (double &value : tensor->values)
        value = uniform();
    KvState kv = emptyKv(kvType(), slots);
    for (double &value : kv.keys.values)
      value = uniform();
    // One sequence whose pages lie backwards; its tokens are 1, 2 and 3.
    return {x,
            y,
            indexTensor({tokens}, std::vector<int32_t>{1, 2, 3}),
            indexTensor({tokens}, std::vector<int32_t>{7, 4, 5}),
            indexTensor({tokens}, std::vector<int32_t>{0, 0, 0}),
            indexTensor({1, 4}, std::vector<int32_t>{3, 2, 1, 0}),
            kv};
  }

  mlir::OwningOpRef<mlir::ModuleOp> module;
  OwnedParameters parameters;

private:
  mlir::Location loc() { return builder.getUnknownLoc(); }
  double uniform() {
    return std::uniform_real_distribution<float>(-1, 1)(random);
  }
  int64_t below(int64_t bound) { return random() % bound; }

  mlir::RankedTensorType activation(int64_t columns) {
    return mlir::RankedTensorType::get({mlir::ShapedType::kDynamic, columns},
                                       builder.getF32Type());
  }
  KvType kvType() {
    return KvType::get(builder.getContext(), 1, narrow, pageSize,
                       builder.getF32Type());
  }

  std::string param(llvm::ArrayRef<int64_t> shape) {
    std::string name = "w" + std::to_string(count++);
    std::vector<std::byte> bytes;
    int64_t elements = 1;
    for (int64_t size : shape)
      elements *= size;
    for (int64_t i = 0; i < elements; ++i) {
      auto value = static_cast<float>(uniform());
      auto *first = reinterpret_cast<std::byte *>(&value);
      bytes.insert(bytes.end(), first, first + sizeof(value));
    }
    parameters.set(name, bytes);
    mlir::OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(module->getBody());
    ParamOp::create(builder, loc(), name,
                    mlir::RankedTensorType::get(shape, builder.getF32Type()));
    return name;
  }

  /// A value so far with `columns`, mostly one of the last few.
  Value pick(int64_t columns) {
    std::vector<Value> &from = pool[columns];
    int64_t reach = below(4) ? std::min<int64_t>(4, from.size()) : from.size();
    return from[from.size() - 1 - below(reach)];
  }
  int64_t anyWidth() { return below(2) ? narrow : wide; }
  Value add(Value value) {
    pool[mlir::cast<mlir::RankedTensorType>(value.getType()).getDimSize(1)]
        .push_back(value);
    return value;
  }

  LinearOp linear(Value input, llvm::ArrayRef<int64_t> widths) {
    int64_t columns =
        mlir::cast<mlir::RankedTensorType>(input.getType()).getDimSize(1);
    llvm::SmallVector<mlir::Attribute> weights, biases;
    llvm::SmallVector<mlir::Type> types;
    bool withBias = below(2);
    for (int64_t width : widths) {
      weights.push_back(mlir::FlatSymbolRefAttr::get(builder.getContext(),
                                                     param({width, columns})));
      biases.push_back(below(2) ? mlir::Attribute(mlir::FlatSymbolRefAttr::get(
                                      builder.getContext(), param({width})))
                                : builder.getUnitAttr());
      types.push_back(activation(width));
    }
    auto op = LinearOp::create(
        builder, loc(), types, input, builder.getArrayAttr(weights),
        withBias ? builder.getArrayAttr(biases) : mlir::ArrayAttr());
    for (Value result : op.getResults())
      add(result);
    return op;
  }
  Value norm(Value x) {
    int64_t columns =
        mlir::cast<mlir::RankedTensorType>(x.getType()).getDimSize(1);
    return add(RmsNormOp::create(
        builder, loc(), x.getType(), x,
        mlir::FlatSymbolRefAttr::get(builder.getContext(), param({columns})),
        builder.getF32FloatAttr(1e-5f)));
  }
  Value rope(Value x) {
    return add(RopeOp::create(builder, loc(), x.getType(), x, positions, "rope",
                              Pairing::interleaved, narrow));
  }
  Value silu(Value x) { return add(SiluOp::create(builder, loc(), x)); }
  void append(Value keys, Value values) {
    kv = KvAppendOp::create(builder, loc(), kv.getType(), kv, keys, values,
                            slotsOf);
  }

  /// Anything, between the ops of a pattern or by itself.
  void noise() {
    int64_t width = anyWidth();
    switch (below(8)) {
    case 0:
      norm(pick(width));
      break;
    case 1:
      linear(pick(width), {anyWidth()});
      break;
    case 2:
      rope(pick(width));
      break;
    case 3:
      silu(pick(width));
      break;
    case 4:
      add(MulOp::create(builder, loc(), pick(width), pick(width)));
      break;
    case 5:
      add(AddOp::create(builder, loc(), pick(width), pick(width)));
      break;
    case 6:
      results.push_back(
          ArgmaxOp::create(builder, loc(), positions.getType(), pick(width)));
      break;
    case 7:
      add(AttentionOp::create(builder, loc(), activation(width), pick(width),
                              kv, positions, sequences, pages,
                              builder.getF32FloatAttr(0.5f)));
      break;
    }
  }
  void maybeNoise() {
    while (below(3) == 0)
      noise();
  }

  void pattern() {
    int64_t width = anyWidth();
    Value x = pick(width);
    if (below(2)) {
      x = norm(x);
      maybeNoise();
    }
    switch (below(5)) {
    case 0: { // gate and up, in one linear or two
      bool merged = below(2);
      LinearOp gate = linear(x, merged ? llvm::ArrayRef<int64_t>{width, width}
                                       : llvm::ArrayRef<int64_t>{width});
      maybeNoise();
      Value up = merged ? gate.getResult(1) : linear(x, {width}).getResult(0);
      Value activated = silu(gate.getResult(0));
      maybeNoise();
      add(MulOp::create(builder, loc(), activated, up));
      break;
    }
    case 1: { // residual
      Value y = linear(x, {width}).getResult(0);
      maybeNoise();
      add(below(2) ? AddOp::create(builder, loc(), pick(width), y)
                   : AddOp::create(builder, loc(), y, pick(width)));
      break;
    }
    case 2: { // query, key and value
      LinearOp qkv = linear(x, {wide, narrow, narrow});
      maybeNoise();
      rope(qkv.getResult(0));
      maybeNoise();
      Value keys = below(4) ? rope(qkv.getResult(1)) : qkv.getResult(1);
      maybeNoise();
      append(keys, below(8) ? qkv.getResult(2) : pick(narrow));
      break;
    }
    case 3: { // argmax
      Value y = linear(x, {width}).getResult(0);
      maybeNoise();
      results.push_back(
          ArgmaxOp::create(builder, loc(), positions.getType(), y));
      break;
    }
    case 4:
      append(pick(narrow), pick(narrow));
      break;
    }
    maybeNoise();
  }

  void build() {
    mlir::Type index = mlir::RankedTensorType::get({mlir::ShapedType::kDynamic},
                                                   builder.getI32Type());
    mlir::Type table = mlir::RankedTensorType::get(
        {mlir::ShapedType::kDynamic, mlir::ShapedType::kDynamic},
        builder.getI32Type());
    llvm::SmallVector<mlir::Type> inputs = {
        activation(wide), activation(narrow), index, index, index, table,
        kvType()};
    auto function = mlir::func::FuncOp::create(
        builder, loc(), "graph", builder.getFunctionType(inputs, {}));
    function->setAttr(bucketAttrName,
                      BucketAttr::get(builder.getContext(), "any", "logits", 8,
                                      8, DeviceKind::cpu, Gemm::generated));
    mlir::Block *body = function.addEntryBlock();
    builder.setInsertionPointToEnd(body);
    pool[wide] = {body->getArgument(0)};
    pool[narrow] = {body->getArgument(1)};
    positions = body->getArgument(2);
    slotsOf = body->getArgument(3);
    sequences = body->getArgument(4);
    pages = body->getArgument(5);
    kv = body->getArgument(6);

    for (int i = 0; i < 6; ++i)
      pattern();
    for (auto &[width, values] : pool) {
      results.push_back(values.back());
      for (Value value : values)
        if (below(16) == 0)
          results.push_back(value);
    }
    results.push_back(kv);
    mlir::func::ReturnOp::create(builder, loc(), results);
    function.setFunctionType(
        builder.getFunctionType(inputs, mlir::ValueRange(results).getTypes()));
  }

  std::mt19937 random;
  mlir::OpBuilder builder;
  std::map<int64_t, std::vector<Value>> pool; // by columns
  llvm::SmallVector<Value> results;
  Value positions, slotsOf, sequences, pages, kv;
  int count = 0;
};

} // namespace quipu::llama

#endif // QUIPU_TEST_INTERPRETERS_LLAMA_RANDOMGRAPH_H
