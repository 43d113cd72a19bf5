// Who is verified: one backend on one device, and what a case means to it.
#pragma once

#include "verify/direct_call.hpp"

#include <ATen/Generator.h>

namespace fvattn::verify {

struct Subject {
  const AttentionBackend* backend = nullptr;
  const Device* device = nullptr;
  at::Device place = at::kCPU;
  KeyValues parameters;  // of the user; win over the usual ones of grid cases
};

/// The problem of a case without flags for gradients and lse.
Problem problem_of(const Case& c, at::ScalarType dtype);

/// Fresh random inputs: q, k, v, then mask or cu_seqlens. Extras that a backend wants beside q and have its shape are
/// zero: a gate that is shut, so that o is attention over the chosen keys alone.
Guarded inputs_of(const Subject& subject, const Case& c, at::ScalarType dtype, at::Generator& generator);

/// bool, broadcasts to [B, H, Sq, Sk]: what mask or packing leave to see, causality aside; undefined for everything.
at::Tensor seen_by_definition(const Case& c, const Guarded& inputs);

/// Problem (with the specs of `inputs`), metadata and options. Keys of run_contract that a grid case needs are filled in
/// where the backend's schema knows them.
Result<Setting> setting_of(const Subject& subject, const Case& c, at::ScalarType dtype, const Guarded& inputs,
                           uint32_t flags);

}  // namespace fvattn::verify
