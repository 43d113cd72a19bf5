// SLIDING_TILE_ATTN: each query sees the tiles of a 3-D window around its own tile of the token grid, and all text.
#pragma once

#include "metadata.hpp"
#include "schedule.hpp"

#include <fvattn/plugin.hpp>

#include <string>

namespace sta {

class SlidingTileAttention {
 public:
  static constexpr const char* name = "SLIDING_TILE_ATTN";
  static constexpr const char* doc = "sparse: a sliding 3-D window of tiles, chosen per head, layer and denoising step";
  static constexpr bool approximate = true;
  using PlanState = Schedule;

  static fvattn::plugin::Schema meta_keys();
  static fvattn::plugin::Schema option_keys();
  static void query(const fvattn_device& device, const fvattn_problem& p, fvattn::plugin::Support& support);
  static Metadata meta_build(const fvattn_device&, const fvattn::plugin::KeyValues& values, void*) {
    return Metadata(values);
  }

  explicit SlidingTileAttention(const fvattn_impl_desc& desc);
  /// Decides everything but the step: the plan's state is a Schedule. Saves `lse` for backward, in the type that the
  /// kernels compute in.
  void plan(const fvattn_problem& p, const Metadata* metadata, fvattn::plugin::Plan& plan);
  void forward(const fvattn::plugin::Call& call);
  void backward(const fvattn::plugin::Call& call);
  void describe(const fvattn::plugin::Call& call);

 private:
  bool on_gpu_, hopper_;
  std::string strategy_file_;  // FASTVIDEO_ATTENTION_CONFIG, empty when it is not set
};

}  // namespace sta
