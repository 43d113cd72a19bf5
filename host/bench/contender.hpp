// One backend on one workload, ready to be called.
#pragma once

#include "bench/timer.hpp"
#include "bench/workload.hpp"

#include <fvattn/forward_context.hpp>
#include <fvattn/torch/local_attention.hpp>

#include <memory>
#include <optional>

namespace fvattn::bench {

struct Operands {
  at::Tensor q, k, v, gate, d_o;  // fresh N(0,1); the gate is for backends that take one

  static Operands random(const Workload& workload, at::ScalarType dtype, at::Device place);
};

class Contender {
 public:
  /// Selects `backend` by name and plans the call; UNAVAILABLE with its reasons if it cannot serve. Parameters of the
  /// workload that it does not know are left out, and named in unused().
  static Result<std::unique_ptr<Contender>> prepare(const std::string& backend, const Workload& workload,
                                                    const Operands& operands, bool backward);

  const AttentionBackend& backend() const { return *backend_; }
  const std::vector<std::string>& unused() const { return unused_; }
  /// The layer that serves it, and what is open around its calls.
  const LocalAttentionOptions& layer_options() const { return layer_->options(); }
  const std::shared_ptr<const ForwardContext>& context() const { return context_; }
  /// One forward, without recording.
  at::Tensor forward() const;
  /// One backward of a forward that was recorded beforehand.
  void backward() const;
  /// Attended pairs over batch and heads: `describe` for a backend that chooses keys, else the formula.
  int64_t pairs() const;
  /// Relative L2 error of o against float64 on a sample of query rows; the gate shut.
  double error() const;

 private:
  Contender(const AttentionBackend& backend, const Workload& workload, const Operands& operands)
      : backend_(&backend), workload_(workload), operands_(operands) {}
  Extras extras(bool shut) const;
  std::optional<CallDescription> description(bool with_tiles) const;

  const AttentionBackend* backend_;
  Workload workload_;
  Operands operands_;
  LocalAttention layer_{nullptr};
  bool takes_gate_ = false;
  std::shared_ptr<const ForwardContext> context_;
  std::vector<std::string> unused_;
  at::Tensor recorded_;  // o with its graph
  std::vector<at::Tensor> leaves_;
};

}  // namespace fvattn::bench
