#include "schedule.hpp"

namespace vsa {

using namespace fvattn::plugin;

const Metadata& checked_metadata(const fvattn_problem& p, const Metadata* meta) {
  if (!meta)
    fail(FVATTN_FAILED_PRECONDITION,
         "no metadata came; build it for VIDEO_SPARSE_ATTN with the key dit_seq_shape and open a forward context with it");
  const Blocks& blocks = meta->blocks();
  if (p.q_len != blocks.length())
    fail(FVATTN_INVALID_ARGUMENT, "dit_seq_shape %s has %lld tokens%s, q has %lld",
         fvattn::vsa::detail::text(blocks.grid).c_str(), static_cast<long long>(blocks.length()),
         blocks.tiled ? " in the tiled layout, padding included" : "", static_cast<long long>(p.q_len));
  if (const fvattn_spec* index = find_extra(p, "block_index")) {
    if (index->dim[2] != blocks.count)
      fail(FVATTN_INVALID_ARGUMENT, "block_index has lists for %lld query blocks, the grid %s has %d",
           static_cast<long long>(index->dim[2]), fvattn::vsa::detail::text(blocks.grid).c_str(), blocks.count);
    if (meta->any_sparsity())
      fail(FVATTN_INVALID_ARGUMENT, "VSA_sparsity and block_index both say which blocks to keep; give one of them");
  }
  return *meta;
}

Needs::Needs(const fvattn_problem& p, const Metadata& meta) {
  if (meta.always_dense(p.layer_index)) return;
  if (const fvattn_spec* index = find_extra(p, "block_index")) {
    given = lists = true;
    width = static_cast<int>(index->dim[3]);
    return;
  }
  coarse = true;
  width = meta.most_kept(p.layer_index, lists);
}

Schedule::Schedule(const Call& call) : meta(checked_metadata(call.problem(), call.meta<Metadata>())) {
  const int layer = call.problem().layer_index;
  if (meta.dense(call.step(), layer)) {
    every = true;
  } else if (call.find("block_index")) {
    given = true;
  } else {
    coarse = true;
    kept = meta.kept(call.step(), layer);
    every = kept == blocks().count;
  }
}

}  // namespace vsa
