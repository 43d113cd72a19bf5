#include "bench/dist/torch_group.hpp"

namespace fvattn::bench::dist {

Result<std::shared_ptr<Communicator>> open_torch_group(const Member&, const CommunicatorOptions&) {
  return Status::error(Code::unavailable, "this build cannot make a process group of torch by itself",
                       "no nccl.h or no CUDA", {}, "a Python program hands its group in");
}

}  // namespace fvattn::bench::dist
