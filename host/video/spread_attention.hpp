// The attention of one backend over several ranks: rank 0 has the window and gets the result.
#pragma once

#include "video/prepared_attention.hpp"

#include "ranks/ranks.hpp"

#include <fvattn/torch/distributed_attention.hpp>

namespace fvattn::video {

/// What rank 0 tells the others to do, in order; see host::Ranks::tell.
namespace task {
inline constexpr const char* kName = "task";
inline constexpr const char *kPrepare = "prepare", *kAttend = "attend", *kEnd = "end";  // values
inline constexpr const char *kRequest = "request", *kGrid = "grid";                      // facts of kPrepare
inline constexpr const char* kPass = "pass";                                             // fact of kAttend
}  // namespace task

class SpreadAttention {
 public:
  SpreadAttention(host::Ranks& ranks, const PreparedAttention& prepared);

  /// On all ranks at once. q, k, v [1, tokens, heads, D] whole on rank 0, of that shape elsewhere. Gives o on rank 0.
  Result<at::Tensor> attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

 private:
  host::Ranks& ranks_;
  const PreparedAttention prepared_;
  DistributedAttention layer_;
};

/// Does what rank 0 tells until it says that this was all. Rank 0 does not call it.
Status serve(host::Ranks& ranks, const class DenoiseOptions& options);

}  // namespace fvattn::video
