//===- kernels_bench.cpp - Row kernels against the machine's limits -------===//
//
// Prints what matvec reads per second as a share of plain reads of the same
// buffer, and what matmul computes as a share of a loop of bare products; both
// limits are measured in the same run. Usage: kernels_bench [threads [filter
// [MiB of weights]]].
// QUIPU_SCHEDULE="row_tile,token_tile,row_unroll,token_unroll" overrides sizes.
//
//===----------------------------------------------------------------------===//

#include "base/Quantize.h"
#include "compiler/cpu/CpuImage.h"
#include "dialects/llama/StoredTypes.h"
#include "kernels/cpu/Emitter.h"
#include "test/kernels/cpu/CpuMachine.h"
#include "test/kernels/cpu/RunKernel.h"

#include "mlir/Parser/Parser.h"
#include "llvm/Support/FormatVariadic.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <ctime>
#include <immintrin.h>
#include <numeric>
#include <random>
#include <thread>

using namespace quipu;
using namespace quipu::test;

namespace {

double now() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// Time that this thread has run: what other programs take does not count.
double threadTime() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
}

/// Runs `work(thread)` on every thread at once, `times` times, and returns the
/// shortest time that the slowest thread took for a round.
template <typename Work> double best(int threads, int times, Work work) {
  std::atomic<int> arrived = 0;
  std::vector<std::vector<double>> took(threads, std::vector<double>(times));
  auto run = [&](int thread) {
    for (int i = 0; i < times; ++i) {
      arrived.fetch_add(1);
      while (arrived.load() < threads * (i + 1))
        _mm_pause();
      double start = threadTime();
      work(thread);
      took[thread][i] = threadTime() - start;
    }
  };
  std::vector<std::thread> others;
  for (int thread = 1; thread < threads; ++thread)
    others.emplace_back(run, thread);
  run(0);
  for (std::thread &other : others)
    other.join();
  double shortest = 1e30;
  for (int i = 0; i < times; ++i) {
    double slowest = 0;
    for (int thread = 0; thread < threads; ++thread)
      slowest = std::max(slowest, took[thread][i]);
    shortest = std::min(shortest, slowest);
  }
  return shortest;
}

__attribute__((target("avx512f"), noinline)) int readAll(const std::byte *bytes,
                                                         int64_t count) {
  __m512i sums[8] = {};
  for (int64_t at = 0; at + 512 <= count; at += 512)
    for (int i = 0; i < 8; ++i)
      sums[i] =
          _mm512_xor_si512(sums[i], _mm512_loadu_si512(bytes + at + i * 64));
  for (int i = 1; i < 8; ++i)
    sums[0] = _mm512_xor_si512(sums[0], sums[i]);
  return _mm512_reduce_add_epi32(sums[0]);
}

constexpr int64_t peakRounds = 200000;

__attribute__((target("avx512f"), noinline)) float fmaPeak() {
  __m512 sums[16];
  for (auto &sum : sums)
    sum = _mm512_set1_ps(1);
  __m512 a = _mm512_set1_ps(0.999f);
  for (int64_t i = 0; i < peakRounds; ++i)
    for (auto &sum : sums)
      asm volatile("vfmadd231ps %1, %1, %0" : "+v"(sum) : "v"(a));
  for (auto &sum : sums)
    a = _mm512_add_ps(a, sum);
  return _mm512_reduce_add_ps(a);
}

__attribute__((target("avx512f"), noinline)) float bf16Peak() {
  __m512 sums[16];
  for (auto &sum : sums)
    sum = _mm512_set1_ps(1);
  __m512 a = _mm512_set1_ps(0.5f);
  for (int64_t i = 0; i < peakRounds; ++i)
    for (auto &sum : sums)
      asm volatile("vdpbf16ps %1, %1, %0" : "+v"(sum) : "v"(a));
  for (auto &sum : sums)
    a = _mm512_add_ps(a, sum);
  return _mm512_reduce_add_ps(a);
}

std::string product(const char *skeleton, const std::string &type, int64_t n,
                    int64_t k) {
  std::string decoder =
      type[0] == '!' ? "decoders [@" + type.substr(7) + "]" : std::string();
  return llvm::formatv(R"(
func.func @f(%x: tensor<?x{0}xf32>, %w: tensor<{1}x{0}x{2}>) -> tensor<?x{1}xf32> {{
  %y = kernel.{3} "f" tokens -> tensor<?x{1}xf32> {{
    kernel.prologue %x : tensor<?x{0}xf32>
      statistic {{
      ^bb0(%e: f32):
        %s = arith.mulf %e, %e : f32
        kernel.yield %s : f32
      } scale {{
      ^bb0(%sum: f32):
        %r = math.rsqrt %sum : f32
        kernel.yield %r : f32
      }
    kernel.segment single into result weights(%w : tensor<{1}x{0}x{2}>) {4} {{
    ^bb0(%v: f32):
      kernel.yield %v : f32
    }
  }
  return %y : tensor<?x{1}xf32>
})",
                       k, n, type, skeleton, decoder)
      .str();
}

/// A weight of n rows, 32 different ones over and over.
std::vector<std::byte> randomWeight(ElementType type, int64_t n, int64_t k) {
  int64_t row = rowBytes(type, k);
  std::vector<std::byte> bytes(n * row);
  std::mt19937 random(1);
  std::normal_distribution<float> distribution(0, 0.05f);
  std::vector<float> values(k);
  for (int64_t i = 0; i < std::min<int64_t>(n, 32); ++i) {
    for (float &value : values)
      value = distribution(random);
    quantizeRow(type, values, {bytes.data() + i * row, size_t(row)});
  }
  for (int64_t i = 32; i < n; ++i)
    std::memcpy(bytes.data() + i * row, bytes.data() + i % 32 * row, row);
  return bytes;
}

struct Measured {
  double seconds, readSeconds, compileSeconds;
  int64_t weightBytes;
};

Measured measure(const CpuVariant &variant, const char *skeleton,
                 const std::string &type, int64_t n, int64_t k, int64_t tokens,
                 int threads, int times) {
  auto context = createKernelContext();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(
      product(skeleton, type, n, k), context.get());
  mlir::func::FuncOp function =
      scheduledKernel(*module, CpuMachine(variant), tokens);
  mlir::Operation *op = skeletonOf(function);
  if (const char *sizes = getenv("QUIPU_SCHEDULE")) {
    auto was = kernel::getSchedule(op);
    long rowTile, tokenTile, rowUnroll, tokenUnroll;
    sscanf(sizes, "%ld,%ld,%ld,%ld", &rowTile, &tokenTile, &rowUnroll,
           &tokenUnroll);
    kernel::setSchedule(
        op, kernel::ScheduleAttr::get(context.get(), rowTile, tokenTile, 0,
                                      was.getVector(), rowUnroll, tokenUnroll,
                                      was.getArithmetic()));
  }
  double start = now();
  mlir::OwningOpRef<mlir::ModuleOp> emitted =
      mlir::ModuleOp::create(module->getLoc());
  if (failed(emitCpuKernel(function, variant, *emitted)))
    abort();
  if (getenv("QUIPU_ASM"))
    llvm::outs() << llvm::cantFail(printCpuAssembly(*emitted, variant, {"f"}));
  CpuImage image = llvm::cantFail(buildCpuImage(*emitted, variant, {"f"}));
  Measured result{0, 0, now() - start, 0};
  LoadedImage loaded(image);

  auto stored = *llama::elementType(
      mlir::cast<mlir::RankedTensorType>(function.getArgumentTypes()[1])
          .getElementType());
  auto weight = randomWeight(stored, n, k);
  result.weightBytes = weight.size();
  std::vector<float> x(tokens * k, 0.5f), y(tokens * n);
  std::vector<void *> arguments = {x.data(), weight.data(), y.data()};
  KernelDims dims{tokens, tokens, 0, 0, 0, 0};
  std::vector<void *> scratch;
  for (int thread = 0; thread < threads; ++thread)
    scratch.push_back(
        std::aligned_alloc(4096, (image.scratchBytes[0] + 4095) / 4096 * 4096));
  int64_t tiles = tilesOf(op, tokens);
  KernelFunction entry = loaded.entry(0);
  result.seconds = best(threads, times, [&](int thread) {
    entry(arguments.data(), &dims, scratch[thread], tiles * thread / threads,
          tiles * (thread + 1) / threads);
  });
  std::atomic<int> sink = 0;
  int64_t part = weight.size() / threads;
  if (tokens == 1)
    result.readSeconds = best(threads, times, [&](int thread) {
      sink += readAll(weight.data() + thread * part, part);
    });
  for (void *memory : scratch)
    std::free(memory);
  return result;
}

} // namespace

int main(int argc, char **argv) {
  int threads = argc > 1 ? atoi(argv[1]) : 2;
  std::string filter = argc > 2 ? argv[2] : "";
  int64_t megabytes = argc > 3 ? atoi(argv[3]) : 96;
  const char *variantName = getenv("QUIPU_VARIANT");
  const CpuVariant &variant =
      *findCpuVariant(variantName ? variantName : "cpu-x86-64-v4-bf16");
  if (!canRun(variant)) {
    printf("this processor does not run %s\n", variant.name.data());
    return 0;
  }
  const char *types[] = {
      "bf16",        "f16",         "f32",         "!llama.q8_0", "!llama.q4_0",
      "!llama.q4_1", "!llama.q5_0", "!llama.q5_1", "!llama.q2_k", "!llama.q3_k",
      "!llama.q4_k", "!llama.q5_k", "!llama.q6_k"};
  auto wanted = [&](std::string name) {
    return name.find(filter) != std::string::npos;
  };
  for (std::string type : types) {
    int64_t k = type.ends_with("_k") ? 512 : 576;
    for (int64_t columns : {k, int64_t(1536)}) {
      // More than any cache of today holds.
      int64_t n =
          megabytes * 1024 * 1024 /
          rowBytes(*parseElementType(type[0] == '!' ? type.substr(7) : type),
                   columns) /
          64 * 64;
      std::string name = "matvec " + type + " k=" + std::to_string(columns);
      if (!wanted(name))
        continue;
      Measured m = measure(variant, "matvec", type, n, columns, 1, threads, 15);
      printf("%-26s %6.1f GB/s of %6.1f  share %.2f  %5.1f Gweight/s  "
             "compile %.0f ms\n",
             name.c_str(), m.weightBytes / m.seconds * 1e-9,
             m.weightBytes / m.readSeconds * 1e-9, m.readSeconds / m.seconds,
             n * columns / m.seconds * 1e-9, m.compileSeconds * 1e3);
      fflush(stdout);
    }
  }
  double flops = 2.0 * 16 * 16 * peakRounds * threads;
  double fma = flops / best(threads, 5, [](int) { fmaPeak(); });
  double bf16 = variant.dotBf16
                    ? 2 * flops / best(threads, 5, [](int) { bf16Peak(); })
                    : 0;
  printf("peak: fma %.0f GFLOP/s, vdpbf16ps %.0f GFLOP/s\n", fma * 1e-9,
         bf16 * 1e-9);
  for (std::string type : types)
    for (int64_t tokens : {2, 4, 8, 32, 512}) {
      int64_t n = 1536, k = type.ends_with("_k") ? 512 : 576;
      std::string name = "matmul " + type + " T=" + std::to_string(tokens);
      if (!wanted(name))
        continue;
      Measured m = measure(variant, "matmul", type, n, k, tokens, threads, 15);
      double rate = 2.0 * n * k * tokens / m.seconds;
      printf("%-26s %6.0f GFLOP/s  of fma %.2f  of bf16 %.2f  compile %.0f "
             "ms\n",
             name.c_str(), rate * 1e-9, rate / fma, bf16 ? rate / bf16 : 0,
             m.compileSeconds * 1e3);
      fflush(stdout);
    }
}
