#include "distributed_exchange.hpp"

#include "device_bridge.hpp"

#include <ATen/ops/from_blob.h>

namespace fvattn {
namespace {

int64_t head_elements(const at::Tensor& t) {
  int64_t count = 1;
  for (int64_t d = 3; d < t.dim(); ++d) count *= t.size(d);
  return count;
}

// Strides of batch and rows are free, what lies within a row is dense.
bool has_dense_rows(const at::Tensor& t) {
  if (t.numel() == 0) return true;
  int64_t expected = 1;
  for (int64_t d = t.dim() - 1; d >= 2; --d) {
    if (t.size(d) != 1 && t.stride(d) != expected) return false;
    expected *= t.size(d);
  }
  return true;
}

Layout layout_of(const at::Tensor& t, int64_t rows) {
  const int64_t size = static_cast<int64_t>(t.element_size());
  return {static_cast<std::byte*>(t.numel() == 0 || t.is_meta() ? nullptr : t.data_ptr()),
          t.size(0),
          rows,
          t.size(2),
          head_elements(t) * size,
          t.stride(1) * size,
          t.stride(0) * size};
}

}  // namespace

void TensorExchange::add(const char* name, Pattern pattern, const Ranges& sequence, const Ranges& heads,
                         const at::Tensor& source, int64_t source_rows, const at::Tensor& target, int64_t target_rows) {
  at::Tensor dense = source.detach();
  if (!has_dense_rows(dense)) {
    dense = dense.contiguous();
    ++copies_;
  }
  exchange_.transfers.push_back(
      {name, pattern, sequence, heads, layout_of(dense, source_rows), layout_of(target, target_rows),
       target.size(1) - target_rows});
  if (tensors_.empty()) {
    exchange_.device = source.is_cuda() ? source.device().index() : -1;
    exchange_.stream = current_stream(source.device());
  }
  tensors_.insert(tensors_.end(), {std::move(dense), target});
}

void TensorExchange::scatter(const char* name, const at::Tensor& source, const Ranges& heads, const at::Tensor& target) {
  add(name, Pattern::scatter_heads, call_.sequence, heads, source, call_.own_rows(), target, call_.all_rows());
}

void TensorExchange::gather(const char* name, const at::Tensor& source, const Ranges& heads, const at::Tensor& target) {
  add(name, Pattern::gather_heads, call_.sequence, heads, source, call_.all_rows(), target, call_.own_rows());
}

void TensorExchange::all_gather(const char* name, const at::Tensor& source, const Ranges& heads, const at::Tensor& target) {
  add(name, Pattern::all_gather_heads, {{0, call_.text_rows}}, heads, source, call_.text_rows, target, call_.text_rows);
}

void TensorExchange::stack(const char* name, const at::Tensor& source, const Ranges& heads, const at::Tensor& target) {
  add(name, Pattern::stack_heads, {{0, call_.text_rows}}, heads, source, call_.text_rows, target, target.size(1));
}

Result<bool> TensorExchange::lend(std::vector<at::Tensor>& targets) {
  const auto lent = call_.communicator->lend(exchange_);
  if (!lent) return lent.status();
  if (lent->empty()) return false;
  for (size_t i = 0; i < lent->size(); ++i) {
    Transfer& transfer = exchange_.transfers[i];
    at::Tensor& target = tensors_[2 * i + 1];
    transfer.target.data = (*lent)[i];
    const at::Device device = tensors_[2 * i].device();
    target = at::from_blob(transfer.target.data, target.sizes(), [kept = call_.communicator](void*) {},
                           target.options().device(device), device);
    targets.push_back(target);
  }
  return true;
}

Status TensorExchange::run() {
  exchange_.owner = std::make_shared<std::vector<at::Tensor>>(std::move(tensors_));
  return call_.communicator->exchange(exchange_);
}

}  // namespace fvattn
