//===- CudaDevice.h - Runs plans on an NVIDIA GPU ---------------*- C++ -*-===//
//
// Everything a step touches lies in device memory at fixed addresses, so that
// a bucket is one CUDA graph: captured when first run, replayed from then on.
// A step is one copy of its inputs, one replay, and a copy of its output. Only
// buckets with products for cuBLAS run launch by launch.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_CUDA_CUDADEVICE_H
#define QUIPU_RUNTIME_DEVICES_CUDA_CUDADEVICE_H

#include "runtime/devices/Device.h"
#include "runtime/devices/cuda/DecodeAhead.h"
#include "runtime/devices/cuda/GpuCode.h"
#include "runtime/devices/cuda/InputBlock.h"
#include "runtime/devices/cuda/LibraryProducts.h"
#include "runtime/devices/cuda/SampleStep.h"
#include "runtime/devices/cuda/Upload.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace quipu {

struct CudaDeviceOptions {
  cuda::UploadProgress progress; // of the weights, in bytes
  /// Waits after each launch, without graphs, so that an error names it.
  bool synchronous = false;
};

/// May be used from any thread, one call at a time.
class CudaDevice final : public Device {
public:
  /// Loads the package's code and copies its parameters. The package outlives
  /// the device; the parameters need not.
  static Result<std::unique_ptr<CudaDevice>>
  create(std::shared_ptr<const cuda::OpenGpu> gpu, const Package &package,
         const ParameterBytes &parameters, const DeviceLimits &limits,
         const CudaDeviceOptions &options);
  ~CudaDevice() override;

  plan::DeviceKind kind() const override { return plan::DeviceKind::gpu; }
  std::string description() const override;
  Result<void> run(int64_t bucket, const KernelDims &dims,
                   const StepInputs &inputs) override;
  Result<std::span<const std::byte>> output(int64_t bucket, int64_t output,
                                            int64_t rows) override;
  bool decodesAhead(int64_t bucket, const Sampling *sampling) const override;
  Result<void> decodeAhead(
      int64_t bucket, const KernelDims &dims, const StepInputs &inputs,
      int64_t steps, const Sampling *sampling,
      const std::function<bool(std::span<const int32_t>)> &onTokens) override;
  Result<void> copyPages(std::span<const PageCopy> copies) override;
  Result<double> copyBytesPerSecond() override;
  void profile(bool enabled) override;
  std::vector<LaunchTime> launchTimes() const override;

private:
  /// A launch that cuBLAS takes over.
  struct BoundProduct {
    plan::Grid::Symbol extent; // what m is in a step
    cuda::Gemm gemm;           // m is 0
    bool sameInput = false;    // as that of the launch before
  };
  /// A launch with its addresses, of a fixed shape for all steps.
  struct BoundLaunch {
    cuda::GpuKernel kernel;
    unsigned blocks = 0;
    std::vector<uint64_t> arguments; // dims last
    std::optional<BoundProduct> product;
    int64_t calls = 0;
    double seconds = 0;
  };
  struct BoundBucket {
    cuda::InputBlock inputs;
    std::vector<BoundLaunch> launches;
    std::vector<cuda::PinnedMemory> outputs; // by plan::Output, made when asked
    cuda::GraphExec graph;                   // made with the first step
    bool hasProducts = false;                // and so no graph
  };

  CudaDevice(std::shared_ptr<const cuda::OpenGpu> gpu, const Package &package,
             const DeviceLimits &limits, const CudaDeviceOptions &options)
      : gpu(std::move(gpu)), driver(*this->gpu->driver), plan(package.plan),
        limits(limits), synchronous(options.synchronous) {}

  Result<void> allocate();
  Result<void> prepareAhead();
  Result<void> prepareProducts();
  Result<void> bind(const cuda::ParameterLayout &layout);
  Result<BoundLaunch> bind(const plan::Bucket &bucket,
                           const cuda::InputBlock &inputs,
                           const plan::Launch &launch,
                           const cuda::ParameterLayout &layout);
  void bindProduct(const plan::Launch &launch, BoundBucket &bucket) const;
  uint64_t address(const plan::Argument &argument,
                   const cuda::InputBlock &inputs,
                   const cuda::ParameterLayout &layout) const;
  Result<void> copyInputs(const cuda::InputBlock &block, const KernelDims &dims,
                          const StepInputs &inputs);
  Result<void> launch(const BoundLaunch &launch, const KernelDims &dims);
  Result<void> launchProduct(const BoundProduct &product,
                             const KernelDims &dims);
  Result<void> capture(BoundBucket &bucket);
  Result<void> replay(int64_t bucket);
  Result<void> runOneByOne(int64_t bucket, const KernelDims &dims);
  Result<void> queue(int64_t bucket, const KernelDims &dims);
  Result<void> addTimes(std::vector<BoundLaunch> &launches);
  Error launchError(int64_t bucket, size_t launch, const Error &error) const;

  std::shared_ptr<const cuda::OpenGpu> gpu; // before what lives in its context
  const cuda::Driver &driver;
  const plan::Plan &plan;
  DeviceLimits limits;
  bool synchronous = false;
  bool profiling = false;

  std::optional<cuda::GpuCode> code;
  cuda::Stream stream;             // all work, in order
  cuda::DeviceMemory parameters;   // as ParameterLayout
  cuda::DeviceMemory kv;           // (layers, 2, pages, kvHeads, pageSize,
                                   // headDim)
  cuda::DeviceMemory arena;        // the largest of the buckets
  cuda::DeviceMemory inputs;       // the largest InputBlock
  cuda::PinnedMemory stagedInputs; // the same on the host
  cuda::Event inputsCopied;        // stagedInputs may be written
  std::vector<cuda::Event> marks;  // between launches, while profiling
  int64_t layerBytes = 0;          // keys or values of one layer
  int64_t pageBytes = 0;           // keys or values of one page of one layer
  std::vector<BoundBucket> buckets;
  std::optional<cuda::DecodeAhead> ahead;        // where a bucket can use it
  std::optional<cuda::SampleStep> sampling;      // the same
  std::string withoutSampling;                   // why there is none
  std::optional<cuda::LibraryProducts> products; // where a launch is one
};

} // namespace quipu

#endif // QUIPU_RUNTIME_DEVICES_CUDA_CUDADEVICE_H
