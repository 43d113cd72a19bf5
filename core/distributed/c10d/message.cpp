#include "message.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <optional>

namespace fvattn::c10d_transport {
namespace {

/// The part of a tensor that a block touches, on one of its sides.
struct Part {
  int64_t row, rows, head, heads;
};
Part source_part(const Block& b) { return {b.source_row, b.rows, b.source_head, b.heads}; }
Part target_part(const Block& b) { return {b.target_row, b.rows, b.target_head, b.heads}; }

int64_t bytes_of(const Part& part, const Layout& layout) {
  return layout.batches * part.rows * part.heads * layout.head_bytes;
}

int64_t offset_of(const Part& part, const Layout& layout) {
  return part.row * layout.row_stride + part.head * layout.head_bytes;
}

// Is the part one stretch of memory?
bool is_dense(const Part& part, const Layout& layout) {
  const bool rows = part.rows == 1 || part.heads * layout.head_bytes == layout.row_stride;
  return rows && (layout.batches == 1 || part.rows * layout.row_stride == layout.batch_stride);
}

// Where the parts begin if they follow each other without a gap.
template <class Side>
std::optional<int64_t> adjacent_from(const std::vector<Block>& blocks, const Layout& layout, Side&& side) {
  std::optional<int64_t> begin, end;
  for (const Block& block : blocks) {
    const Part part = side(block);
    if (bytes_of(part, layout) == 0) continue;
    if (!is_dense(part, layout) || (end && *end != offset_of(part, layout))) return std::nullopt;
    if (!begin) begin = offset_of(part, layout);
    end = offset_of(part, layout) + bytes_of(part, layout);
  }
  return begin.value_or(0);
}

// The widest integer that all distances are multiples of: copies of wide elements are faster than of bytes.
at::ScalarType unit_of(const Layout& layout) {
  const auto all = layout.head_bytes | layout.row_stride | layout.batch_stride | reinterpret_cast<intptr_t>(layout.data);
  return all % 8 == 0 ? at::kLong : all % 4 == 0 ? at::kInt : all % 2 == 0 ? at::kShort : at::kByte;
}

// [batches, rows, elements] of one part, in a layout and in the buffer behind `bytes` (which it does not own).
at::Tensor view_of(const Part& part, const Layout& layout, at::ScalarType unit, const at::TensorOptions& options) {
  const auto width = static_cast<int64_t>(c10::elementSize(unit));
  return at::for_blob(layout.data + offset_of(part, layout),
                      {layout.batches, part.rows, part.heads * layout.head_bytes / width})
      .strides({layout.batch_stride / width, layout.row_stride / width, 1})
      .options(options.dtype(unit))
      .target_device(options.device())
      .make_tensor();
}
at::Tensor view_of(const at::Tensor& bytes, const Part& part, const Layout& layout, at::ScalarType unit) {
  const auto width = static_cast<int64_t>(c10::elementSize(unit));
  return bytes.view(unit).view({layout.batches, part.rows, part.heads * layout.head_bytes / width});
}


}  // namespace

Message::Message(const Transfer& transfer, const Exchange& exchange, int rank, int size)
    : transfer_(transfer),
      options_(at::TensorOptions(at::kByte).device(
          exchange.device < 0 ? at::Device(at::kCPU)
                              : at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(exchange.device)))),
      owner_(exchange.owner) {
  int64_t sent = 0, received = 0;
  for (int r = 0; r < size; ++r) {
    to_.push_back(block_between(transfer.pattern, transfer.sequence, transfer.heads, rank, r));
    from_.push_back(block_between(transfer.pattern, transfer.sequence, transfer.heads, r, rank));
    send_sizes.push_back(bytes_of(source_part(to_.back()), transfer.source));
    receive_sizes.push_back(bytes_of(target_part(from_.back()), transfer.target));
    sent += send_sizes.back();
    received += receive_sizes.back();
  }
  const auto blob = [&](std::byte* data, int64_t bytes) {
    return at::from_blob(data, {bytes}, [owner = owner_](void*) {}, options_, options_.device());
  };
  const auto source = adjacent_from(to_, transfer.source, source_part);
  packs_ = !source && sent > 0;
  send = sent == 0 || packs_ ? at::empty({sent}, options_) : blob(transfer.source.data + *source, sent);
  const auto target = adjacent_from(from_, transfer.target, target_part);
  unpacks_ = !target && received > 0;
  receive = received == 0 || unpacks_ ? at::empty({received}, options_) : blob(transfer.target.data + *target, received);
  if (!packs_) return;
  const at::ScalarType unit = unit_of(transfer.source);
  for (size_t r = 0, at = 0; r < to_.size(); at += static_cast<size_t>(send_sizes[r]), ++r) {
    if (send_sizes[r] == 0) continue;
    const Part part = source_part(to_[r]);
    view_of(send.narrow(0, static_cast<int64_t>(at), send_sizes[r]), part, transfer.source, unit)
        .copy_(view_of(part, transfer.source, unit, options_));
  }
}

void Message::unpack() {
  if (!unpacks_) return;
  const at::ScalarType unit = unit_of(transfer_.target);
  for (size_t r = 0, at = 0; r < from_.size(); at += static_cast<size_t>(receive_sizes[r]), ++r) {
    if (receive_sizes[r] == 0) continue;
    const Part part = target_part(from_[r]);
    view_of(part, transfer_.target, unit, options_)
        .copy_(view_of(receive.narrow(0, static_cast<int64_t>(at), receive_sizes[r]), part, transfer_.target, unit));
  }
}

}  // namespace fvattn::c10d_transport
