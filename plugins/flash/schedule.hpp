// Which policy serves a call, and what that policy points to.
#pragma once

#include <fvattn/engine/policies/dense.hpp>
#include <fvattn/engine/policies/key_padding.hpp>
#include <fvattn/engine/policies/varlen.hpp>
#include <fvattn/plugin.hpp>

namespace flash {

using fvattn::plugin::Call;
using fvattn::plugin::Workspace;

inline bool is_causal(const fvattn_problem& p) { return p.flags & FVATTN_PROBLEM_CAUSAL; }
inline bool is_varlen(const fvattn_problem& p) { return p.flags & FVATTN_PROBLEM_VARLEN; }
/// The problem's extra input of that name, null without.
inline const fvattn_spec* find_extra(const fvattn_problem& p, std::string_view name) {
  for (uint32_t i = 0; i < p.n_extra; ++i)
    if (fvattn::plugin::view(p.extra[i].name) == name) return &p.extra[i];
  return nullptr;
}

/// Key-padding masks as the policy wants them. Words cover whole key tiles of up to 256 keys.
struct KeyBits {
  std::uint32_t* valid = nullptr;              // [batch, words]
  fvattn::engine::KeyRange* ranges = nullptr;  // [batch]
  int words = 0;

  KeyBits() = default;
  KeyBits(const fvattn_problem& p, Workspace& workspace);
};

/// mask: bool or integers on the CPU, [kv_len], [batch or 1, kv_len] or [batch or 1, 1, 1, kv_len]; non-zero: attend.
void fill_key_bits(const fvattn_problem& p, const fvattn_tensor& mask, const KeyBits& bits);

/// cu_seqlens of a call: starts at 0, never falls, ends at `length`. INVALID_ARGUMENT otherwise.
const int* checked_sequences(const Call& call, const char* name, int64_t length);

/// The policy of a call whose tensors are in host memory. Takes the mask's bits from `workspace`.
class CpuSchedule {
 public:
  CpuSchedule(const Call& call, Workspace& workspace);
  static void measure(const fvattn_problem& p, Workspace& workspace) {
    if (find_extra(p, "mask")) KeyBits(p, workspace);
  }

  /// body(policy)
  template <class Body>
  void visit(Body&& body) const {
    if (is_causal(problem_))
      visit_as<true>(body);
    else
      visit_as<false>(body);
  }

 private:
  template <bool kCausal, class Body>
  void visit_as(Body&& body) const {
    using namespace fvattn::engine;
    const LinearMap q{static_cast<int>(problem_.q_len)}, kv{static_cast<int>(problem_.kv_len)};
    if (cu_q_)
      body(VarlenPolicy<kCausal>{q, kv, cu_q_, cu_k_, sequences_});
    else if (bits_.valid)
      body(KeyPaddingPolicy<kCausal>{{q, kv}, bits_.valid, bits_.ranges, bits_.words});
    else
      body(DensePolicy<kCausal>{q, kv});
  }

  const fvattn_problem& problem_;
  KeyBits bits_;
  const int *cu_q_ = nullptr, *cu_k_ = nullptr;
  int sequences_ = 0;
};

}  // namespace flash
