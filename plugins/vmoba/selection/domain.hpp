// Selection in a domain of many queries, by radix refinement: no sort, no list of entries.
#pragma once

#include "gate_store.hpp"
#include "rule.hpp"

namespace vmoba {

/// Chunks [first_chunk, end_chunk) and heads [first_head, end_head) of a sequence, all of its queries.
struct DomainRange {
  int first_chunk, end_chunk, first_head, end_head;
};

/// Replaces the gates of the domain by kChosen and kLeft. Own chunks are chosen always; ties go to the lowest index.
void choose_in_domain(const GateStore& gates, const DomainRange& range, const Rule& rule);

}  // namespace vmoba
