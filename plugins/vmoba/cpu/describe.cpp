#include "dispatch.hpp"
#include "schedule.hpp"

namespace vmoba::cpu {

using namespace fvattn::plugin;

namespace {

/// The number of the packed sequence that holds the row, 0 without any.
int sequence_of(const int* cu, int row) {
  int sequence = 0;
  while (cu && row >= cu[sequence + 1]) ++sequence;
  return sequence;
}

void describe_dense(const Call& call, const Limits& limits) {
  const fvattn_problem& p = call.problem();
  const int* cu = is_varlen(p) ? checked_sequences(call) : nullptr;
  const int64_t tiles = cu ? limits.sequences : 1, heads = p.batch * p.heads;
  if (const fvattn_tensor* counts = call.find_out("tile_counts"))
    data<int64_t>(*counts)[0] = data<int64_t>(*counts)[1] = tiles;
  for (const char* name : {"q_tile", "k_tile"})
    if (const fvattn_tensor* out = call.find_out(name))
      for (int row = 0; row < static_cast<int>(p.q_len); ++row) data<int32_t>(*out)[row] = sequence_of(cu, row);
  if (const fvattn_tensor* marks = call.find_out("mask_tiles"))
    for (int64_t i = 0; i < heads * tiles * tiles; ++i)
      data<std::uint8_t>(*marks)[i] = i / tiles % tiles == i % tiles && (!cu || cu[i % tiles + 1] > cu[i % tiles]);
  if (const fvattn_tensor* pairs = call.find_out("pairs")) {
    int64_t sum = cu ? 0 : p.q_len * p.kv_len;
    for (int64_t s = 0; cu && s < tiles; ++s) sum += int64_t{cu[s + 1] - cu[s]} * (cu[s + 1] - cu[s]);
    *data<int64_t>(*pairs) = heads * sum;
  }
}

void describe_chunks(const Call& call, const Partition& partition, const Limits& limits, Workspace& workspace) {
  const fvattn_problem& p = call.problem();
  const int chunks = partition.chunks();
  if (const fvattn_tensor* counts = call.find_out("tile_counts")) {
    data<int64_t>(*counts)[0] = p.q_len;
    data<int64_t>(*counts)[1] = chunks;
  }
  if (const fvattn_tensor* out = call.find_out("q_tile"))
    for (int row = 0; row < static_cast<int>(p.q_len); ++row) data<int32_t>(*out)[row] = row;
  if (const fvattn_tensor* out = call.find_out("k_tile"))
    for (int place = 0; place < static_cast<int>(p.q_len); ++place)
      data<int32_t>(*out)[partition.row_of(place)] = partition.chunk_of(place);
  const fvattn_tensor *marks = call.find_out("mask_tiles"), *pairs = call.find_out("pairs");
  if (!marks && !pairs) return;
  const Selection selection(p, config_of(call), limits, workspace);
  const int64_t rows = p.batch * p.heads * p.q_len;
  auto* bits = workspace.take<std::uint32_t>(rows * limits.words());
  selection.run(call, partition, bits);
  int64_t sum = 0;
  for (int64_t row = 0; row < rows; ++row)
    for (int c = 0; c < chunks; ++c) {
      const bool seen = bits[row * limits.words() + c / 32] >> (c % 32) & 1;
      if (marks) data<std::uint8_t>(*marks)[row * chunks + c] = seen;
      if (seen) sum += partition.starts()[c + 1] - partition.starts()[c];
    }
  if (pairs) *data<int64_t>(*pairs) = sum;
}

}  // namespace

void describe(const Call& call) {
  Workspace workspace = call.workspace();
  const Schedule schedule(call);
  if (schedule.dense())
    describe_dense(call, schedule.limits());
  else
    describe_chunks(call, schedule.partition(), schedule.limits(), workspace);
}

}  // namespace vmoba::cpu
