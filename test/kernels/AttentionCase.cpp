//===- AttentionCase.cpp - A batch that attention is tried on -------------===//
//
// The reference reads the cache back through the same page table, so that a
// rounding of stored keys and values is no error.
//
//===----------------------------------------------------------------------===//

#include "test/kernels/AttentionCase.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <sstream>

using namespace quipu;
using namespace quipu::test;

static int64_t bytesOf(const std::string &type) {
  return type == "f32" ? 4 : 2;
}

static void storeFloat(char *to, const std::string &type, float value) {
  if (type == "f32") {
    memcpy(to, &value, 4);
  } else if (type == "f16") {
    _Float16 half = _Float16(value);
    memcpy(to, &half, 2);
  } else {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    uint16_t upper = uint16_t(bits >> 16);
    memcpy(to, &upper, 2);
  }
}

static double loadFloat(const char *from, const std::string &type) {
  if (type == "f32") {
    float value;
    memcpy(&value, from, 4);
    return value;
  }
  uint16_t half;
  memcpy(&half, from, 2);
  if (type == "f16") {
    _Float16 value;
    memcpy(&value, &half, 2);
    return double(value);
  }
  uint32_t bits = uint32_t(half) << 16;
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

AttentionCase::AttentionCase(AttentionShape shape,
                             std::vector<SequencePart> parts, uint32_t seed)
    : shape(shape), parts(parts), random(seed) {
  int64_t pageCount = 0;
  for (SequencePart part : parts) {
    int64_t own =
        (part.first + part.count + shape.pageSize - 1) / shape.pageSize;
    pageCount += own;
    pagesPerSequence = std::max(pagesPerSequence, own + 1);
    tokens += part.count;
  }
  std::vector<int32_t> freePages(pageCount);
  for (int64_t i = 0; i < pageCount; ++i)
    freePages[i] = int32_t(i);
  std::shuffle(freePages.begin(), freePages.end(), random);

  auto make = [](int64_t bytes) {
    return std::make_unique<GuardedBuffer>(bytes);
  };
  int64_t cache = pageCount * shape.kvHeads * shape.pageSize * shape.headDim *
                  bytesOf(shape.type);
  keys = make(cache);
  values = make(cache);
  queries = make(tokens * shape.queryHeads() * shape.headDim * 4);
  positions = make(tokens * 4);
  sequences = make(tokens * 4);
  pages = make(parts.size() * pagesPerSequence * 4);
  std::fill_n(pages->as<int32_t>(), parts.size() * pagesPerSequence, 1 << 30);

  std::normal_distribution<float> normal(0.0f, 1.0f);
  for (int64_t i = 0; i < tokens * shape.queryHeads() * shape.headDim; ++i)
    queries->as<float>()[i] = normal(random);
  int64_t token = 0;
  for (size_t s = 0; s < parts.size(); ++s) {
    bool padding = parts[s].first < 0;
    for (int64_t i = 0; i < parts[s].count; ++i, ++token) {
      positions->as<int32_t>()[token] =
          padding ? -1 : int32_t(parts[s].first + i);
      sequences->as<int32_t>()[token] = padding ? 1 << 30 : int32_t(s);
    }
    if (!padding)
      fillSequence(s, parts[s].first + parts[s].count, freePages);
  }
}

void AttentionCase::fillSequence(int64_t sequence, int64_t length,
                                 std::vector<int32_t> &freePages) {
  std::normal_distribution<float> normal(0.0f, 1.0f);
  int64_t bytes = bytesOf(shape.type);
  for (int64_t p = 0; p < length; ++p) {
    int32_t &page =
        pages->as<int32_t>()[sequence * pagesPerSequence + p / shape.pageSize];
    if (p % shape.pageSize == 0) {
      page = freePages.back();
      freePages.pop_back();
    }
    for (int64_t head = 0; head < shape.kvHeads; ++head) {
      int64_t row =
          (page * shape.kvHeads + head) * shape.pageSize + p % shape.pageSize;
      for (int64_t d = 0; d < shape.headDim; ++d) {
        int64_t at = (row * shape.headDim + d) * bytes;
        storeFloat(keys->as<char>() + at, shape.type, normal(random));
        storeFloat(values->as<char>() + at, shape.type, normal(random));
      }
    }
  }
}

std::vector<const GuardedBuffer *> AttentionCase::buffers() const {
  return {queries.get(),   keys.get(),      values.get(),
          positions.get(), sequences.get(), pages.get()};
}

std::vector<void *> AttentionCase::arguments() const {
  std::vector<void *> pointers;
  for (const GuardedBuffer *buffer : buffers())
    pointers.push_back(buffer->data());
  return pointers;
}

KernelDims AttentionCase::dims() const {
  KernelDims dims = {};
  dims.tokens = tokens;
  dims.pagesPerSequence = pagesPerSequence;
  dims.splits = 1;
  dims.splitLength = 1 << 20;
  return dims;
}

std::vector<WorkItem> AttentionCase::workList(int64_t most) const {
  std::vector<WorkItem> items;
  int64_t token = 0;
  for (size_t s = 0; s < parts.size(); ++s) {
    for (int64_t i = 0; i < parts[s].count; i += most) {
      int64_t count = std::min(most, parts[s].count - i);
      items.push_back({int32_t(token + i), int32_t(count), int32_t(s),
                       int32_t(parts[s].first + i + count)});
    }
    token += parts[s].count;
  }
  return items;
}

double AttentionCase::stored(const GuardedBuffer &cache, int64_t sequence,
                             int64_t head, int64_t position, int64_t d) const {
  int64_t page = pages->as<int32_t>()[sequence * pagesPerSequence +
                                      position / shape.pageSize];
  int64_t row = (page * shape.kvHeads + head) * shape.pageSize +
                position % shape.pageSize;
  return loadFloat(cache.as<char>() +
                       (row * shape.headDim + d) * bytesOf(shape.type),
                   shape.type);
}

std::vector<double> AttentionCase::expected() const {
  int64_t headDim = shape.headDim;
  std::vector<double> result(tokens * shape.queryHeads() * headDim);
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t head = 0; head < shape.queryHeads(); ++head) {
      int64_t kvHead = head / shape.group;
      int64_t context = positions->as<int32_t>()[t] + 1;
      int64_t sequence = sequences->as<int32_t>()[t];
      int64_t row = (t * shape.queryHeads() + head) * headDim;
      std::vector<double> weights(context);
      double most = -INFINITY, sum = 0;
      for (int64_t p = 0; p < context; ++p) {
        for (int64_t d = 0; d < headDim; ++d)
          weights[p] += queries->as<float>()[row + d] *
                        stored(*keys, sequence, kvHead, p, d) /
                        std::sqrt(double(headDim));
        most = std::max(most, weights[p]);
      }
      for (double &weight : weights)
        sum += weight = std::exp(weight - most);
      for (int64_t p = 0; p < context; ++p)
        for (int64_t d = 0; d < headDim; ++d)
          result[row + d] +=
              weights[p] / sum * stored(*values, sequence, kvHead, p, d);
    }
  return result;
}

double AttentionCase::errorOf(const float *actual) const {
  std::vector<double> right = expected();
  double difference = 0, norm = 0;
  for (size_t i = 0; i < right.size(); ++i) {
    difference += (actual[i] - right[i]) * (actual[i] - right[i]);
    norm += right[i] * right[i];
  }
  return norm == 0 ? std::sqrt(difference) : std::sqrt(difference / norm);
}

std::string test::attentionModule(const AttentionShape &shape,
                                  const std::string &skeleton,
                                  const std::string &schedule) {
  std::ostringstream out;
  int64_t columns = shape.queryHeads() * shape.headDim;
  std::ostringstream kv;
  kv << "!llama.kv<" << shape.kvHeads << ", " << shape.headDim << ", page "
     << shape.pageSize << ", " << shape.type << ">";
  out << "func.func @kernel(%q: tensor<?x" << columns
      << "xf32>, %kv: " << kv.str()
      << ", %positions: tensor<?xi32>, %sequences: tensor<?xi32>, "
      << "%pages: tensor<?x?xi32>) -> tensor<?x" << columns << "xf32> {\n"
      << "  %r = kernel.attention_" << skeleton
      << " \"attention\" %q, %kv, %positions, %sequences, %pages scale "
      << std::scientific << std::setprecision(9)
      << 1 / std::sqrt(double(shape.headDim))
      << (schedule.empty() ? "" : " schedule <" + schedule + ">")
      << " : tensor<?x" << columns << "xf32>, " << kv.str()
      << ", tensor<?xi32>, tensor<?x?xi32>\n  return %r : tensor<?x" << columns
      << "xf32>\n}\n";
  return out.str();
}
