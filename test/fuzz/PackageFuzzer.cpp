//===- PackageFuzzer.cpp - Package files from anyone ----------------------===//
//
// Input is a header; around it the fuzzer builds a file with right checksums,
// so that mutations reach the checks behind them. Raw files are tried as well.
//
//===----------------------------------------------------------------------===//

#include "runtime/package/PackageReader.h"
#include "test/fuzz/PackageBytes.h"

#include <cstdlib>
#include <vector>

using namespace quipu;

namespace {

/// Reads what an accepted package promises to be readable.
void use(const Package &package) {
  uint64_t sum = 0;
  for (const Target &target : package.targets)
    sum += checksum(target.code);
  sum += checksum(package.tokenizer) + checksum(package.weights);
  for (const WeightTensor &tensor : package.tensors)
    if (tensor.file == WeightTensor::inPackage)
      sum += checksum(package.weights.subspan(tensor.offset, tensor.bytes));
  if (!plan::check(package.plan)) // accepted once, accepted again
    std::abort();
  volatile uint64_t sink = sum;
  (void)sink;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto input = std::as_bytes(std::span(data, size));
  if (auto package = readPackage(input, "raw", nullptr))
    use(**package);
  std::vector<std::byte> file = test::packageAround(input);
  if (auto package = readPackage(file, "built", nullptr))
    use(**package);
  return 0;
}
