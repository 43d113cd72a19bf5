#include <fvattn/distributed/geometry.hpp>

#include <cstring>

namespace fvattn {
namespace {

template <class Visit>
void for_each_run(const Block& block, const Layout& source, const Layout& target, std::span<const int64_t> target_rows,
                  std::span<const int64_t> source_rows, Visit&& visit) {
  const int64_t bytes = block.heads * source.head_bytes;
  if (bytes == 0) return;
  Run run;
  for (int64_t b = 0; b < source.batches; ++b) {
    for (int64_t r = 0; r < block.rows; ++r) {
      const int64_t from = block.source_row + r, to = block.target_row + r;
      const int64_t from_row = source_rows.empty() ? from : source_rows[static_cast<size_t>(from)];
      const int64_t to_row = target_rows.empty() ? to : target_rows[static_cast<size_t>(to)];
      const int64_t at = b * source.batch_stride + from_row * source.row_stride + block.source_head * source.head_bytes;
      const int64_t into = b * target.batch_stride + to_row * target.row_stride + block.target_head * target.head_bytes;
      if (run.bytes > 0 && at == run.source + run.bytes && into == run.target + run.bytes) {
        run.bytes += bytes;
        continue;
      }
      if (run.bytes > 0) visit(run);
      run = {at, into, bytes};
    }
  }
  if (run.bytes > 0) visit(run);
}

}  // namespace

std::vector<Run> byte_runs(const Block& block, const Layout& source, const Layout& target,
                           std::span<const int64_t> target_rows, std::span<const int64_t> source_rows) {
  std::vector<Run> runs;
  for_each_run(block, source, target, target_rows, source_rows, [&](const Run& run) { runs.push_back(run); });
  return runs;
}

int64_t copy_block(const Block& block, const Layout& source, const Layout& target) {
  int64_t bytes = 0;
  for_each_run(block, source, target, {}, {}, [&](const Run& run) {
    std::memcpy(target.data + run.target, source.data + run.source, static_cast<size_t>(run.bytes));
    bytes += run.bytes;
  });
  return bytes;
}

}  // namespace fvattn
