// One call of forward, backward, a stage or describe.
#pragma once

#include <fvattn/plugin/host.hpp>
#include <fvattn/plugin/key_values.hpp>
#include <fvattn/plugin/workspace.hpp>

namespace fvattn::plugin {

/// A view of fvattn_call; valid while the call runs.
class Call {
 public:
  explicit Call(const fvattn_call& call) : call_(call) {}

  /// An input by name, INVALID_ARGUMENT when it did not come. find() gives null instead.
  const fvattn_tensor& in(std::string_view name) const { return need(find(name), "input", name); }
  const fvattn_tensor* find(std::string_view name) const { return look_up(call_.in, call_.n_in, name, {}); }
  const fvattn_tensor& out(std::string_view name) const { return need(find_out(name), "output", name); }
  const fvattn_tensor* find_out(std::string_view name) const { return look_up(call_.out, call_.n_out, name, {}); }
  /// What plan saved under this name: to be written in forward, to be read in backward. Null in find_saved when the
  /// host did not ask for it (no gradient is needed).
  const fvattn_tensor& saved(std::string_view name) const { return need(find_saved(name), "saved tensor", name); }
  const fvattn_tensor* find_saved(std::string_view name) const {
    const fvattn_tensor* t = look_up(call_.out, call_.n_out, name, "saved:");
    return t ? t : look_up(call_.in, call_.n_in, name, "saved:");
  }

  const fvattn_problem& problem() const { return *call_.problem; }
  /// The key-values of the metadata, as built.
  KeyValues meta_values() const { return KeyValues(call_.problem->meta); }
  /// The backend's own metadata object (what meta_build returned), null when the context has none.
  template <class M>
  const M* meta() const {
    return static_cast<const M*>(call_.meta);
  }
  /// What plan stored by Plan::state.
  template <class T>
  T& plan_state() const {
    return *static_cast<T*>(call_.plan_state);
  }

  void* stream() const { return call_.stream; }
  /// The CUDA device of the tensors, -1 on the CPU.
  int32_t device() const {
    const fvattn_arg* any = call_.n_in ? call_.in : call_.n_out ? call_.out : nullptr;
    return any && any->t.device_type == FVATTN_CUDA ? any->t.device_id : -1;
  }
  Workspace workspace() const { return Workspace(call_.workspace); }
  DeviceBuffer alloc(uint64_t bytes, uint64_t align = Workspace::kAlign) const {
    return device_alloc(device(), stream(), bytes, align);
  }

  int64_t step() const { return call_.step; }
  int64_t total_steps() const { return call_.total_steps; }
  double timestep() const { return call_.timestep; }
  bool capturing() const { return call_.flags & FVATTN_CALL_CAPTURING; }
  bool cfg_negative() const { return call_.flags & FVATTN_CALL_CFG_NEGATIVE; }
  /// Null when the problem has no use for random numbers.
  const fvattn_rng* rng() const { return call_.rng; }

  const fvattn_call& c() const { return call_; }

 private:
  static const fvattn_tensor* look_up(const fvattn_arg* args, uint32_t n, std::string_view name, std::string_view prefix) {
    for (uint32_t i = 0; i < n; ++i) {
      const std::string_view full = view(args[i].name);
      const bool fits = full.size() == prefix.size() + name.size() && full.substr(0, prefix.size()) == prefix;
      if (fits && full.substr(prefix.size()) == name) return &args[i].t;
    }
    return nullptr;
  }
  static const fvattn_tensor& need(const fvattn_tensor* t, const char* what, std::string_view name) {
    if (!t) fail(FVATTN_INVALID_ARGUMENT, "the %s %.*s did not come", what, static_cast<int>(name.size()), name.data());
    return *t;
  }

  const fvattn_call& call_;
};

}  // namespace fvattn::plugin
