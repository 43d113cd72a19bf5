// Attention in float32 on the CPU, right in one backend and wrong in a way of its own in each of the others: what
// `fvattn verify` has to tell apart.
#include <fvattn/plugin.hpp>

#include <cmath>
#include <limits>
#include <vector>

using namespace fvattn::plugin;

namespace {

enum Fault { none, value, tail, overrun, input, state, scratch, lse_base, pairs, gradient, kFaults };
constexpr const char* kNames[kFaults] = {"RIGHT_ATTN", "VALUE_ATTN",   "TAIL_ATTN", "OVERRUN_ATTN", "INPUT_ATTN",
                                         "STATE_ATTN", "SCRATCH_ATTN", "LSE_ATTN",  "PAIRS_ATTN",   "GRADIENT_ATTN"};
constexpr int64_t kTile = 8;

bool sees(const fvattn_problem& p, bool sparse, int64_t i, int64_t j) {
  if (sparse) return (i / kTile + j / kTile) % 2 == 0;
  return !(p.flags & FVATTN_PROBLEM_CAUSAL) || j <= i + p.kv_len - p.q_len;
}

/// Weights of one query row, and the logarithm of their sum.
double weigh(const Call& call, bool sparse, int64_t b, int64_t i, int64_t h, std::vector<double>& weight) {
  const fvattn_problem& p = call.problem();
  const Rows<const float> q(call.in("q")), k(call.in("k"));
  double top = -std::numeric_limits<double>::infinity(), sum = 0;
  for (int64_t j = 0; j < p.kv_len; ++j) {
    double dot = 0;
    for (int32_t d = 0; d < p.head_dim; ++d) dot += double{q(b, i, h)[d]} * k(b, j, h / (p.heads / p.kv_heads))[d];
    weight[j] = sees(p, sparse, i, j) ? dot * p.scale : -std::numeric_limits<double>::infinity();
    top = std::max(top, weight[j]);
  }
  for (double& w : weight) sum += w = std::isinf(top) ? 0 : std::exp(w - top);
  for (double& w : weight) w /= sum > 0 ? sum : 1;
  return top + std::log(sum);
}

template <Fault kFault, bool kSparse, bool kLies = false>
struct Backend {
  static constexpr const char* name = kSparse ? (kLies ? "LYING_SPARSE_ATTN" : "RIGHT_SPARSE_ATTN") : kNames[kFault];
  static constexpr const char* doc = "for tests";
  static constexpr bool approximate = kSparse;

  static void query(const fvattn_device& device, const fvattn_problem& p, Support& support) {
    support.require(device.type == FVATTN_CPU && dtype(p) == kF32, FVATTN_R_DTYPE, "float32 on the CPU is accepted")
        .require(!(p.flags & FVATTN_PROBLEM_VARLEN), FVATTN_R_VARLEN, "no packed sequences");
  }
  explicit Backend(const fvattn_impl_desc&) {}
  void plan(const fvattn_problem&, const void*, Plan& plan) { plan.flags(FVATTN_PLAN_DETERMINISTIC).workspace_forward(64); }

  void forward(const Call& call) {
    const fvattn_problem& p = call.problem();
    const Rows<float> v(call.in("v")), o(call.out("o"));
    const fvattn_tensor* lse = call.find_out("lse");
    std::vector<double> weight(p.kv_len);
    for (int64_t b = 0; b < p.batch; ++b)
      for (int64_t h = 0; h < p.heads; ++h)
        for (int64_t i = 0; i < p.q_len; ++i) {
          const double sum = weigh(call, kSparse && !kLies, b, i, h, weight);
          if (lse) data<float>(*lse)[(b * p.heads + h) * p.q_len + i] = sum * (kFault == lse_base ? 1.4427 : 1);
          if (kFault == tail && i == p.q_len - 1 && i > 0) continue;
          for (int32_t d = 0; d < p.v_head_dim; ++d) {
            double sum_of_values = 0;
            for (int64_t j = 0; j < p.kv_len; ++j) sum_of_values += weight[j] * v(b, j, h / (p.heads / p.kv_heads))[d];
            o(b, i, h)[d] = sum_of_values * (kFault == value ? 1.001 : 1);
          }
        }
    if (kFault == overrun) o(p.batch - 1, p.q_len - 1, p.heads - 1)[p.v_head_dim] = 1;
    if (kFault == input) v(0, 0, 0)[0] += 1;
    if (kFault == state) o(0, 0, 0)[0] += 1e-7f * static_cast<float>(calls_++ % 2);
    if (kFault == scratch) o(0, 0, 0)[0] += 0 * call.workspace().take<float>(1)[0];
  }

  void backward(const Call& call) {
    const fvattn_problem& p = call.problem();
    const Rows<const float> q(call.in("q")), k(call.in("k")), v(call.in("v")), d_o(call.in("d_o"));
    const Rows<float> d_q(call.out("d_q")), d_k(call.out("d_k")), d_v(call.out("d_v"));
    for (int64_t b = 0; b < p.batch; ++b) {
      for (int64_t j = 0; j < p.kv_len; ++j)
        for (int64_t h = 0; h < p.kv_heads; ++h) {
          for (int32_t d = 0; d < p.head_dim; ++d) d_k(b, j, h)[d] = 0;
          for (int32_t d = 0; d < p.v_head_dim; ++d) d_v(b, j, h)[d] = 0;
        }
      std::vector<double> weight(p.kv_len), change(p.kv_len);
      for (int64_t h = 0; h < p.heads; ++h)
        for (int64_t i = 0; i < p.q_len; ++i) {
          const int64_t kv = h / (p.heads / p.kv_heads);
          weigh(call, kSparse && !kLies, b, i, h, weight);
          double mean = 0;
          for (int64_t j = 0; j < p.kv_len; ++j) {
            change[j] = 0;
            for (int32_t d = 0; d < p.v_head_dim; ++d) change[j] += double{d_o(b, i, h)[d]} * v(b, j, kv)[d];
            mean += weight[j] * change[j];
          }
          for (int32_t d = 0; d < p.head_dim; ++d) d_q(b, i, h)[d] = 0;
          for (int64_t j = 0; j < p.kv_len; ++j) {
            const double d_s = weight[j] * (change[j] - mean) * p.scale;
            for (int32_t d = 0; d < p.head_dim; ++d) {
              d_q(b, i, h)[d] += d_s * k(b, j, kv)[d];
              d_k(b, j, kv)[d] += d_s * q(b, i, h)[d] * (kFault == gradient ? 1.001 : 1);
            }
            for (int32_t d = 0; d < p.v_head_dim; ++d) d_v(b, j, kv)[d] += weight[j] * d_o(b, i, h)[d];
          }
        }
    }
  }

  void describe(const Call& call) {
    const fvattn_problem& p = call.problem();
    const int64_t rows = (p.q_len + kTile - 1) / kTile, columns = (p.kv_len + kTile - 1) / kTile;
    if (const fvattn_tensor* counts = call.find_out("tile_counts")) {
      data<int64_t>(*counts)[0] = rows;
      data<int64_t>(*counts)[1] = columns;
    }
    for (const auto& [output, length] : {std::pair("q_tile", p.q_len), std::pair("k_tile", p.kv_len)})
      if (const fvattn_tensor* tile = call.find_out(output))
        for (int64_t i = 0; i < length; ++i) data<int32_t>(*tile)[i] = static_cast<int32_t>(i / kTile);
    int64_t seen = 0;
    for (int64_t i = 0; i < p.q_len; ++i)
      for (int64_t j = 0; j < p.kv_len; ++j) seen += sees(p, kSparse, i, j);
    if (const fvattn_tensor* map = call.find_out("mask_tiles"))
      for (int64_t n = 0; n < p.batch * p.heads * rows * columns; ++n)
        data<uint8_t>(*map)[n] = !kSparse || (n / columns % rows + n % columns) % 2 == 0;
    if (const fvattn_tensor* count = call.find_out("pairs"))
      *data<int64_t>(*count) = p.batch * p.heads * seen + (kFault == pairs);
  }

 private:
  int64_t calls_ = 0;
};

}  // namespace

FVATTN_PLUGIN("org.fvattn.test.faulty", "1", "fvattn", Backend<none, false>, Backend<value, false>, Backend<tail, false>,
              Backend<overrun, false>, Backend<input, false>, Backend<state, false>, Backend<scratch, false>,
              Backend<lse_base, false>, Backend<pairs, false>, Backend<gradient, false>, Backend<none, true>,
              Backend<none, true, true>)
