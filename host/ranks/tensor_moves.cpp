#include "ranks/tensor_moves.hpp"

#include "ranks/rank_device.hpp"

#include <ATen/ops/empty.h>

#include <functional>
#include <numeric>

namespace fvattn::host {
namespace {

int64_t product(at::IntArrayRef sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), int64_t{1}, std::multiplies<>());
}

/// `total` on rank 0, nothing on the others.
Ranges all_on_root(int64_t total, int ranks) {
  Ranges ranges(static_cast<size_t>(ranks), {total, 0});
  ranges[0] = {0, total};
  return ranges;
}

/// rows x columns of `bytes` each, one after the other.
Layout dense(const at::Tensor& t, int64_t rows, int64_t columns, int64_t bytes) {
  return {static_cast<std::byte*>(t.numel() == 0 ? nullptr : t.data_ptr()), 1, rows, columns, bytes, columns * bytes,
          rows * columns * bytes};
}

/// A tensor as `count` pieces of `bytes`.
struct Pieces {
  int64_t bytes, count;
  explicit Pieces(const at::Tensor& t)
      : bytes(static_cast<int64_t>(t.element_size()) * (t.dim() == 0 ? 1 : t.size(-1))),
        count(t.numel() == 0 ? 0 : t.numel() * static_cast<int64_t>(t.element_size()) / bytes) {}
};

}  // namespace

at::Tensor shape_only(at::IntArrayRef sizes, at::ScalarType dtype, at::Device device) {
  return at::empty(std::vector<int64_t>(sizes.size(), 1), at::TensorOptions(dtype).device(device)).expand(sizes);
}

void TensorMoves::add(const std::string& name, Pattern pattern, Ranges sequence, Ranges heads, const at::Tensor& source,
                      Layout from, const at::Tensor& target, Layout to) {
  exchange_.transfers.push_back({name, pattern, std::move(sequence), std::move(heads), from, to});
  if (source.is_cuda()) {
    exchange_.device = source.device().index();
    exchange_.stream = current_stream(source.device());
  }
  kept_.insert(kept_.end(), {source, target});
}

// To the exchange a batch is a row, and a row is a head: what is spread over ranks is the second dimension.
at::Tensor TensorMoves::scatter_rows(const std::string& name, const at::Tensor& whole, const Ranges& rows) {
  const int64_t batch = whole.size(0), bytes = product(whole.sizes().slice(2)) * static_cast<int64_t>(whole.element_size());
  const Range& own = rows[static_cast<size_t>(communicator_.rank())];
  std::vector<int64_t> sizes = whole.sizes().vec();
  sizes[1] = own.size;
  const at::Tensor part = at::empty(sizes, whole.options().requires_grad(false));
  const at::Tensor source = is_root() ? whole.detach().contiguous() : at::Tensor(at::empty({0}, part.options()));
  add(name, Pattern::scatter_heads, all_on_root(batch, size()), rows, source,
      dense(source, is_root() ? batch : 0, whole.size(1), bytes), part, dense(part, batch, own.size, bytes));
  return part;
}

at::Tensor TensorMoves::gather_rows(const std::string& name, const at::Tensor& part, const Ranges& rows) {
  const int64_t batch = part.size(0), bytes = product(part.sizes().slice(2)) * static_cast<int64_t>(part.element_size());
  std::vector<int64_t> sizes = part.sizes().vec();
  sizes[1] = total_of(rows);
  const at::Tensor source = part.detach().contiguous();
  const at::Tensor whole = is_root() ? at::empty(sizes, source.options()) : at::Tensor(at::empty({0}, source.options()));
  add(name, Pattern::gather_heads, all_on_root(batch, size()), rows, source, dense(source, batch, part.size(1), bytes),
      whole, dense(whole, is_root() ? batch : 0, sizes[1], bytes));
  return whole;
}

at::Tensor TensorMoves::send_to_all(const std::string& name, const at::Tensor& whole) {
  const Pieces pieces(whole);
  const at::Tensor source = is_root() ? whole.detach().contiguous() : at::Tensor(at::empty({0}, whole.options()));
  const at::Tensor copy = at::empty(whole.sizes(), whole.options().requires_grad(false));
  add(name, Pattern::scatter_heads, all_on_root(1, size()), Ranges(static_cast<size_t>(size()), {0, pieces.count}), source,
      dense(source, is_root() ? 1 : 0, pieces.count, pieces.bytes), copy, dense(copy, 1, pieces.count, pieces.bytes));
  return copy;
}

at::Tensor TensorMoves::stack(const std::string& name, const at::Tensor& mine) {
  const Pieces pieces(mine);
  const at::Tensor source = mine.detach().contiguous();
  std::vector<int64_t> sizes = mine.sizes().vec();
  sizes.insert(sizes.begin(), is_root() ? size() : 0);
  const at::Tensor all = at::empty(sizes, source.options());
  add(name, Pattern::scatter_heads, consecutive(std::vector<int64_t>(static_cast<size_t>(size()), 1)),
      all_on_root(pieces.count, size()), source, dense(source, 1, pieces.count, pieces.bytes), all,
      dense(all, size(), is_root() ? pieces.count : 0, pieces.bytes));
  return all;
}

Status TensorMoves::run() {
  exchange_.owner = std::make_shared<std::vector<at::Tensor>>(std::move(kept_));
  return communicator_.exchange(exchange_);
}

}  // namespace fvattn::host
