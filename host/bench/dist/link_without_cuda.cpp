#include "bench/dist/link.hpp"

namespace fvattn::bench::dist {

Status link_support() {
  return Status::error(Code::unavailable, "this build of fvattn has no device code", {}, {},
                       "build it with -DFVATTN_CUDA=ON");
}
Result<bool> can_reach(int, int) { return link_support(); }
void hold(at::Device, double) {}
Result<std::unique_ptr<Link>> Link::open(const Member& member, int64_t) { return member.all_well(link_support()); }

}  // namespace fvattn::bench::dist
