//===- FakeCublas.cpp - The symbols of libcublas --------------------------===//
//
// Products on the fake driver's memory: arguments are checked at once, and the
// work is done when its stream's turn comes. What no caller here has a use for
// is a violation, so that a wrong enumeration or leading dimension shows.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cuda/CublasApi.h"

#include "base/Dequantize.h"
#include "test/runtime/fakecuda/FakeCuda.h"

#include <cstring>

using quipu::test::FakeCuda;
using namespace quipu::cuda;

namespace {

struct Handle {
  StreamHandle stream = nullptr;
};

/// A column-major matrix, of one column every `leading` elements.
struct Matrix {
  uint64_t address;
  CublasType type;
  int64_t rows, columns, leading;

  int64_t elementBytes() const { return type == CublasType::f32 ? 4 : 2; }
  size_t bytes() const {
    return size_t(((columns - 1) * leading + rows) * elementBytes());
  }
  float at(int64_t row, int64_t column) const {
    auto *element = reinterpret_cast<const std::byte *>(address) +
                    (column * leading + row) * elementBytes();
    if (type == CublasType::f32) {
      float value;
      std::memcpy(&value, element, sizeof value);
      return value;
    }
    uint16_t bits;
    std::memcpy(&bits, element, sizeof bits);
    return type == CublasType::f16 ? quipu::halfToFloat(bits)
                                   : quipu::bfloat16ToFloat(bits);
  }
};

CublasStatus violation(const std::string &what) {
  FakeCuda::get().violation("cuBLAS: " + what, Status::invalidValue);
  return CublasStatus::invalidValue;
}

/// Begins a call as the driver's calls begin; a test lets one fail by the same
/// means, with the code of a CublasStatus.
CublasStatus enter(const char *function) {
  Status status = FakeCuda::get().enter(function, true);
  return static_cast<CublasStatus>(static_cast<int>(status));
}

Handle *find(CublasHandle handle) {
  FakeCuda &fake = FakeCuda::get();
  return fake.objects.count(handle) ? reinterpret_cast<Handle *>(handle)
                                    : nullptr;
}

/// What is wrong with a matrix; empty where nothing is.
std::string judge(const char *name, const Matrix &matrix) {
  auto is = [&](const char *what) { return std::string(name) + what; };
  if (matrix.leading < matrix.rows)
    return is(": the leading dimension is less than its rows");
  if (matrix.address % uint64_t(matrix.elementBytes()) != 0)
    return is(" is not aligned");
  if (!FakeCuda::get().isDevice(matrix.address, matrix.bytes()))
    return is(" lies outside of memory that was allocated");
  return "";
}

/// C (n, m) = A (k, n)^T B (k, m).
void multiply(const Matrix &a, const Matrix &b, const Matrix &c, float alpha,
              float beta) {
  for (int64_t column = 0; column < c.columns; ++column)
    for (int64_t row = 0; row < c.rows; ++row) {
      double sum = 0;
      for (int64_t i = 0; i < a.rows; ++i)
        sum += double(a.at(i, row)) * b.at(i, column);
      float value = float(alpha * sum);
      if (beta != 0) // else C may hold anything
        value += beta * c.at(row, column);
      std::memcpy(reinterpret_cast<std::byte *>(c.address) +
                      (column * c.leading + row) * 4,
                  &value, sizeof value);
    }
}

bool overlap(const Matrix &a, const Matrix &b) {
  return a.address < b.address + b.bytes() && b.address < a.address + a.bytes();
}

} // namespace

extern "C" {

CublasStatus cublasCreate_v2(CublasHandle *handle) {
  if (CublasStatus status = enter("cublasCreate");
      status != CublasStatus::success)
    return status;
  FakeCuda &fake = FakeCuda::get();
  auto object = std::make_shared<Handle>();
  *handle = reinterpret_cast<CublasHandle>(object.get());
  fake.objects[object.get()] = object;
  ++fake.unreturned;
  return CublasStatus::success;
}

CublasStatus cublasDestroy_v2(CublasHandle handle) {
  if (CublasStatus status = enter("cublasDestroy");
      status != CublasStatus::success)
    return status;
  FakeCuda &fake = FakeCuda::get();
  if (!find(handle))
    return violation("unknown or destroyed handle");
  if (!fake.isIdle())
    violation("handle destroyed while work is queued");
  fake.objects.erase(handle);
  --fake.unreturned;
  return CublasStatus::success;
}

CublasStatus cublasSetStream_v2(CublasHandle handle, StreamHandle stream) {
  if (CublasStatus status = enter("cublasSetStream");
      status != CublasStatus::success)
    return status;
  Handle *object = find(handle);
  if (!object || !FakeCuda::get().streams.count(stream))
    return violation("unknown handle or stream");
  object->stream = stream;
  return CublasStatus::success;
}

CublasStatus cublasGemmEx(CublasHandle handle, CublasOperation operationA,
                          CublasOperation operationB, int m, int n, int k,
                          const void *alpha, const void *a, CublasType typeA,
                          int lda, const void *b, CublasType typeB, int ldb,
                          const void *beta, void *c, CublasType typeC, int ldc,
                          int compute, int algorithm) {
  if (CublasStatus status = enter("cublasGemmEx");
      status != CublasStatus::success)
    return status;
  FakeCuda &fake = FakeCuda::get();
  Handle *object = find(handle);
  if (!object || !fake.streams.count(object->stream))
    return violation("unknown handle, or one without a stream");
  auto *stream = reinterpret_cast<FakeCuda::Stream *>(object->stream);
  if (stream->captured)
    return violation("a product is captured, whose sizes change");
  if (operationA != CublasOperation::transpose ||
      operationB != CublasOperation::none)
    return violation("expected A transposed and B not");
  if (m < 1 || n < 1 || k < 1 || !alpha || !beta)
    return violation("expected sizes from 1, alpha and beta");
  if ((typeA != CublasType::f32 && typeA != CublasType::f16 &&
       typeA != CublasType::bf16) ||
      typeB != typeA || typeC != CublasType::f32)
    return violation("expected A and B of one known type, and C of f32");
  if (compute != 68 || algorithm != -1)
    return violation("expected sums in f32 and the default algorithm");
  auto at = [](const void *p) { return reinterpret_cast<uint64_t>(p); };
  Matrix left = {at(a), typeA, k, m, lda}, right = {at(b), typeB, k, n, ldb},
         result = {at(c), typeC, m, n, ldc};
  for (auto [name, matrix] :
       {std::pair("A", left), std::pair("B", right), std::pair("C", result)})
    if (std::string what = judge(name, matrix); !what.empty())
      return violation(what);
  if (overlap(result, left) || overlap(result, right))
    return violation("C overlaps what is multiplied");
  fake.products.push_back({m, n, k});
  float scale = *static_cast<const float *>(alpha),
        keep = *static_cast<const float *>(beta);
  fake.add(*stream, [=] {
    multiply(left, right, result, scale, keep);
    return Status::success;
  });
  return CublasStatus::success;
}

} // extern "C"
