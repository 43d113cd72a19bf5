// What a call attends, for the host: it waits for the stream.
#include "schedule.cuh"

#include <algorithm>
#include <numeric>

namespace vmoba::gpu {

using namespace fvattn::plugin;
using namespace fvattn::plugin::gpu;

namespace {

template <class T>
std::vector<T> fetch(const T* device, int64_t count, cudaStream_t stream) {
  std::vector<T> host(static_cast<size_t>(count));
  check(cudaMemcpyAsync(host.data(), device, host.size() * sizeof(T), cudaMemcpyDeviceToHost, stream),
        "fetching what is attended");
  check(cudaStreamSynchronize(stream), "fetching what is attended");
  return host;
}

/// Runs of places: the chunks of a batch entry, or its sequences where the step is dense.
struct Runs {
  std::vector<int> starts;  // one more than there are runs
  std::vector<int> rows;    // of places; empty: the places themselves

  int64_t count() const { return static_cast<int64_t>(starts.size()) - 1; }
  int64_t length(int64_t run) const { return starts[static_cast<size_t>(run) + 1] - starts[static_cast<size_t>(run)]; }
  /// to[row] = its run.
  void write(int32_t* to) const {
    for (int run = 0; run < count(); ++run)
      for (int place = starts[static_cast<size_t>(run)]; place < starts[static_cast<size_t>(run) + 1]; ++place)
        to[rows.empty() ? place : rows[static_cast<size_t>(place)]] = run;
  }
};

/// The form of every head of a batch entry whose choice is in `bits`.
void describe_forms(const Call& call, const Limits& limits, const AttentionSpace& space, const ChoiceBits& bits,
                    int32_t* to) {
  const int heads = call.problem().heads;
  const Form gathered = gathered_tiles(call, limits) ? Form::gathered_sm90 : Form::gathered_sm80;
  std::fill_n(to, heads, static_cast<int32_t>(space.gathered ? gathered : Form::masked_sm80));
  if (space.form() == nullptr) return;
  check(space.gathered->fill(bits, stream_of(call)), "lists of queries");
  const std::vector<int> forms = fetch(space.form(), heads, stream_of(call));
  for (int h = 0; h < heads; ++h)
    if (forms[static_cast<size_t>(h)] != 0) to[h] = static_cast<int32_t>(Form::masked_sm80);
}

void describe_dense(const Call& call, const Limits& limits) {
  const fvattn_problem& p = call.problem();
  const Dense dense = dense_of(call, limits);
  const Runs runs{dense.cu_seqlens != nullptr ? fetch(dense.cu_seqlens, dense.sequences + 1, stream_of(call))
                                              : std::vector<int>{0, dense.tokens}, {}};
  const int64_t n = runs.count(), heads = p.batch * p.heads;
  if (const fvattn_tensor* counts = call.find_out("tile_counts")) data<int64_t>(*counts)[0] = data<int64_t>(*counts)[1] = n;
  for (const char* name : {"q_tile", "k_tile"})
    if (const fvattn_tensor* out = call.find_out(name)) runs.write(data<int32_t>(*out));
  if (const fvattn_tensor* marks = call.find_out("mask_tiles"))
    for (int64_t i = 0; i < heads * n * n; ++i) data<std::uint8_t>(*marks)[i] = i / n % n == i % n && runs.length(i % n) > 0;
  if (const fvattn_tensor* pairs = call.find_out("pairs")) {
    int64_t sum = 0;
    for (int64_t s = 0; s < n; ++s) sum += runs.length(s) * runs.length(s);
    *data<int64_t>(*pairs) = heads * sum;
  }
  if (const fvattn_tensor* forms = call.find_out("forms")) {
    const Form form = dense_on_sm90(call) ? Form::dense_sm90 : Form::dense_sm80;
    std::fill_n(data<int32_t>(*forms), heads, static_cast<int32_t>(form));
  }
}

void describe_chunks(const Call& call, const Config& config, const Limits& limits, Workspace& workspace) {
  const fvattn_problem& p = call.problem();
  const cudaStream_t stream = stream_of(call);
  const ChunkTables tables(p, limits, workspace);
  const Selection selection(p, config, limits, call.plan_state<PlanState>().filters, workspace);
  auto* const bits = workspace.take<std::uint32_t>(bit_words(p, limits));
  const Chunks chunks = make_chunks(p, config, limits, device_sequences(call), tables, stream);
  const int used = fetch(chunks.sequence_chunks + chunks.sequences, 1, stream)[0];
  const int* rows_of_places = chunks.map.places.rows;
  const Runs runs{fetch(chunks.map.starts, used + 1, stream),
                  rows_of_places != nullptr ? fetch(rows_of_places, p.q_len, stream) : std::vector<int>{}};
  if (const fvattn_tensor* counts = call.find_out("tile_counts")) {
    data<int64_t>(*counts)[0] = p.q_len;
    data<int64_t>(*counts)[1] = used;
  }
  if (const fvattn_tensor* out = call.find_out("q_tile")) std::iota(data<int32_t>(*out), data<int32_t>(*out) + p.q_len, 0);
  if (const fvattn_tensor* out = call.find_out("k_tile")) runs.write(data<int32_t>(*out));
  const fvattn_tensor *marks = call.find_out("mask_tiles"), *pairs = call.find_out("pairs"), *forms = call.find_out("forms");
  if (!marks && !pairs && !forms) return;
  const AttentionSpace space(p, limits, gather_form(call, limits), forward_tiles(p.head_dim), Use::forward, workspace);
  int64_t sum = 0;
  const int64_t rows = int64_t{p.heads} * p.q_len;
  for (int64_t b = 0; b < p.batch; ++b) {
    selection.run(call, chunks, b, bits_of(p, limits, bits));
    if (forms)
      describe_forms(call, limits, space, bits_of(p, limits, bits), data<int32_t>(*forms) + b * p.heads);
    const std::vector<std::uint32_t> words = fetch(bits, bit_words(p, limits), stream);
    for (int64_t row = 0; row < rows; ++row)
      for (int c = 0; c < used; ++c) {
        const bool seen = words[static_cast<size_t>(row * limits.words() + c / 32)] >> (c % 32) & 1;
        if (marks) data<std::uint8_t>(*marks)[(b * rows + row) * used + c] = seen;
        if (seen) sum += runs.length(c);
      }
  }
  if (pairs) *data<int64_t>(*pairs) = sum;
}

}  // namespace

void describe(const Call& call) {
  const fvattn_problem& p = call.problem();
  const Config& config = config_of(call);
  const Limits limits = limits_of(p, config);
  Workspace workspace = call.workspace();
  if (config.dense(call.step(), p.layer_index))
    describe_dense(call, limits);
  else
    describe_chunks(call, config, limits, workspace);
}

}  // namespace vmoba::gpu
