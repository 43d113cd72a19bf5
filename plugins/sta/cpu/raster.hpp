// A call's tensors in raster order: as they are, or through copies when the call's order is the tiled one.
#pragma once

#include "arguments.hpp"

#include <algorithm>
#include <vector>

namespace sta::cpu {

template <class E>
class Raster {
 public:
  using View = engine::cpu::TensorView<E>;
  using ConstView = engine::cpu::TensorView<const E>;

  Raster(const std::vector<int>& raster_rows, plugin::Workspace& workspace) : rows_(raster_rows), workspace_(workspace) {}

  ConstView in(const fvattn_tensor& t) {
    if (rows_.empty()) return {plugin::data<const E>(t), t.strides[0], t.strides[1], t.strides[2]};
    const View given = view(t), copy = take(t);
    each_row(t, [&](int b, int64_t i, int h) {
      std::copy_n(given.row(b, static_cast<int>(i), h), t.shape[3], copy.row(b, rows_[i], h));
    });
    return {copy.data, copy.batch_stride, copy.token_stride, copy.head_stride};
  }
  /// What is written to the view reaches `t` with finish().
  View out(const fvattn_tensor& t) {
    if (rows_.empty()) return view(t);
    outs_.push_back({&t, take(t)});
    return outs_.back().copy;
  }
  /// An `lse` output, [batch, heads, rows].
  float* lse(const fvattn_tensor& t) {
    if (rows_.empty()) return plugin::data<float>(t);
    lse_ = &t;
    return lse_copy_ = workspace_.take<float>(plugin::numel(t));
  }
  void finish() {
    for (const auto& [t, copy] : outs_) {
      const View to = view(*t);
      each_row(*t, [&, &from = copy, width = t->shape[3]](int b, int64_t i, int h) {
        std::copy_n(from.row(b, rows_[i], h), width, to.row(b, static_cast<int>(i), h));
      });
    }
    if (!lse_) return;
    const auto n = static_cast<int64_t>(rows_.size());
    float* to = plugin::data<float>(*lse_);
    for (int64_t at = 0; at < plugin::numel(*lse_); ++at) to[at] = lse_copy_[at / n * n + rows_[at % n]];
  }

 private:
  struct Out {
    const fvattn_tensor* t;
    View copy;
  };

  static View view(const fvattn_tensor& t) { return {plugin::data<E>(t), t.strides[0], t.strides[1], t.strides[2]}; }
  View take(const fvattn_tensor& t) {
    const int64_t head = t.shape[3], token = t.shape[2] * head;
    return {workspace_.take<E>(plugin::numel(t)), t.shape[1] * token, token, head};
  }
  template <class Body>
  static void each_row(const fvattn_tensor& t, Body&& body) {
    plugin::parallel_for(t.shape[0] * t.shape[1], 256, [&](int64_t lo, int64_t hi) {
      for (int64_t i = lo; i < hi; ++i)
        for (int h = 0; h < t.shape[2]; ++h) body(static_cast<int>(i / t.shape[1]), i % t.shape[1], h);
    });
  }

  const std::vector<int>& rows_;
  plugin::Workspace& workspace_;
  std::vector<Out> outs_;
  const fvattn_tensor* lse_ = nullptr;
  float* lse_copy_ = nullptr;
};

}  // namespace sta::cpu
