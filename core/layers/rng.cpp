#include "rng.hpp"

#include <ATen/CPUGeneratorImpl.h>

#include <mutex>

namespace fvattn {

Result<fvattn_rng> make_rng(const std::optional<int64_t>& seed, bool capturing) {
  fvattn_rng rng{};
  if (seed) {
    rng.seed = static_cast<uint64_t>(*seed);
    return rng;
  }
  if (capturing)
    return Status::error(Code::failed_precondition,
                         "dropout in a captured graph would drop the same elements in each replay", "no seed", {},
                         "give a dropout_seed, or leave the module in eval mode");
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  const std::lock_guard lock(generator.mutex());
  rng.seed = at::check_generator<at::CPUGeneratorImpl>(generator)->random64();
  return rng;
}

}  // namespace fvattn
