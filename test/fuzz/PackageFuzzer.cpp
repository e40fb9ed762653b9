//===- PackageFuzzer.cpp - Package files from anyone ----------------------===//
//
// Input is a header; around it the fuzzer builds a file with right checksums,
// so that mutations reach the checks behind them. Raw files are tried as well.
//
//===----------------------------------------------------------------------===//

#include "runtime/package/PackageFormat.h"
#include "runtime/package/PackageReader.h"

#include <cstdlib>
#include <cstring>
#include <vector>

using namespace quipu;

namespace {

/// One page of blobs, the header, the footer.
std::vector<std::byte> fileAround(std::span<const std::byte> header) {
  std::vector<std::byte> file(packagePage);
  file.insert(file.end(), header.begin(), header.end());
  PackageFooter footer = {};
  footer.magic = packageMagic;
  footer.format = static_cast<uint64_t>(packageFormatVersion);
  footer.headerOffset = packagePage;
  footer.headerBytes = header.size();
  footer.headerChecksum = checksum(header);
  footer.fileBytes = file.size() + sizeof footer;
  auto bytes = std::as_bytes(std::span(&footer, 1));
  footer.footerChecksum = checksum(bytes.first(56));
  file.insert(file.end(), bytes.begin(), bytes.end());
  return file;
}

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
  std::vector<std::byte> file = fileAround(input);
  if (auto package = readPackage(file, "built", nullptr))
    use(**package);
  return 0;
}
