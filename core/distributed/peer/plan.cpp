#include "plan.hpp"

#include <algorithm>

namespace fvattn::peer {
namespace {

constexpr int64_t kAlignment = 256;

struct Size {
  int64_t rows = 0, heads = 0;
};

// What a rank's target has at least: the hull of all that is sent to it.
Size size_of_target(const Transfer& t, int ranks, int target) {
  Size size;
  for (int source = 0; source < ranks; ++source) {
    const Block block = block_between(t.pattern, t.sequence, t.heads, source, target);
    if (block.rows == 0 || block.heads == 0) continue;
    size.rows = std::max(size.rows, block.target_row + block.rows);
    size.heads = std::max(size.heads, block.target_head + block.heads);
  }
  return size;
}

}  // namespace

Landing landing_of(const Exchange& exchange, int ranks, bool lent) {
  Landing landing;
  for (int r = 0; r < ranks; ++r) {
    std::vector<Layout> layouts;
    int64_t at = 0;
    for (const Transfer& t : exchange.transfers) {
      const Size size = size_of_target(t, ranks, r);
      const int64_t spare = lent ? t.spare_rows : 0;
      Layout layout{reinterpret_cast<std::byte*>(at), t.source.batches, size.rows, size.heads, t.source.head_bytes, 0, 0};
      layout.row_stride = size.heads * layout.head_bytes;
      layout.batch_stride = (size.rows + spare) * layout.row_stride;
      at += (layout.batches * layout.batch_stride + kAlignment - 1) / kAlignment * kAlignment;
      layouts.push_back(layout);
    }
    landing.bytes = std::max(landing.bytes, at);
    landing.targets.push_back(std::move(layouts));
  }
  return landing;
}

Jobs jobs_of(const Exchange& exchange, int rank, int ranks, std::span<const std::vector<Layout>> targets,
             int64_t slot_bytes) {
  Jobs all;
  for (int i = 1; i <= ranks; ++i) {
    const int peer = (rank + i) % ranks;
    std::vector<Job> jobs;
    for (size_t t = 0; t < exchange.transfers.size(); ++t) {
      const Transfer& transfer = exchange.transfers[t];
      const Layout &source = transfer.source, &target = targets[static_cast<size_t>(peer)][t];
      const Block block = block_between(transfer.pattern, transfer.sequence, transfer.heads, rank, peer);
      if (source.batches * block.rows * block.heads * source.head_bytes == 0) continue;
      jobs.push_back({source.data + block.source_row * source.row_stride + block.source_head * source.head_bytes,
                      target.data + block.target_row * target.row_stride + block.target_head * target.head_bytes, 0,
                      slot_bytes, source.batches, block.rows, block.heads * source.head_bytes, source.row_stride,
                      source.batch_stride, target.row_stride, target.batch_stride});
    }
    all.peers.push_back(peer);
    all.jobs.push_back(std::move(jobs));
  }
  return all;
}

std::vector<Job> copy_out_of(const Exchange& exchange, const std::vector<Layout>& landed, int64_t slot_bytes) {
  std::vector<Job> jobs;
  for (size_t t = 0; t < exchange.transfers.size(); ++t) {
    const Layout &from = landed[t], &to = exchange.transfers[t].target;
    if (from.batches * from.rows * from.heads * from.head_bytes == 0) continue;
    jobs.push_back({from.data, to.data, slot_bytes, 0, from.batches, from.rows, from.heads * from.head_bytes,
                    from.row_stride, from.batch_stride, to.row_stride, to.batch_stride});
  }
  return jobs;
}

int64_t bytes_between(const Exchange& exchange, int source, int target) {
  int64_t bytes = 0;
  for (const Transfer& t : exchange.transfers) {
    const Block block = block_between(t.pattern, t.sequence, t.heads, source, target);
    bytes += t.source.batches * block.rows * block.heads * t.source.head_bytes;
  }
  return bytes;
}

}  // namespace fvattn::peer
