#include "extra_place.hpp"

#include <algorithm>

namespace fvattn {
namespace {

Status misfit(const NamedTensor& extra, std::string accepted) {
  std::string sizes;
  for (const int64_t size : extra.tensor.sizes()) sizes.append(sizes.empty() ? "" : ", ").append(std::to_string(size));
  return Status::error(Code::invalid_argument, "the input '" + extra.name + "' cannot be spread over ranks",
                       "[" + sizes + "]", std::move(accepted));
}

const Ranges* heads_for(int64_t count, const LayerShape& shape, const HeadSplit& heads) {
  return count == shape.heads ? &heads.q : count == shape.kv_heads ? &heads.kv : nullptr;
}

}  // namespace

Result<ExtraPlace> place_of(const NamedTensor& extra, int32_t shard, const ShardedInputs& in, const LayerShape& shape,
                            const HeadSplit& heads, size_t rank) {
  const at::Tensor& t = extra.tensor;
  ExtraPlace place;
  place.shard = shard;
  const bool by_rows = shard == FVATTN_SHARD_SEQ_HEADS || shard == FVATTN_SHARD_SEQ;
  if (by_rows && in.text_rows() > 0)
    return Status::error(Code::invalid_argument,
                         "the input '" + extra.name + "' has no rows for the replicated tokens", {}, "a call without them");
  if (by_rows && (t.dim() < 2 || t.size(0) != in.q.size(0) || t.size(1) != in.q.size(1)))
    return misfit(extra, "[B, s, ...] with the batch and the rows of q");
  if (shard == FVATTN_SHARD_SEQ) place.heads.assign(heads.q.size(), {0, 1});
  if (shard == FVATTN_SHARD_SEQ_HEADS) {
    const Ranges* ranges = t.dim() > 2 ? heads_for(t.size(2), shape, heads) : nullptr;
    if (ranges == nullptr) return misfit(extra, "[B, s, H, ...] with the heads of q or of k");
    place.heads = *ranges;
  }
  if (shard == FVATTN_SHARD_HEADS) {
    place.slice_dim = t.dim() > 1 ? 1 : 0;
    if (t.dim() == 0 || t.size(place.slice_dim) == 1) return place;  // one value for all heads
    const Ranges* ranges = heads_for(t.size(place.slice_dim), shape, heads);
    if (ranges == nullptr) return misfit(extra, "[H] or [B, H, ...] with the heads of q or of k");
    place.slice = (*ranges)[rank];
  }
  return place;
}

std::optional<int32_t> shard_in_schema(const AttentionBackend& backend, const std::string& name) {
  for (const TensorKey& key : backend.tensor_keys())
    if (key.name == name) return key.shard;
  return std::nullopt;
}

int32_t shard_by_shape(const at::Tensor& t, const ShardedInputs& in, const LayerShape& shape) {
  const bool like_q = t.dim() >= 3 && t.size(0) == in.q.size(0) && t.size(1) == in.q.size(1) &&
                      (t.size(2) == shape.heads || t.size(2) == shape.kv_heads);
  return like_q ? FVATTN_SHARD_SEQ_HEADS : FVATTN_SHARD_REPLICATED;
}

}  // namespace fvattn
