// @NAME@_ATTN: exact attention in float32 on the CPU. Replace forward by your own, and let query say what it takes.
#include <fvattn/plugin.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

using namespace fvattn::plugin;

namespace {

class Backend {
 public:
  static constexpr const char* name = "@NAME@_ATTN";
  static constexpr const char* doc = "exact attention on the CPU";

  static void query(const fvattn_device& device, const fvattn_problem& p, Support& support) {
    support.require(device.type == FVATTN_CPU, FVATTN_R_ARCH, "it runs on the CPU")
        .require(dtype(p) == kF32, FVATTN_R_DTYPE, "%s came, float32 is accepted", to_string(dtype(p)).c_str())
        .require(!(p.flags & FVATTN_PROBLEM_VARLEN), FVATTN_R_VARLEN, "one length for all sequences is accepted")
        .require(p.dropout_p == 0, FVATTN_R_DROPOUT, "it has no dropout")
        .score(0.01);
  }

  explicit Backend(const fvattn_impl_desc&) {}

  void plan(const fvattn_problem&, const void* /*meta*/, Plan& plan) { plan.flags(FVATTN_PLAN_DETERMINISTIC); }

  void forward(const Call& call) {
    const fvattn_problem& p = call.problem();
    const Rows<const float> q(call.in("q")), k(call.in("k")), v(call.in("v"));
    const Rows<float> o(call.out("o"));
    const fvattn_tensor* lse = call.find_out("lse");
    const int64_t group = p.heads / p.kv_heads;
    parallel_for(p.batch * p.heads * p.q_len, 16, [&](int64_t lo, int64_t hi) {
      std::vector<double> weight(static_cast<size_t>(p.kv_len));
      for (int64_t row = lo; row < hi; ++row) {
        const int64_t i = row % p.q_len, h = row / p.q_len % p.heads, b = row / p.q_len / p.heads;
        const int64_t shift = p.kv_len - p.q_len; // causal is bottom-right aligned
        const int64_t keys = p.flags & FVATTN_PROBLEM_CAUSAL ? std::clamp<int64_t>(i + shift + 1, 0, p.kv_len) : p.kv_len;
        double top = -std::numeric_limits<double>::infinity(), sum = 0;
        for (int64_t j = 0; j < keys; ++j) {
          double dot = 0;
          for (int32_t d = 0; d < p.head_dim; ++d) dot += double{q(b, i, h)[d]} * k(b, j, h / group)[d];
          top = std::max(top, weight[static_cast<size_t>(j)] = dot * p.scale);
        }
        for (int64_t j = 0; j < keys; ++j) {
          double& w = weight[static_cast<size_t>(j)];
          sum += w = std::exp(w - top);
        }
        for (int32_t d = 0; d < p.v_head_dim; ++d) {
          double value = 0; // a row that sees no key gives 0
          for (int64_t j = 0; j < keys; ++j) value += weight[static_cast<size_t>(j)] * v(b, j, h / group)[d];
          o(b, i, h)[d] = static_cast<float>(keys > 0 ? value / sum : 0);
        }
        if (lse) data<float>(*lse)[row] = static_cast<float>(top + std::log(sum)); // [batch, heads, q_len]
      }
    });
  }
};

}  // namespace

FVATTN_PLUGIN("org.example.@name@", "0.1.0", "Example", Backend)
