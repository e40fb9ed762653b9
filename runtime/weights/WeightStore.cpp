//===- WeightStore.cpp - The bytes of a plan's parameters -----------------===//
//
// Weight files stay in the page cache and are read in place; only tables and
// random weights take memory of our own.
//
//===----------------------------------------------------------------------===//

#include "runtime/weights/WeightStore.h"

#include "runtime/memory/AvailableMemory.h"
#include "runtime/weights/RandomWeights.h"

#include <algorithm>
#include <cmath>
#include <sys/mman.h>
#include <thread>
#include <unordered_set>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 // Linux 5.14; older kernels answer EINVAL
#endif

namespace quipu {
namespace {

constexpr int64_t alignment = 64;

int64_t aligned(int64_t bytes) {
  return (bytes + alignment - 1) / alignment * alignment;
}

const WeightTensor *find(const Package &package, const std::string &name) {
  for (const WeightTensor &tensor : package.tensors)
    if (tensor.name == name)
      return &tensor;
  return nullptr;
}

bool isComputed(const plan::Parameter &parameter,
                const WeightStore::Options &options) {
  return options.randomSeed ||
         parameter.recipe.kind != plan::Recipe::Kind::identity;
}

std::string shape(ElementType type, int64_t rows, int64_t columns) {
  return std::to_string(rows) + " x " + std::to_string(columns) + " of " +
         std::string(name(type));
}

} // namespace

int64_t parameterBytes(const plan::Parameter &parameter, int64_t context) {
  bool table = parameter.recipe.kind == plan::Recipe::Kind::ropeTable;
  return (table ? context : parameter.rows) *
         rowBytes(parameter.type, parameter.columns);
}

void fillRopeTable(const plan::Recipe &recipe, int64_t context,
                   std::span<float> table) {
  auto fill = [&](int64_t begin, int64_t end) {
    size_t next = begin * recipe.inverseFrequencies.size() * 2;
    for (int64_t position = begin; position < end; ++position)
      for (float frequency : recipe.inverseFrequencies) {
        float angle = static_cast<float>(position) * frequency;
        table[next++] =
            static_cast<float>(std::cos(double(angle))) * recipe.scale;
        table[next++] =
            static_cast<float>(std::sin(double(angle))) * recipe.scale;
      }
  };
  // 128 Ki positions of 64 pairs are 0.3 s of sines for one thread.
  int64_t threads =
      std::min<int64_t>(std::thread::hardware_concurrency(), context / 4096);
  std::vector<std::thread> others;
  for (int64_t i = 1; i < threads; ++i)
    others.emplace_back(fill, context * i / threads,
                        context * (i + 1) / threads);
  fill(0, threads > 1 ? context / threads : context);
  for (std::thread &other : others)
    other.join();
}

Result<WeightStore> WeightStore::open(const Package &package,
                                      const Options &options) {
  WeightStore store;
  if (!options.randomSeed)
    if (Result<void> mapped = store.mapFiles(package); !mapped)
      return mapped.error();

  int64_t total = 0;
  for (const plan::Parameter &parameter : package.plan.parameters)
    if (isComputed(parameter, options))
      total += aligned(parameterBytes(parameter, options.context));
  auto memory = AnonymousMemory::allocate(
      total, options.randomSeed ? "random weights" : "rope tables");
  if (!memory)
    return memory.error();
  store.computed = std::move(*memory);

  int64_t offset = 0;
  for (const plan::Parameter &parameter : package.plan.parameters) {
    if (!isComputed(parameter, options)) {
      auto bound = store.bind(package, parameter);
      if (!bound)
        return bound.error();
      store.bytes.push_back(*bound);
      continue;
    }
    int64_t size = parameterBytes(parameter, options.context);
    std::span<std::byte> target = store.computed.bytes().subspan(offset, size);
    if (parameter.recipe.kind == plan::Recipe::Kind::ropeTable)
      fillRopeTable(parameter.recipe, options.context,
                    {reinterpret_cast<float *>(target.data()),
                     target.size() / sizeof(float)});
    else
      fillRandom(parameter, *options.randomSeed, target);
    store.bytes.push_back(target);
    offset += aligned(size);
  }
  if (options.pageIn)
    store.pageIn(package, options);
  return store;
}

Result<void> WeightStore::mapFiles(const Package &package) {
  for (const WeightFile &recorded : package.weightFiles) {
    std::string path = weightFilePath(package, recorded);
    Result<MappedFile> file = MappedFile::open(path);
    if (!file)
      return file.error();
    if (file->bytes().size() != recorded.bytes)
      return Error{path + ": size: expected " + std::to_string(recorded.bytes) +
                   " bytes as when it was compiled, found " +
                   std::to_string(file->bytes().size()) +
                   "; compile the model again"};
    files.push_back(std::move(*file));
  }
  return {};
}

Result<std::span<const std::byte>>
WeightStore::bind(const Package &package, const plan::Parameter &parameter) {
  const std::string &tensorName = parameter.recipe.tensor;
  if (package.tensors.empty())
    return Error{"the package was compiled from a config and has no weights; "
                 "random ones can be asked for (--random-weights)"};
  const WeightTensor *tensor = find(package, tensorName);
  if (!tensor)
    return Error{"the package has no tensor '" + tensorName + "'"};
  if (tensor->type != parameter.type || tensor->rows != parameter.rows ||
      tensor->columns != parameter.columns)
    return Error{"tensor '" + tensorName + "': expected " +
                 shape(parameter.type, parameter.rows, parameter.columns) +
                 ", found " +
                 shape(tensor->type, tensor->rows, tensor->columns)};
  std::span<const std::byte> file = package.weights;
  if (tensor->file != WeightTensor::inPackage) {
    if (tensor->file < 0 || tensor->file >= int64_t(files.size()))
      return Error{"tensor '" + tensorName +
                   "': file: expected an index "
                   "below " +
                   std::to_string(files.size()) + ", found " +
                   std::to_string(tensor->file)};
    file = files[tensor->file].bytes();
  }
  auto size = static_cast<uint64_t>(parameterBytes(parameter, 0));
  if (tensor->offset > file.size() || size > file.size() - tensor->offset)
    return Error{"tensor '" + tensorName + "': expected " +
                 std::to_string(size) + " bytes at offset " +
                 std::to_string(tensor->offset) + ", but the file has " +
                 std::to_string(file.size())};
  return file.subspan(tensor->offset, size);
}

/// Maps pages ahead of the first step where they fit into memory, so that the
/// wait for the disk happens here, with progress, and not inside kernels. Only
/// what the plan reads: a model file holds a tokenizer too.
void WeightStore::pageIn(const Package &package, const Options &options) {
  constexpr uintptr_t page = 4096;
  constexpr size_t chunk = size_t(32) << 20;
  std::vector<std::pair<uintptr_t, size_t>> spans; // whole pages
  int64_t total = 0, done = 0;
  std::unordered_set<const std::byte *> seen; // tied weights come twice
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (isComputed(package.plan.parameters[i], options) ||
        !seen.insert(bytes[i].data()).second)
      continue;
    auto begin = reinterpret_cast<uintptr_t>(bytes[i].data());
    spans.emplace_back(begin / page * page, bytes[i].size() + begin % page);
    total += static_cast<int64_t>(spans.back().second);
  }
  bool fits = total <= availableMemory();
  for (auto [begin, size] : spans)
    for (size_t at = 0; at < size; at += chunk) {
      auto *address = reinterpret_cast<void *>(begin + at);
      size_t length = std::min(chunk, size - at);
      if (!fits || ::madvise(address, length, MADV_POPULATE_READ) != 0)
        (void)::madvise(address, length, MADV_WILLNEED);
      done += static_cast<int64_t>(length);
      if (options.progress)
        options.progress(done, total);
    }
}

} // namespace quipu
