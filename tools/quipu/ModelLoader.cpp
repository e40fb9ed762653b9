//===- ModelLoader.cpp - A model named on the command line ----------------===//
//
// Chooses the targets that the device to run on needs, so that compiling on
// first use takes as little time as it can.
//
//===----------------------------------------------------------------------===//

#include "tools/quipu/ModelLoader.h"

#include "base/MappedFile.h"
#include "compiler/PackageCache.h"
#include "frontends/OpenModel.h"
#include "runtime/devices/DeviceChoice.h"
#include "runtime/package/PackageReader.h"

#include <cstdio>
#include <filesystem>

using namespace quipu;

Result<bool> quipu::isPackage(const std::string &path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error))
    return false;
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.error();
  return endsAsPackage(file->bytes());
}

CompileOptions quipu::compileOptions(const LoadRequest &request,
                                     const CompileWishes &wishes) {
  CompileOptions options;
  options.pipeline.optLevel = request.optLevel.value_or(
      wishes.optimizationLevel.value_or(options.pipeline.optLevel));
  options.context = wishes.context.value_or(0);
  options.targets = wishes.targets;
  options.pipeline.fuse = request.fuse;
  options.pipeline.gemm = request.gemm;
  if (!request.kvType.empty())
    options.kvType = parseElementType(request.kvType);
  return options;
}

static Result<std::shared_ptr<const Package>>
compile(const Model &model, const CompileOptions &options, bool cache) {
  auto compiling = [&] {
    std::string names = options.targets.front();
    for (size_t i = 1; i < options.targets.size(); ++i)
      names += " and " + options.targets[i];
    std::fprintf(stderr, "compiling for %s (once for this model)\n",
                 names.c_str());
  };
  if (cache)
    return compileCached(model, options, compiling);
  compiling();
  Result<std::shared_ptr<Package>> compiled = compileModel(model, options);
  if (!compiled)
    return compiled.error();
  return std::shared_ptr<const Package>(std::move(*compiled));
}

/// Says so where `package`, of which --gemm=cublas was asked, leaves it
/// nothing: a compiled one is as it was compiled.
static void noteUnusedCublas(const Package &package) {
  for (const plan::Bucket &bucket : package.plan.buckets)
    for (const plan::Launch &launch : bucket.launches)
      if (launch.product)
        return;
  std::fprintf(stderr,
               "--gemm=cublas changes nothing: it is for linear layers of f32, "
               "f16 or bf16 without bias, in code for a GPU, and chosen when a "
               "model is compiled\n");
}

Result<std::shared_ptr<const Package>>
quipu::loadModel(const LoadRequest &request) {
  Result<bool> package = isPackage(request.model);
  if (!package)
    return package.error();
  if (*package) {
    auto read = readPackage(request.model);
    if (read && request.gemm == "cublas")
      noteUnusedCublas(**read);
    return read;
  }
  Result<Model> model = openModel(request.model);
  if (!model)
    return model.error();
  CompileOptions options = compileOptions(request, model->compile);
  Result<std::vector<std::string>> targets =
      targetsToRun(request.device, request.cpuTarget);
  if (!targets)
    return targets.error();
  if (request.alsoCpu && request.device != "cpu" && request.device != "auto") {
    auto cpu = targetsToRun("cpu", request.cpuTarget);
    if (!cpu)
      return cpu.error();
    targets->push_back(cpu->front());
  }
  options.targets = *targets;
  Result<std::shared_ptr<const Package>> compiled =
      compile(*model, options, request.cache);
  if (compiled && request.gemm == "cublas")
    noteUnusedCublas(**compiled);
  // A GPU that nobody asked for may lack a kernel that this model needs.
  if (compiled || request.device != "auto" || options.targets.size() < 2)
    return compiled;
  std::fprintf(stderr, "not for the GPU: %s\n",
               compiled.error().message.c_str());
  options.targets.resize(1);
  compiled = compile(*model, options, request.cache);
  if (compiled && request.gemm == "cublas")
    noteUnusedCublas(**compiled);
  return compiled;
}
