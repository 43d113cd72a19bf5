#include "schedule.hpp"

namespace vmoba::cpu {

using namespace fvattn::plugin;

const Config& config_of(const Call& call) {
  const auto* config = call.meta<Config>();
  if (!config)
    fail(FVATTN_INVALID_ARGUMENT, "the call has no metadata; build it for VMOBA_ATTN and put it into the context");
  return *config;
}

Schedule::Schedule(const Call& call) : problem_(call.problem()), limits_(limits_of(problem_, config_of(call))) {
  const Config& config = config_of(call);
  if (!config.dense(call.step(), problem_.layer_index))
    partition_.emplace(call, config, limits_);
  else if (is_varlen(problem_))
    cu_ = checked_sequences(call);
}

}  // namespace vmoba::cpu
