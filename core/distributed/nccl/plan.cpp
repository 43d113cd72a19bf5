#include "plan.hpp"

namespace fvattn::nccl {
namespace {

constexpr int64_t kAlignment = 256;

// A block as it lies in one of the two tensors.
struct Place {
  std::byte* data;
  int64_t rows, bytes, row_stride, batch_stride;  // bytes: of a row

  bool dense() const { return rows == 1 || row_stride == bytes; }
};

Place place_of(const Layout& layout, int64_t row, int64_t head, const Block& block) {
  return {layout.data + row * layout.row_stride + head * layout.head_bytes, block.rows, block.heads * layout.head_bytes,
          layout.row_stride, layout.batch_stride};
}

peer::Job copy(const Place& from, const Place& to, int64_t batches) {
  return {from.data, to.data, 0, 0, batches, from.rows, from.bytes, from.row_stride, from.batch_stride, to.row_stride,
          to.batch_stride};
}

class Planner {
 public:
  Planner(const Exchange& exchange, int rank, int ranks, std::byte* staging)
      : exchange_(exchange), rank_(rank), ranks_(ranks), staging_(staging) {}

  Plan plan() {
    for (const Transfer& t : exchange_.transfers) {
      keep(t);
      bool packed = false, unpacked = false;
      // Ranks start at different peers, so that they do not all send to one.
      for (int i = 1; i < ranks_; ++i) {
        packed |= send(t, (rank_ + i) % ranks_);
        unpacked |= receive(t, (rank_ + ranks_ - i) % ranks_);
      }
      plan_.passes += packed + unpacked;
    }
    return std::move(plan_);
  }

 private:
  Block block(const Transfer& t, int source, int target) const {
    return block_between(t.pattern, t.sequence, t.heads, source, target);
  }
  static bool is_empty(const Transfer& t, const Block& b) {
    return t.source.batches * b.rows * b.heads * t.source.head_bytes == 0;
  }

  void keep(const Transfer& t) {
    const Block b = block(t, rank_, rank_);
    if (is_empty(t, b)) return;
    plan_.kept.push_back(copy(place_of(t.source, b.source_row, b.source_head, b),
                              place_of(t.target, b.target_row, b.target_head, b), t.source.batches));
  }

  // Dense room of all batches of a block.
  Place stage(const Place& like, int64_t batches) {
    const Place place{staging_ + plan_.staging_bytes, like.rows, like.bytes, like.bytes, like.rows * like.bytes};
    plan_.staging_bytes += (batches * place.batch_stride + kAlignment - 1) / kAlignment * kAlignment;
    return place;
  }

  static void add(std::vector<Message>& messages, int peer, const Place& place, int64_t batches) {
    for (int64_t b = 0; b < batches; ++b)
      messages.push_back({peer, place.data + b * place.batch_stride, place.rows * place.bytes});
  }

  bool send(const Transfer& t, int peer) {
    const Block b = block(t, rank_, peer);
    if (is_empty(t, b)) return false;
    Place place = place_of(t.source, b.source_row, b.source_head, b);
    const bool packs = !place.dense();
    if (packs) {
      const Place staged = stage(place, t.source.batches);
      plan_.packs.push_back(copy(place, staged, t.source.batches));
      place = staged;
    }
    add(plan_.sends, peer, place, t.source.batches);
    return packs;
  }

  bool receive(const Transfer& t, int peer) {
    const Block b = block(t, peer, rank_);
    if (is_empty(t, b)) return false;
    Place place = place_of(t.target, b.target_row, b.target_head, b);
    const bool unpacks = !place.dense();
    if (unpacks) {
      const Place staged = stage(place, t.source.batches);
      plan_.unpacks.push_back(copy(staged, place, t.source.batches));
      place = staged;
    }
    add(plan_.receives, peer, place, t.source.batches);
    return unpacks;
  }

  const Exchange& exchange_;
  const int rank_, ranks_;
  std::byte* const staging_;
  Plan plan_;
};

}  // namespace

Plan plan_of(const Exchange& exchange, int rank, int ranks, std::byte* staging) {
  // Without memory the plan only counts; no address may be an offset from nothing even so.
  if (staging == nullptr) staging = reinterpret_cast<std::byte*>(kAlignment);
  return Planner(exchange, rank, ranks, staging).plan();
}

}  // namespace fvattn::nccl
