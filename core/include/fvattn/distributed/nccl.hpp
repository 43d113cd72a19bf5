// Ranks on GPUs, one GPU a rank, that send each other messages by NCCL.
#pragma once

#include <fvattn/distributed/communicator.hpp>

#include <memory>
#include <string>

namespace fvattn FVATTN_PUBLIC {

struct NcclOptions {
  int device = 0;  // this rank's GPU; no two ranks may have the same
  CommunicatorOptions limits;
};

/// The transport `nccl` over a communicator of the same ranks, which carries NCCL's unique id and agreement and belongs to
/// it from then on. Collective. One group of messages moves all tensors of an exchange; what does not lie in one piece is
/// packed before it or unpacked after it, once. Opens libfvattn_nccl.so beside libfvattn.so, and with it the NCCL that the
/// process has loaded already, else libnccl.so.2 where the loader looks. Sets NCCL_NVLS_ENABLE=0 in the environment unless
/// it is set: multicast stays off. An error on one rank is one on all: UNAVAILABLE without that library, without a GPU, with
/// an NCCL older than the one that fvattn was built with, and where two ranks share a GPU.
Result<std::shared_ptr<Communicator>> make_nccl_communicator(std::shared_ptr<Communicator> bootstrap,
                                                             const NcclOptions& options);

/// OK if this process could take part with that GPU, else why not. Not collective.
Status nccl_support(int device);

/// The versions as NCCL counts them (22809 = 2.28.9): of the header that fvattn was built with, and of the library that is
/// used here. UNAVAILABLE without either.
struct NcclVersions {
  int header = 0, library = 0;
};
Result<NcclVersions> nccl_versions();

}  // namespace fvattn
