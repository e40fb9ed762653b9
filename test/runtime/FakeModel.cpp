//===- FakeModel.cpp - A model of plain functions -------------------------===//
//
// Kernels written against KernelAbi.h as generated ones are.
//
//===----------------------------------------------------------------------===//

#include "test/runtime/FakeModel.h"

#include "runtime/devices/cpu/CpuDevice.h"

#include <algorithm>
#include <cstring>

namespace quipu::test {
namespace {

constexpr int64_t pageSize = 16;
constexpr int64_t headDim = 2;
constexpr int64_t maxSplits = 4;
constexpr int64_t maxTokens = 8;
// Arena: partial sums (tokens, splits), totals (tokens), logits, argmax.
constexpr int64_t totalsAt = 128, logitsAt = 192, argmaxAt = logitsAt + 3136,
                  arenaBytes = argmaxAt + 64;

template <typename T> T *at(void *const *arguments, int index) {
  return static_cast<T *>(arguments[index]);
}

/// keys, values, tokens, slots: stores the token as key and value.
void store(void *const *arguments, const KernelDims *dims, void *scratch,
           int64_t begin, int64_t end) {
  for (int64_t token = begin; token < end; ++token) {
    int32_t slot = at<int32_t>(arguments, 3)[token];
    if (slot < 0)
      continue;
    auto value = static_cast<float>(at<int32_t>(arguments, 2)[token]);
    for (int64_t i = 0; i < headDim; ++i) {
      at<float>(arguments, 0)[slot * headDim + i] = value;
      at<float>(arguments, 1)[slot * headDim + i] = -value;
    }
  }
}

/// Sum of stored tokens at positions [from, to) of a sequence.
float sum(void *const *arguments, const KernelDims *dims, int32_t sequence,
          int64_t from, int64_t to) {
  const float *keys = at<float>(arguments, 0),
              *values = at<float>(arguments, 1);
  const int32_t *pages =
      at<int32_t>(arguments, 2) + sequence * dims->pagesPerSequence;
  float total = 0;
  for (int64_t i = from; i < to; ++i) {
    int64_t slot = pages[i / pageSize] * pageSize + i % pageSize;
    total += keys[slot * headDim + 1] / 2 - values[slot * headDim] / 2;
  }
  return total;
}

/// keys, values, pages, sequences, positions, partial; tiles: tokens * splits.
void attendDecode(void *const *arguments, const KernelDims *dims, void *scratch,
                  int64_t begin, int64_t end) {
  for (int64_t tile = begin; tile < end; ++tile) {
    int64_t token = tile / dims->splits, split = tile % dims->splits;
    int64_t length = at<int32_t>(arguments, 4)[token] + 1;
    int64_t from = std::min(length, split * dims->splitLength);
    int64_t to = std::min(length, from + dims->splitLength);
    at<float>(arguments, 5)[token * maxSplits + split] =
        sum(arguments, dims, at<int32_t>(arguments, 3)[token], from, to);
  }
}

/// partial, totals; tiles: tokens.
void merge(void *const *arguments, const KernelDims *dims, void *scratch,
           int64_t begin, int64_t end) {
  for (int64_t token = begin; token < end; ++token) {
    float total = 0;
    for (int64_t split = 0; split < dims->splits; ++split)
      total += at<float>(arguments, 0)[token * maxSplits + split];
    at<float>(arguments, 1)[token] = total;
  }
}

/// keys, values, pages, work, totals; tiles: work items.
void attendPrefill(void *const *arguments, const KernelDims *dims,
                   void *scratch, int64_t begin, int64_t end) {
  for (int64_t item = begin; item < end; ++item) {
    WorkItem work = at<WorkItem>(arguments, 3)[item];
    for (int32_t i = 0; i < work.count; ++i)
      at<float>(arguments, 4)[work.first + i] =
          sum(arguments, dims, work.sequence, 0,
              work.kvLength - work.count + i + 1);
  }
}

int64_t next(void *const *arguments, int64_t row) {
  int64_t token = at<int32_t>(arguments, 1)[row];
  auto total = static_cast<int64_t>(at<float>(arguments, 0)[token] +
                                    at<float>(arguments, 2)[0]);
  return total % fakeVocabulary;
}

/// totals, rows, bias, logits; tiles: rows. Uses its scratch.
void logits(void *const *arguments, const KernelDims *dims, void *scratch,
            int64_t begin, int64_t end) {
  auto *row = static_cast<float *>(scratch);
  for (int64_t r = begin; r < end; ++r) {
    int64_t best = next(arguments, r);
    for (int64_t token = 0; token < fakeVocabulary; ++token)
      row[token] = -0.5f * static_cast<float>((token - best) * (token - best));
    std::memcpy(at<float>(arguments, 3) + r * fakeVocabulary, row,
                fakeVocabulary * sizeof(float));
  }
}

/// totals, rows, bias, argmax; tiles: rows.
void argmax(void *const *arguments, const KernelDims *dims, void *scratch,
            int64_t begin, int64_t end) {
  for (int64_t r = begin; r < end; ++r)
    at<int32_t>(arguments, 3)[r] = static_cast<int32_t>(next(arguments, r));
}

enum Kernels {
  storeKernel,
  decodeKernel,
  mergeKernel,
  prefillKernel,
  logitsKernel,
  argmaxKernel
};

plan::Argument arena(int64_t offset) {
  return {plan::Argument::Kind::arena, offset};
}
plan::Argument input(plan::Input input) {
  return {plan::Argument::Kind::input, static_cast<int64_t>(input)};
}

plan::Bucket bucket(const char *name, const char *entry, bool isDecode) {
  using plan::Input;
  using Symbol = plan::Grid::Symbol;
  const plan::Argument keys = {plan::Argument::Kind::keys, 1};
  const plan::Argument values = {plan::Argument::Kind::values, 1};
  const plan::Argument bias = {plan::Argument::Kind::parameter, 0};
  int64_t tokens = isDecode ? 1 : maxTokens;
  plan::Bucket bucket = {
      name, entry, tokens, tokens, arenaBytes, isDecode ? 0 : 3, {}, {}, {}};
  bucket.launches.push_back(
      {storeKernel,
       {keys, values, input(Input::tokens), input(Input::slots)},
       {1, {{Symbol::tokens, 1}}},
       "store"});
  if (isDecode) {
    bucket.launches.push_back(
        {decodeKernel,
         {keys, values, input(Input::pages), input(Input::sequences),
          input(Input::positions), arena(0)},
         {1, {{Symbol::tokens, 1}, {Symbol::splits, 1}}},
         "attend"});
    bucket.launches.push_back({mergeKernel,
                               {arena(0), arena(totalsAt)},
                               {1, {{Symbol::tokens, 1}}},
                               "merge"});
  } else {
    bucket.launches.push_back({prefillKernel,
                               {keys, values, input(Input::pages),
                                input(Input::work), arena(totalsAt)},
                               {1, {{Symbol::work, 1}}},
                               "attend"});
  }
  bool isLogits = bucket.entry == "logits";
  int64_t output = isLogits ? logitsAt : argmaxAt;
  bucket.launches.push_back(
      {isLogits ? logitsKernel : argmaxKernel,
       {arena(totalsAt), input(Input::rows), bias, arena(output)},
       {1, {{Symbol::rows, 1}}},
       entry});
  bucket.outputs.push_back({entry, output, isLogits ? fakeVocabulary : 1});
  return bucket;
}

plan::Plan fakePlan() {
  plan::Plan plan;
  plan.vocabSize = fakeVocabulary;
  plan.maxContext = fakeContext;
  plan.maxSplits = maxSplits;
  plan.kv = {2, 1, headDim, pageSize, ElementType::f32};
  plan.parameters.push_back({"bias",
                             ElementType::f32,
                             1,
                             1,
                             {plan::Recipe::Kind::identity, "bias", {}, 1.0f}});
  plan.parameters.push_back(
      {"rope",
       ElementType::f32,
       0,
       2,
       {plan::Recipe::Kind::ropeTable, "", {0.5f}, 2.0f}});
  for (const char *name : {"store", "attend_decode", "merge", "attend_prefill",
                           "logits", "argmax"})
    plan.kernels.push_back({name, "rowwise", {fakeVocabulary * 4}, {"f32"}});
  plan.buckets = {bucket("decode", "logits", true),
                  bucket("prefill", "logits", false),
                  bucket("decode-argmax", "argmax", true)};
  return plan;
}

} // namespace

std::shared_ptr<const Package> fakePackage() {
  auto package = std::make_shared<Package>();
  package->producer = "test";
  package->model = {"fake", "test", "fake", {{"vocab_size", 97}}, 1};
  package->plan = fakePlan();
  package->targets.push_back({"cpu-functions", {}, {}});
  auto bias = std::make_shared<const float>(fakeBias);
  package->weights = std::as_bytes(std::span<const float>(bias.get(), 1));
  package->owners.push_back(bias);
  package->tensors.push_back(
      {"bias", ElementType::f32, 1, 1, WeightTensor::inPackage, 0, 4});
  return package;
}

CodeImage fakeImage() {
  return CodeImage::fromFunctions(
      {store, attendDecode, merge, attendPrefill, logits, argmax});
}

Result<Engine> fakeEngine(EngineOptions options) {
  return Engine::create(
      fakePackage(), options,
      [&](const Package &package, const ParameterBytes &parameters,
          const DeviceLimits &limits) -> Result<std::unique_ptr<Device>> {
        auto device = CpuDevice::create(package, 0, fakeImage(), parameters,
                                        limits, {options.threads, ""});
        if (!device)
          return device.error();
        return std::unique_ptr<Device>(std::move(*device));
      });
}

int32_t fakeNext(std::span<const int32_t> tokens) {
  int64_t total = fakeBias;
  for (int32_t token : tokens)
    total += token;
  return static_cast<int32_t>(total % fakeVocabulary);
}

} // namespace quipu::test
