#include "distributed/nccl/entry.hpp"

#include "distributed/nccl/communicator.hpp"
#include "nccl_device.hpp"

#include <fvattn/distributed/transport.hpp>

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstring>

namespace fvattn::nccl {
namespace {

Status unavailable(std::string what, std::string got) {
  return Status::error(Code::unavailable, "nccl: " + std::move(what), std::move(got));
}

Status support(int device) {
  int count = 0;
  if (const cudaError_t error = cudaGetDeviceCount(&count); error != cudaSuccess) {
    cudaGetLastError();
    return unavailable("no GPU can be used", cudaGetErrorString(error));
  }
  if (device < 0 || device >= count) return unavailable("there is no such GPU", std::to_string(device));
  return functions().status();
}

Result<NcclVersions> versions() {
  if (!functions()) return functions().status();
  return NcclVersions{NCCL_VERSION_CODE, functions()->version};
}

std::string text_of(const ncclUniqueId& id) { return {id.internal, sizeof id.internal}; }

// Who the ranks are: a GPU each, a process each, and of rank 0 the id of the group.
Contract introduction(int rank, int device) {
  Contract mine;
  cudaDeviceProp properties{};
  if (const cudaError_t error = cudaGetDeviceProperties(&properties, device); error != cudaSuccess)
    mine.failure = unavailable("cudaGetDeviceProperties failed", cudaGetErrorString(error));
  mine.add("gpu", std::string(properties.uuid.bytes, sizeof properties.uuid.bytes), false);
  mine.add("process", process_identity(), false);
  mine.add("NCCL", functions()->version);
  ncclUniqueId id{};
  if (rank == 0)
    if (const ncclResult_t result = functions()->unique_id(&id); result != ncclSuccess)
      mine.failure = unavailable("ncclGetUniqueId failed", functions()->error_string(result));
  mine.add("id", text_of(id), false);
  return mine;
}

// NCCL would say it in a word of its own, and let the others wait.
Status check_gpus(const std::vector<Contract>& ranks) {
  for (size_t r = 0; r < ranks.size(); ++r)
    for (size_t other = 0; other < r; ++other)
      if (ranks[r].value("gpu") == ranks[other].value("gpu"))
        return unavailable("two ranks have the same GPU", "ranks " + std::to_string(other) + " and " + std::to_string(r));
  return {};
}

Result<std::shared_ptr<Communicator>> make(std::shared_ptr<Communicator> bootstrap, const NcclOptions& options) {
  const auto all = bootstrap->agree(introduction(bootstrap->rank(), options.device));
  if (!all) return all.status();
  if (Status status = check_gpus(*all); !status.ok()) return status;
  ncclUniqueId id{};
  std::memcpy(id.internal, all->front().value("id").data(), sizeof id.internal);
  // All have just met: what they wait for now is each other's start of NCCL alone.
  constexpr std::chrono::milliseconds kLeastStart{30'000};
  auto group = std::make_unique<Group>(*functions(), bootstrap->rank(), bootstrap->size());
  Contract connected;
  if (const cudaError_t error = cudaSetDevice(options.device); error != cudaSuccess)
    connected.failure = unavailable("cudaSetDevice failed", cudaGetErrorString(error));
  if (connected.failure.ok()) connected.failure = group->connect(id, std::max(options.limits.timeout, kLeastStart));
  if (const auto agreed = bootstrap->agree(connected); !agreed) return agreed.status();
  std::vector<std::string> processes;
  for (const Contract& rank : *all) processes.push_back(rank.value("process"));
  auto device = make_nccl_device(options.device, bootstrap->rank(), std::move(group), std::move(processes));
  return make_communicator(std::move(bootstrap), std::move(device), options.limits);
}

}  // namespace
}  // namespace fvattn::nccl

extern "C" __attribute__((visibility("default"))) const fvattn::nccl::Entry* fvattn_nccl_entry_1() {
  static constexpr fvattn::nccl::Entry kAll{fvattn::nccl::support, fvattn::nccl::versions, fvattn::nccl::make};
  return &kAll;
}
