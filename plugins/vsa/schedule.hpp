// What a problem needs in any step, and what one call does.
#pragma once

#include "metadata.hpp"

namespace vsa {

/// The problem's extra input of that name, null without.
inline const fvattn_spec* find_extra(const fvattn_problem& p, std::string_view name) {
  for (uint32_t i = 0; i < p.n_extra; ++i)
    if (fvattn::plugin::view(p.extra[i].name) == name) return &p.extra[i];
  return nullptr;
}

/// The metadata, once it fits the problem. FAILED_PRECONDITION without metadata, INVALID_ARGUMENT with the key's name when
/// the grid has another number of tokens or keys contradict the inputs.
const Metadata& checked_metadata(const fvattn_problem& p, const Metadata* meta);

/// Over all steps: the plan holds for each of them.
struct Needs {
  bool given = false;   // block lists are inputs
  bool coarse = false;  // some step has a coarse branch
  bool lists = false;   // some step attends by lists
  int width = 0;        // of the lists

  Needs(const fvattn_problem& p, const Metadata& meta);
};

/// One call.
struct Schedule {
  const Metadata& meta;
  bool given = false;   // lists are inputs
  bool coarse = false;  // out = out_s + gate * out_c
  bool every = false;   // each query attends every key: no lists
  int kept = 0;         // key blocks of a query block otherwise, where lists are not given

  explicit Schedule(const fvattn::plugin::Call& call);
  const Blocks& blocks() const { return meta.blocks(); }
};

}  // namespace vsa
