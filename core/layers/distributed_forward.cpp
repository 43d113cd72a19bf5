#include "distributed_forward.hpp"

#include "distributed_exchange.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include <optional>

namespace fvattn {
namespace {

at::Tensor with_rows_and_heads(const at::Tensor& t, int64_t rows, int64_t heads, const at::TensorOptions& options) {
  std::vector<int64_t> sizes = t.sizes().vec();
  sizes[1] = rows;
  sizes[2] = heads;
  return at::empty(sizes, options);
}
at::Tensor with_rows_and_heads(const at::Tensor& t, int64_t rows, int64_t heads) {
  return with_rows_and_heads(t, rows, heads, t.options());
}

at::Tensor sliced(const ExtraPlace& place, const at::Tensor& t) {
  return place.slice.size == 0 ? t : t.narrow(place.slice_dim, place.slice.begin, place.slice.size);
}

void put_text(const DistributedCall& call, const at::Tensor& text, const Range& heads, const at::Tensor& whole) {
  if (text.defined())
    whole.narrow(1, call.all_rows(), call.text_rows).copy_(text.narrow(2, heads.begin, heads.size));
}

// The tensors of `whole` that are exchanged, in the order of add_scattered().
std::vector<at::Tensor*> scattered(const DistributedCall& call, Inputs& whole) {
  std::vector<at::Tensor*> all{&whole.q, &whole.k, &whole.v};
  for (size_t i = 0; i < call.extras.size(); ++i)
    if (call.extras[i].shard == FVATTN_SHARD_SEQ_HEADS || call.extras[i].shard == FVATTN_SHARD_SEQ)
      all.push_back(&whole.extras[i].tensor);
  return all;
}

void add_scattered(TensorExchange& scatter, const DistributedCall& call, const ShardedInputs& in, const Inputs& whole) {
  scatter.scatter("q", in.q, call.heads.q, whole.q);
  scatter.scatter("k", in.k, call.heads.kv, whole.k);
  scatter.scatter("v", in.v, call.heads.kv, whole.v);
  for (size_t i = 0; i < in.extras.size(); ++i) {
    const ExtraPlace& place = call.extras[i];
    const at::Tensor &from = in.extras[i].tensor, &to = whole.extras[i].tensor;
    if (place.shard == FVATTN_SHARD_SEQ_HEADS) scatter.scatter(in.extras[i].name.c_str(), from, place.heads, to);
    if (place.shard == FVATTN_SHARD_SEQ)
      scatter.scatter(in.extras[i].name.c_str(), from.unsqueeze(2), place.heads, to.unsqueeze(2));
  }
}

}  // namespace

Inputs scattered_like(const DistributedCall& call, const ShardedInputs& in, size_t rank, bool shapes_only) {
  const auto options = [&](const at::Tensor& t) { return shapes_only ? t.options().device(at::kMeta) : t.options(); };
  const int64_t rows = call.all_rows() + call.text_rows;
  const int64_t q_heads = call.heads.q[rank].size, kv_heads = call.heads.kv[rank].size;
  Inputs out{with_rows_and_heads(in.q, rows, q_heads, options(in.q)),
             with_rows_and_heads(in.k, rows, kv_heads, options(in.k)),
             with_rows_and_heads(in.v, rows, kv_heads, options(in.v)), {}};
  uint64_t copies = 0;
  for (size_t i = 0; i < in.extras.size(); ++i) {
    const ExtraPlace& place = call.extras[i];
    at::Tensor t = in.extras[i].tensor.detach();
    if (place.shard == FVATTN_SHARD_SEQ_HEADS) {
      t = with_rows_and_heads(t, call.all_rows(), place.heads[rank].size, options(t));
    } else if (place.shard == FVATTN_SHARD_SEQ) {
      std::vector<int64_t> sizes = t.sizes().vec();
      sizes[1] = call.all_rows();
      t = at::empty(sizes, options(t));
    } else {
      t = readable(sliced(place, t), copies);
    }
    out.extras.push_back({in.extras[i].name, std::move(t)});
  }
  out.extras.append(call.added.begin(), call.added.end());
  return out;
}

Result<DistributedResult> forward_over_ranks(const DistributedCall& call, const ShardedInputs& in,
                                             DistributedSaved& saved, bool keeps) {
  const at::NoGradGuard no_grad;
  const int64_t rows = call.all_rows(), own = call.own_rows();
  Inputs& whole = saved.scattered;
  std::optional<TensorExchange> scatter;
  scatter.emplace(call, "scatter_heads");
  bool lent = false;
  if (!keeps && call.communicator->lends()) {
    whole = scattered_like(call, in, call.rank(), true);
    add_scattered(*scatter, call, in, whole);
    std::vector<at::Tensor> targets;
    const auto answer = scatter->lend(targets);
    if (!answer) return answer.status();
    lent = *answer;
    const std::vector<at::Tensor*> places = scattered(call, whole);
    for (size_t i = 0; i < targets.size(); ++i) *places[i] = targets[i].view(places[i]->sizes());
  }
  if (!lent) {
    whole = scattered_like(call, in, call.rank());
    scatter.emplace(call, "scatter_heads");
    add_scattered(*scatter, call, in, whole);
  }
  put_text(call, in.text_q, call.q_heads(), whole.q);
  put_text(call, in.text_k, call.kv_heads(), whole.k);
  put_text(call, in.text_v, call.kv_heads(), whole.v);
  if (Status status = scatter->run(); !status.ok()) return status;

  if (call.prepared != nullptr) {
    auto result = run_forward(*call.prepared, call.around, whole);
    if (!result) return result.status();
    saved.o = std::move(result->o);
    saved.saved = std::move(result->saved);
  } else {
    saved.o = at::empty(whole.v.sizes(), whole.v.options());
  }

  DistributedResult out;
  const int64_t heads = total_of(call.heads.q);
  out.o = with_rows_and_heads(in.v, in.q.size(1), heads);
  if (own < in.q.size(1)) out.o.narrow(1, own, in.q.size(1) - own).zero_();
  TensorExchange gather(call, "gather_heads");
  gather.gather("o", saved.o.narrow(1, 0, rows), call.heads.q, out.o);
  if (call.text_rows > 0) {
    out.text_o = with_rows_and_heads(in.v, call.text_rows, heads);
    gather.all_gather("text_o", saved.o.narrow(1, rows, call.text_rows), call.heads.q, out.text_o);
  }
  if (Status status = gather.run(); !status.ok()) return status;
  out.copies = scatter->copies() + gather.copies();
  return out;
}

}  // namespace fvattn
