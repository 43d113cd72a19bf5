#include "cuda_device.hpp"

#include "copy_engines.hpp"
#include "kernels.cuh"
#include "side_stream.hpp"

#include <cstring>
#include <new>
#include <set>

namespace fvattn::peer {
namespace {

Status check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return {};
  cudaGetLastError();
  return Status::error(Code::unavailable, std::string("peer: ") + what + " failed", cudaGetErrorString(error));
}

std::string hex(const void* bytes, size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) {
    constexpr const char* kDigits = "0123456789abcdef";
    const auto byte = static_cast<const unsigned char*>(bytes)[i];
    text += {kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return text;
}

bool from_hex(const std::string& text, void* bytes, size_t count) {
  if (text.size() != 2 * count) return false;
  for (size_t i = 0; i < count; ++i)
    static_cast<unsigned char*>(bytes)[i] = static_cast<unsigned char>(std::stoi(text.substr(2 * i, 2), nullptr, 16));
  return true;
}

class CudaDevice final : public Device {
 public:
  CudaDevice(int number, bool shares_addresses, const Watch& watch)
      : number_(number), shares_addresses_(shares_addresses), watch_(watch) {}
  ~CudaDevice() override {
    stop();
    cudaFreeHost(watch_.host);
    if (use().ok()) cudaFree(watch_.failed);
  }

  int number() const override { return number_; }
  Result<std::byte*> allocate(int64_t bytes) override {
    void* memory = nullptr;
    if (Status status = use(); !status.ok()) return status;
    // Not from a pool: only whole allocations have handles.
    if (Status status = check(cudaMalloc(&memory, static_cast<size_t>(bytes)), "cudaMalloc"); !status.ok()) return status;
    if (Status status = check(cudaMemset(memory, 0, static_cast<size_t>(bytes)), "cudaMemset"); !status.ok()) return status;
    if (Status status = check(cudaDeviceSynchronize(), "cudaDeviceSynchronize"); !status.ok()) return status;
    return static_cast<std::byte*>(memory);
  }
  void release(std::byte* memory) override {
    if (use().ok()) cudaFree(memory);
  }
  Result<std::string> handle_of(std::byte* memory) override {
    if (shares_addresses_) {
      const Address address{memory, number_};
      return hex(&address, sizeof address);
    }
    cudaIpcMemHandle_t handle;
    if (Status status = check(cudaIpcGetMemHandle(&handle, memory), "cudaIpcGetMemHandle"); !status.ok()) return status;
    return hex(&handle, sizeof handle);
  }
  Result<std::byte*> open(const std::string& handle) override {
    const Status malformed = Status::error(Code::internal, "that is no handle of memory", handle);
    if (Status status = use(); !status.ok()) return status;
    if (shares_addresses_) {
      Address address{};
      if (!from_hex(handle, &address, sizeof address)) return malformed;
      shares_gpu_ = shares_gpu_ || address.device == number_;
      if (address.device != number_) {
        const cudaError_t error = cudaDeviceEnablePeerAccess(address.device, 0);
        if (error == cudaErrorPeerAccessAlreadyEnabled) cudaGetLastError();
        else if (Status status = check(error, "cudaDeviceEnablePeerAccess"); !status.ok()) return status;
      }
      return address.memory;
    }
    cudaIpcMemHandle_t ipc;
    if (!from_hex(handle, &ipc, sizeof ipc)) return malformed;
    void* memory = nullptr;
    if (Status status = check(cudaIpcOpenMemHandle(&memory, ipc, cudaIpcMemLazyEnablePeerAccess), "cudaIpcOpenMemHandle");
        !status.ok())
      return status;
    return static_cast<std::byte*>(memory);
  }
  void close(std::byte* memory) override {
    if (!shares_addresses_ && use().ok()) cudaIpcCloseMemHandle(memory);
  }

  Status prepare(void* stream) override {
    const auto s = static_cast<cudaStream_t>(stream);
    if (!shares_gpu_ || is_recorded(s)) return {};
    if (Status status = use(); !status.ok()) return status;
    // The first work on a stream may not start while a kernel of another stream of this process runs, such as one that waits
    // for it (two to four ranks on one H100: every fourth time; never on a stream that had been used).
    unsigned long long id = 0;
    if (Status status = check(cudaStreamGetId(s, &id), "cudaStreamGetId"); !status.ok()) return status;
    if (!used_.insert(id).second) return {};
    if (Status status = check(side_.make(), "making a stream"); !status.ok()) return status;
    for (cudaStream_t first : {s, side_.get()})
      if (Status status = check(use_once(first), "the first use of a stream"); !status.ok()) return status;
    return {};
  }
  Status run(const Work& work, void* stream) override {
    if (Status status = use(); !status.ok()) return status;
    const auto s = static_cast<cudaStream_t>(stream);
    const auto limit_ns = static_cast<uint64_t>(std::chrono::nanoseconds(work.limit).count());
    const Push& first = work.pushes.front();
    if (first.enters) enter_kernel<<<1, 1, 0, s>>>(first, watch_, limit_ns);
    if (Status status = move(work, s); !status.ok()) return status;
    complete_kernel<<<1, 128, 0, s>>>(first, watch_, limit_ns);
    for (const CopyOut& out : work.copies) copy_out_kernel<<<out.shape.writers, kThreads, 0, s>>>(out, watch_);
    return check(cudaGetLastError(), "a launch");
  }
  int lost() const override { return *const_cast<volatile int*>(&watch_.host->lost); }
  void stop() override { *const_cast<volatile int*>(&watch_.host->stop) = 1; }
  Status finish(void* stream) override {
    if (Status status = use(); !status.ok()) return status;
    return check(cudaStreamSynchronize(static_cast<cudaStream_t>(stream)), "cudaStreamSynchronize");
  }

 private:
  struct Address {
    std::byte* memory;
    int device;
  };
  // A last push of what the rank keeps runs beside those that wait for links; copy engines would be slow at it.
  Status move(const Work& work, cudaStream_t s) {
    const auto keeps = [](const Push& push) { return push.peer[0] == push.rank; };
    // A graph with branches has streams of its own, whose first use would be as in prepare().
    const bool beside = work.pushes.size() > 1 && keeps(work.pushes.back()) && !(shares_gpu_ && is_recorded(s));
    if (beside)
      if (Status status = check(side_.fork(s), "a fork of the stream"); !status.ok()) return status;
    for (const Push& push : work.pushes) {
      if (work.by_copy_engines && !keeps(push)) {
        if (Status status = check(copy_to_peers(push, s), "a copy to another GPU"); !status.ok()) return status;
        signal_kernel<<<1, 128, 0, s>>>(push, watch_);
      } else {
        push_kernel<<<push.shape.writers, kThreads, 0, beside && keeps(push) ? side_.get() : s>>>(push, watch_);
      }
    }
    return beside ? check(side_.join(s), "a join of the stream") : Status();
  }
  static bool is_recorded(cudaStream_t s) {
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    const cudaError_t error = cudaStreamIsCapturing(s, &status);
    if (error != cudaSuccess) cudaGetLastError();  // the default stream, while another one is
    return error != cudaSuccess || status != cudaStreamCaptureStatusNone;
  }
  Status use() const { return check(cudaSetDevice(number_), "cudaSetDevice"); }

  const int number_;
  const bool shares_addresses_;
  const Watch watch_;
  SideStream side_;
  bool shares_gpu_ = false;  // with another rank of this process
  std::set<unsigned long long> used_;  // streams, by their ids, where it does
};

}  // namespace

Result<std::unique_ptr<Device>> make_cuda_device(int number, bool shares_addresses) {
  if (Status status = check(cudaSetDevice(number), "cudaSetDevice"); !status.ok()) return status;
  void *host = nullptr, *failed = nullptr;
  Status status = check(cudaHostAlloc(&host, sizeof(Trouble), cudaHostAllocMapped | cudaHostAllocPortable), "cudaHostAlloc");
  if (status.ok()) status = check(cudaMalloc(&failed, sizeof(int)), "cudaMalloc");
  if (status.ok()) status = check(cudaMemset(failed, 0, sizeof(int)), "cudaMemset");
  if (status.ok()) status = check(load_kernels(), "loading the kernels");
  if (!status.ok()) {
    cudaFree(failed);
    cudaFreeHost(host);
    return status;
  }
  const Watch watch{new (host) Trouble, static_cast<int*>(failed)};
  return std::unique_ptr<Device>(std::make_unique<CudaDevice>(number, shares_addresses, watch));
}

}  // namespace fvattn::peer
