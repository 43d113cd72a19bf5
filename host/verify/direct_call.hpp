// A backend called through its C table alone, in memory that shows every mistake: what the layers promise to a plugin,
// and nothing more.
#pragma once

#include "verify/guarded_tensor.hpp"

#include <fvattn/attention_backend.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace fvattn::verify {

using Guarded = std::map<std::string, GuardedTensor>;

/// What surrounds a call.
struct Setting {
  Problem problem;
  std::shared_ptr<const AttentionMetadata> metadata;
  KeyValues options;
  int64_t step = 0, total_steps = 0;
};

struct Outputs {
  GuardedTensor o, lse;  // lse only if the problem asks for it
  Guarded others;        // outputs of the plan, by name
  Guarded saved;         // by their names with "saved:"
};

/// One problem with its plan. Every buffer that a call may write is made by the call: guarded, and filled with bytes
/// `poison`.
class DirectCall {
 public:
  static Result<DirectCall> prepare(const AttentionBackend& backend, const Device& device, Setting setting);

  /// preprocess, forward and postprocess as planned. `in`: q, k, v and the extras; o gets their layout `layout`.
  Result<Outputs> forward(const Guarded& in, Layout layout, int poison);
  /// d_q, d_k, d_v, and d_<name> for each of `wanted`.
  Result<Guarded> backward(const Guarded& in, const Outputs& of_forward, const GuardedTensor& d_o, Layout layout, int poison,
                           const std::vector<std::string>& wanted = {});
  /// tile_counts first, then all the rest; empty if the backend does not describe.
  Result<Guarded> describe(const Guarded& in);

  const AttentionPlan& plan() const { return plan_; }
  /// Names of buffers around which somebody wrote, or inputs that somebody changed, since the last look.
  std::vector<std::string> take_damage();

 private:
  using Stage = Status (AttentionImpl::*)(const fvattn_call&);
  DirectCall(const AttentionBackend& backend, Setting setting) : backend_(&backend), setting_(std::move(setting)) {}
  Status run(Stage stage, const Guarded& in, const Guarded& out, uint64_t workspace_bytes, at::Device device, int poison);
  Guarded staged(const Guarded& in, at::Device device, int poison) const;
  void look_at(const Guarded& buffers, bool inputs);

  const AttentionBackend* backend_;
  Setting setting_;
  std::unique_ptr<AttentionImpl> impl_;
  AttentionPlan plan_;
  std::vector<std::string> damage_;
};

}  // namespace fvattn::verify
