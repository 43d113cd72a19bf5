// What a problem needs, written into the C plan.
#pragma once

#include <fvattn/plugin/tensor.hpp>
#include <fvattn/plugin/workspace.hpp>

#include <initializer_list>
#include <memory>

namespace fvattn::plugin {

/// Wraps the C struct (and converts to it). The SDK adds HAS_PRE and HAS_POST only for stages that the class has.
class Plan {
 public:
  explicit Plan(fvattn_plan& out) : out_(out) {
    out_.ws_align = Workspace::kAlign;
    out_.n_saved = out_.n_outputs = 0;
    out_.flags = 0;
    out_.state = nullptr;
  }
  operator fvattn_plan&() { return out_; }
  fvattn_plan& c() { return out_; }

  /// FVATTN_PLAN_*
  Plan& flags(uint32_t flags) {
    out_.flags |= flags;
    return *this;
  }
  /// Bytes; see Workspace for a way to count them.
  Plan& workspace_forward(uint64_t bytes) {
    out_.ws_forward = bytes;
    return *this;
  }
  Plan& workspace_backward(uint64_t bytes) {
    out_.ws_backward = bytes;
    return *this;
  }
  Plan& workspace_stage(uint64_t bytes) {
    out_.ws_stage = bytes;
    return *this;
  }
  /// preprocess and postprocess are to be called, with these lengths between them.
  Plan& staged(int64_t q_len, int64_t kv_len) {
    out_.staged_q_len = q_len;
    out_.staged_kv_len = kv_len;
    return flags(FVATTN_PLAN_HAS_PRE | FVATTN_PLAN_HAS_POST);
  }
  /// A tensor that forward writes and backward reads: Call::saved(name). The name is a literal.
  Plan& save(const char* name, Dtype dtype, std::initializer_list<int64_t> shape) {
    append(out_.saved, out_.cap_saved, out_.n_saved, name, dtype, shape);
    return *this;
  }
  /// A further named result of forward: Call::out(name). The name is a literal.
  Plan& output(const char* name, Dtype dtype, std::initializer_list<int64_t> shape) {
    append(out_.outputs, out_.cap_outputs, out_.n_outputs, name, dtype, shape);
    return *this;
  }
  /// An object that every call of this plan gets as Call::plan_state<T>(). The class says `using PlanState = T;`.
  template <class T>
  Plan& state(std::unique_ptr<T> object) {
    out_.state = object.release();
    return *this;
  }

 private:
  static void append(fvattn_spec* specs, uint32_t room, uint32_t& count, const char* name, Dtype dtype,
                     std::initializer_list<int64_t> shape) {
    if (shape.size() > 8) fail(FVATTN_INTERNAL, "the tensor %s has more than 8 dimensions", name);
    if (count < room && specs) {
      fvattn_spec& spec = specs[count];
      spec = {str(name), dtype.code, dtype.bits, 0, static_cast<int32_t>(shape.size()), {}};
      size_t i = 0;
      for (const int64_t extent : shape) spec.dim[i++] = extent;
    }
    ++count; // the host calls again with more room when it was too little
  }

  fvattn_plan& out_;
};

}  // namespace fvattn::plugin
