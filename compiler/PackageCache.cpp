//===- PackageCache.cpp - Kernels kept between runs -----------------------===//
//
// An entry is an ordinary package without weights and tokenizer, named by the
// SHA-256 of everything that its code depends on.
//
//===----------------------------------------------------------------------===//

#include "compiler/PackageCache.h"

#include "runtime/package/KernelAbi.h"
#include "runtime/package/PackageReader.h"
#include "runtime/package/PackageWriter.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>
#include <filesystem>
#include <sys/stat.h>

using namespace quipu;
namespace fs = std::filesystem;

/// Tells one build of this compiler from another, as versions do not while one
/// is being worked on.
static void identifyCompiler(llvm::raw_ostream &key) {
  struct stat status = {};
  ::stat("/proc/self/exe", &status);
  key << QUIPU_VERSION << ' ' << abiVersion << ' ' << status.st_size << ' '
      << status.st_mtim.tv_sec << '.' << status.st_mtim.tv_nsec << '\n';
}

static std::string keyOf(const Model &model, const CompileOptions &options) {
  std::string text;
  llvm::raw_string_ostream key(text);
  identifyCompiler(key);
  const ModelConfig &config = model.config;
  for (int64_t number :
       {config.hiddenSize, config.intermediateSize, config.numHiddenLayers,
        config.numAttentionHeads, config.numKeyValueHeads, config.headDim,
        config.vocabSize, config.maxPositionEmbeddings,
        int64_t(config.tieWordEmbeddings), int64_t(config.rope.pairing)})
    key << number << ' ';
  key << llvm::format_hex(llvm::bit_cast<uint32_t>(config.rmsNormEps), 10)
      << ' '
      << llvm::format_hex(llvm::bit_cast<uint32_t>(config.rope.attentionFactor),
                          10);
  for (float frequency : config.rope.inverseFrequencies)
    key << ' ' << llvm::bit_cast<uint32_t>(frequency);
  for (const TensorSource &tensor : model.tensors)
    key << '\n'
        << tensor.name << ' ' << name(tensor.type) << ' ' << tensor.rows << 'x'
        << tensor.columns;
  key << "\n-O" << options.pipeline.optLevel << ' ' << options.pageSize << ' '
      << options.context << ' '
      << (options.kvType ? name(*options.kvType) : "auto") << ' '
      << options.pipeline.gemm;
  for (const std::string &fuse : options.pipeline.fuse)
    key << ' ' << fuse;
  for (const std::string &target : options.targets)
    key << ' ' << target;
  auto digest = llvm::SHA256::hash(llvm::arrayRefFromStringRef(text));
  return llvm::toHex(digest, /*LowerCase=*/true);
}

/// The cache folder, made if need be; empty where there can be none.
static fs::path cacheFolder() {
  const char *cache = std::getenv("XDG_CACHE_HOME");
  const char *home = std::getenv("HOME");
  fs::path folder;
  if (cache && *cache)
    folder = cache;
  else if (home && *home)
    folder = fs::path(home) / ".cache";
  else
    return {};
  folder = folder / "quipu" / "packages";
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error)
    fs::permissions(folder, fs::perms::owner_all, error);
  // A package is a program: nobody else may have put it there.
  struct stat status;
  if (error || ::stat(folder.c_str(), &status) != 0 ||
      status.st_uid != ::geteuid() || (status.st_mode & 0077))
    return {};
  return folder;
}

/// `package` with the parts that belong to `model` and not to its kernels.
static Result<std::shared_ptr<const Package>> attach(const Package &package,
                                                     const Model &model) {
  auto result = std::make_shared<Package>(package);
  if (Result<void> done = attachModel(*result, model); !done)
    return done.error();
  return std::shared_ptr<const Package>(std::move(result));
}

Result<std::shared_ptr<const Package>>
quipu::compileCached(const Model &model, const CompileOptions &options,
                     const std::function<void()> &compiling) {
  fs::path folder = cacheFolder();
  fs::path entry = folder / (keyOf(model, options) + ".quipu");
  if (!folder.empty()) {
    std::error_code error;
    if (fs::exists(entry, error))
      if (Result<std::shared_ptr<const Package>> cached = readPackage(entry))
        return attach(**cached, model);
  }
  compiling();
  Result<std::shared_ptr<Package>> package = compileModel(model, options);
  if (!package)
    return package.error();
  if (!folder.empty()) {
    Package kernels = **package;
    kernels.weightFiles.clear();
    kernels.tensors.clear();
    kernels.tokenizer = {};
    kernels.chatTemplate.clear();
    // A full disk costs the next run its compilation and this one nothing.
    (void)bool(writePackage(kernels, entry, {}));
  }
  return std::shared_ptr<const Package>(std::move(*package));
}
