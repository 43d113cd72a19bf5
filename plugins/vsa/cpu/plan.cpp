#include "dispatch.hpp"

namespace vsa::cpu {

void plan(const fvattn_problem& p, const Metadata& meta, fvattn::plugin::Plan& plan) {
  plan.workspace_forward(forward_bytes(p, meta)).workspace_backward(backward_bytes(p, meta));
}

}  // namespace vsa::cpu
