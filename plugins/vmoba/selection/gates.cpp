#include "gates.hpp"

#include <fvattn/engine/cpu/kernels.hpp>
#include <fvattn/engine/cpu/scratch.hpp>
#include <fvattn/engine/cpu/tile_io.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace vmoba {

using namespace fvattn::plugin;
namespace cpu = fvattn::engine::cpu;

namespace {

/// One row of a [batch, tokens, heads, channels] tensor of any float type. `line` has room for it in float32.
void read_row(const fvattn_tensor& t, int batch, int row, int head, int width, float* line, double* out) {
  const int64_t at = batch * t.strides[0] + row * t.strides[1] + head * t.strides[2];
  const Dtype type = dtype(t);
  if (type == kF64) return cpu::convert_row(data<const double>(t) + at, out, width);
  if (type == kF32) return cpu::convert_row(data<const float>(t) + at, out, width);
  if (type == kBF16)
    cpu::convert_row(data<const cpu::Bf16>(t) + at, line, width);
  else
    cpu::convert_row(data<const cpu::Half>(t) + at, line, width);
  cpu::convert_row(line, out, width);
}

float usable(double gate) {
  constexpr double most = std::numeric_limits<float>::max();
  if (std::isnan(gate)) return -std::numeric_limits<float>::infinity();
  return static_cast<float>(std::clamp(gate, -most, most)) + 0.0f;  // -0 becomes 0: they tie
}

}  // namespace

Gates::Gates(const Call& call, const Partition& partition, const Sequence& sequence, double* means)
    : problem_(call.problem()), q_(call.in("q")), partition_(partition), sequence_(sequence), means_(means) {
  const fvattn_tensor& k = call.in("k");
  const int width = problem_.head_dim, chunks = sequence.chunks;
  parallel_for(int64_t{problem_.kv_heads} * chunks, 1, [&](int64_t lo, int64_t hi) {
    cpu::Scratch scratch(cpu::Scratch::bytes_of<double>(width) + cpu::Scratch::bytes_of<float>(width));
    double* row = scratch.take<double>(width);
    float* line = scratch.take<float>(width);
    for (int64_t i = lo; i < hi; ++i) {
      const int head = static_cast<int>(i / chunks), chunk = sequence.first_chunk + static_cast<int>(i % chunks);
      const int begin = partition.starts()[chunk], end = partition.starts()[chunk + 1];
      double* mean = means + i * width;
      std::fill_n(mean, width, 0.0);
      for (int place = begin; place < end; ++place) {
        read_row(k, sequence.batch, partition.row_of(place), head, width, line, row);
        for (int d = 0; d < width; ++d) mean[d] += row[d];
      }
      for (int d = 0; d < width; ++d) mean[d] = static_cast<float>(mean[d] / (end - begin));
    }
  });
}

void Gates::compute(int head, int first, int n, float* gates) const {
  const int width = problem_.head_dim, chunks = sequence_.chunks;
  const auto bytes = [](int64_t count) { return cpu::Scratch::bytes_of<double>(static_cast<size_t>(count)); };
  cpu::Scratch scratch(2 * bytes(width) + bytes(int64_t{width} * kGateTile) + bytes(int64_t{chunks} * kGateTile));
  double *row = scratch.take<double>(width), *columns = scratch.take<double>(width * kGateTile),
         *products = scratch.take<double>(chunks * kGateTile);
  float* line = scratch.take<float>(width);
  std::fill_n(columns, width * kGateTile, 0.0);
  for (int i = 0; i < n; ++i) {
    read_row(q_, sequence_.batch, partition_.row_of(sequence_.first_place + first + i), head, width, line, row);
    for (int d = 0; d < width; ++d) columns[d * kGateTile + i] = row[d];
  }
  const double* means = means_ + int64_t{head / (problem_.heads / problem_.kv_heads)} * chunks * width;
  cpu::kernels<double>().products(means, width, columns, chunks, width, n, kGateTile, 1.0, products);
  for (int c = 0; c < chunks; ++c)
    for (int i = 0; i < n; ++i) gates[c * kGateTile + i] = usable(products[c * kGateTile + i]);
}

}  // namespace vmoba
