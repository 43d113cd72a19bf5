#include "distributed_exchange.hpp"
#include "distributed_forward.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

namespace fvattn {
namespace {

// Heads side by side even where ranks have the same ones: what a rank computed for its heads goes to a slot of its own.
Ranges slots_of(const Ranges& heads) {
  std::vector<int64_t> sizes;
  for (const Range& range : heads) sizes.push_back(range.size);
  return consecutive(sizes);
}

/// The gradient of a scattered tensor on its way back to the rank's rows.
class Returning {
 public:
  Returning(const DistributedCall& call, const at::Tensor& shape, const Ranges& heads, int64_t own_rows)
      : heads_(heads), slots_(slots_of(heads)), own_rows_(own_rows), padding_(shape.size(1) - own_rows) {
    std::vector<int64_t> sizes = shape.sizes().vec();
    direct_ = slots_ == heads && call.rank() < heads.size();
    result_ = at::empty(sizes, shape.options());
    sizes[2] = total_of(slots_);
    arriving_ = direct_ ? result_ : at::empty(sizes, shape.options());
  }
  void send(TensorExchange& exchange, const char* name, const at::Tensor& gradient) {
    exchange.gather(name, gradient, slots_, arriving_);
  }
  at::Tensor take() {
    if (!direct_) {
      result_.zero_();
      for (size_t r = 0; r < heads_.size(); ++r)
        result_.narrow(2, heads_[r].begin, heads_[r].size).add_(arriving_.narrow(2, slots_[r].begin, slots_[r].size));
    }
    if (padding_ > 0) result_.narrow(1, own_rows_, padding_).zero_();
    return result_;
  }

 private:
  const Ranges heads_, slots_;
  const int64_t own_rows_, padding_;
  bool direct_ = false;
  at::Tensor arriving_, result_;
};

at::Tensor text_gradient(const at::Tensor& text, const at::Tensor& whole, int64_t rows, const Range& heads) {
  at::Tensor gradient = at::zeros(text.sizes(), text.options());
  gradient.narrow(2, heads.begin, heads.size).copy_(whole.narrow(1, rows, text.size(1)));
  return gradient;
}

// d_o of the rank's heads: the rows of all ranks, and the sum of what each rank says about the text.
Result<at::Tensor> whole_d_o(const DistributedCall& call, const at::Tensor& o, const at::Tensor& d_o,
                             const at::Tensor& d_text_o) {
  const int64_t rows = call.all_rows(), text = call.text_rows;
  at::Tensor whole = at::empty(o.sizes(), o.options()), stacked;
  TensorExchange exchange(call, "scatter_heads of gradients");
  exchange.scatter("d_o", d_o, call.heads.q, whole);
  if (text > 0) {
    stacked = at::empty({o.size(0), call.communicator->size() * text, o.size(2), o.size(3)}, o.options());
    exchange.stack("d_text_o", d_text_o, call.heads.q, stacked);
  }
  if (Status status = exchange.run(); !status.ok()) return status;
  if (text > 0)
    whole.narrow(1, rows, text)
        .copy_(stacked.view({o.size(0), call.communicator->size(), text, o.size(2), o.size(3)}).sum(1));
  return whole;
}

}  // namespace

Result<std::vector<at::Tensor>> backward_over_ranks(const DistributedCall& call, const DistributedSaved& saved,
                                                    const at::Tensor& d_o, const at::Tensor& d_text_o,
                                                    const ShardedInputs& shapes, const std::vector<size_t>& wanted) {
  const at::NoGradGuard no_grad;
  const int64_t rows = call.all_rows();
  auto whole = whole_d_o(call, saved.o, d_o, d_text_o);
  if (!whole) return whole.status();

  std::vector<at::Tensor> own;
  if (call.prepared != nullptr) {
    auto given = run_backward(*call.prepared, call.around, saved.scattered, saved.o, *whole, saved.saved, wanted);
    if (!given) return given.status();
    own = std::move(*given);
  } else {
    for (const at::Tensor* t : {&saved.scattered.q, &saved.scattered.k, &saved.scattered.v})
      own.push_back(at::empty(t->sizes(), t->options()));
    for (const size_t i : wanted) own.push_back(at::zeros_like(saved.scattered.extras[i].tensor));
  }

  const at::Tensor* shards[] = {&shapes.q, &shapes.k, &shapes.v};
  const Ranges* heads[] = {&call.heads.q, &call.heads.kv, &call.heads.kv};
  const char* names[] = {"d_q", "d_k", "d_v"};
  TensorExchange exchange(call, "gather_heads of gradients");
  std::vector<Returning> returning;
  returning.reserve(3 + wanted.size());
  for (size_t i = 0; i < 3; ++i)
    returning.emplace_back(call, *shards[i], *heads[i], call.own_rows()).send(exchange, names[i], own[i].narrow(1, 0, rows));
  const auto moves = [&](size_t extra) {
    return call.extras[extra].shard == FVATTN_SHARD_SEQ_HEADS || call.extras[extra].shard == FVATTN_SHARD_SEQ;
  };
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (!moves(wanted[i])) continue;
    const ExtraPlace& place = call.extras[wanted[i]];
    const bool by_rows = place.shard == FVATTN_SHARD_SEQ;
    const at::Tensor& shape = shapes.extras[wanted[i]].tensor;
    returning.emplace_back(call, by_rows ? shape.unsqueeze(2) : shape, place.heads, call.own_rows())
        .send(exchange, shapes.extras[wanted[i]].name.c_str(), by_rows ? own[3 + i].unsqueeze(2) : own[3 + i]);
  }
  if (Status status = exchange.run(); !status.ok()) return status;

  std::vector<at::Tensor> gradients;
  for (size_t i = 0; i < 3; ++i) gradients.push_back(returning[i].take());
  if (call.text_rows > 0) {
    gradients.push_back(text_gradient(shapes.text_q, own[0], rows, call.q_heads()));
    gradients.push_back(text_gradient(shapes.text_k, own[1], rows, call.kv_heads()));
    gradients.push_back(text_gradient(shapes.text_v, own[2], rows, call.kv_heads()));
  }
  for (size_t i = 0, next = 3; i < wanted.size(); ++i) {
    const ExtraPlace& place = call.extras[wanted[i]];
    const at::Tensor& shape = shapes.extras[wanted[i]].tensor;
    if (moves(wanted[i])) {
      gradients.push_back(returning[next++].take().view(shape.sizes()));
    } else if (place.slice.size > 0) {
      at::Tensor gradient = at::zeros(shape.sizes(), shape.options());
      gradient.narrow(place.slice_dim, place.slice.begin, place.slice.size).copy_(own[3 + i]);
      gradients.push_back(std::move(gradient));
    } else {
      gradients.push_back(own[3 + i]);
    }
  }
  return gradients;
}

}  // namespace fvattn
