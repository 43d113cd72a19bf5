#include "bench/dist/reference_steps.hpp"
#include "bench/dist/torch_group.hpp"

namespace fvattn::bench::dist {
namespace {

Status no_group() {
  return Status::error(Code::unavailable, "this build cannot make a process group of torch by itself",
                       "no nccl.h or no CUDA", {}, "a Python program hands its group in");
}

}  // namespace

Result<std::shared_ptr<Communicator>> open_torch_group(const Member&, const CommunicatorOptions&) { return no_group(); }
Result<std::unique_ptr<ReferenceSteps>> ReferenceSteps::open(const Member&, const CommunicatorOptions&) {
  return no_group();
}

}  // namespace fvattn::bench::dist
