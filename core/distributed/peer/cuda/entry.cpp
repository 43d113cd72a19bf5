#include "distributed/peer/entry.hpp"

#include "cuda_device.hpp"
#include "distributed/peer/communicator.hpp"

#include <cuda_runtime_api.h>

namespace fvattn::peer {
namespace {

Status unavailable(std::string what, std::string got) {
  return Status::error(Code::unavailable, "peer: " + std::move(what), std::move(got));
}

Status support(int device) {
  int count = 0;
  if (const cudaError_t error = cudaGetDeviceCount(&count); error != cudaSuccess) {
    cudaGetLastError();
    return unavailable("no GPU can be used", cudaGetErrorString(error));
  }
  if (device < 0 || device >= count) return unavailable("there is no such GPU", std::to_string(device));
  int addressing = 0, major = 0;
  cudaDeviceGetAttribute(&addressing, cudaDevAttrUnifiedAddressing, device);
  cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
  constexpr int kLeastMajor = 8;
  if (addressing == 0 || major < kLeastMajor)
    return unavailable("the GPU is too old", "compute capability " + std::to_string(major) + ".x");
  return {};
}

Result<std::shared_ptr<Communicator>> make(std::shared_ptr<Communicator> bootstrap, const PeerOptions& options) {
  auto device = make_cuda_device(options.device, options.shares_addresses);
  // All or none, as in make_peer_communicator.
  Contract mine;
  mine.failure = device.status();
  if (const auto all = bootstrap->agree(mine); !all) return all.status();
  return make_communicator(std::move(bootstrap), std::move(*device),
                           {options.shares_addresses, options.writers, options.limits, options.copy_engines});
}

}  // namespace
}  // namespace fvattn::peer

extern "C" __attribute__((visibility("default"))) const fvattn::peer::Entry* fvattn_peer_entry_1() {
  static constexpr fvattn::peer::Entry kAll{fvattn::peer::support, fvattn::peer::make};
  return &kAll;
}
