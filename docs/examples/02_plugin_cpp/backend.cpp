// NEAR_ATTN: each query attends the keys at most `near_radius` places away. Shows what a sparse backend is made of: a key
// of its own, metadata built once a step, workspace laid out in one place, and describe for densities and mask pictures.
#include <fvattn/plugin.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

using namespace fvattn::plugin;

namespace {

class Near {
 public:
  static constexpr const char* name = "NEAR_ATTN";
  static constexpr const char* doc = "a window over the token sequence";
  static constexpr bool approximate = true; // only who asks for it by name gets it

  static Schema meta_keys() { return Schema().key("near_radius", 64, "how far a query sees, in tokens"); }

  struct Meta {
    int64_t radius;
  };
  static Meta meta_build(const fvattn_device&, const KeyValues& values, void* /*stream*/) {
    const auto radius = values.get<int64_t>("near_radius");
    if (radius < 0) fail(FVATTN_INVALID_ARGUMENT, "near_radius is negative, 0 or more is accepted");
    return {radius};
  }

  static void query(const fvattn_device& device, const fvattn_problem& p, Support& support) {
    support.require(device.type == FVATTN_CPU, FVATTN_R_ARCH, "it runs on the CPU")
        .require(dtype(p) == kF32 || dtype(p) == kF64, FVATTN_R_DTYPE, "float32 and float64 are accepted")
        .require(!(p.flags & FVATTN_PROBLEM_CAUSAL), FVATTN_R_CAUSAL, "it is not causal")
        .require(!(p.flags & FVATTN_PROBLEM_VARLEN), FVATTN_R_VARLEN, "one length for all sequences is accepted")
        .require(!(p.flags & FVATTN_PROBLEM_NEED_LSE), FVATTN_R_EXTRA_INPUT, "it gives no lse")
        .require(p.q_len == p.kv_len, FVATTN_R_SHAPE, "queries and keys are the same tokens")
        .require(p.text_len == 0, FVATTN_R_TEXT, "it has no rule for text tokens")
        .require(p.dropout_p == 0, FVATTN_R_DROPOUT, "it has no dropout")
        .score(0.01);
  }

  explicit Near(const fvattn_impl_desc&) {}

  // The radius may differ from step to step, so the workspace is planned for the widest window.
  void plan(const fvattn_problem& p, const Meta* /*meta*/, Plan& plan) {
    Workspace layout;
    weights(layout, p);
    plan.workspace_forward(layout.bytes()).flags(FVATTN_PLAN_DETERMINISTIC);
  }

  void forward(const Call& call) {
    if (dtype(call.problem()) == kF64) attend<double>(call);
    else attend<float>(call);
  }

  // Tiles of one row: the mask is exact.
  void describe(const Call& call) {
    const fvattn_problem& p = call.problem();
    if (const fvattn_tensor* counts = call.find_out("tile_counts"))
      data<int64_t>(*counts)[0] = p.q_len, data<int64_t>(*counts)[1] = p.kv_len;
    for (const char* side : {"q_tile", "k_tile"})
      if (const fvattn_tensor* tile = call.find_out(side))
        for (int64_t i = 0; i < tile->shape[0]; ++i) data<int32_t>(*tile)[i] = static_cast<int32_t>(i);
    int64_t pairs = 0;
    const fvattn_tensor* mask = call.find_out("mask_tiles");
    for (int64_t row = 0; row < p.batch * p.heads * p.q_len; ++row) {
      const auto [first, last] = window(call, row % p.q_len);
      pairs += last - first;
      for (int64_t j = 0; mask && j < p.kv_len; ++j) data<uint8_t>(*mask)[row * p.kv_len + j] = j >= first && j < last;
    }
    if (const fvattn_tensor* out = call.find_out("pairs")) *data<int64_t>(*out) = pairs;
  }

 private:
  /// One row of weights for each (batch, head): the layout that plan measures and forward carves.
  static double* weights(Workspace& workspace, const fvattn_problem& p) {
    return workspace.take<double>(p.batch * p.heads * p.kv_len);
  }
  static std::pair<int64_t, int64_t> window(const Call& call, int64_t i) {
    const Meta* meta = call.meta<Meta>();
    if (!meta) fail(FVATTN_FAILED_PRECONDITION, "NEAR_ATTN needs its metadata: build it with near_radius");
    return {std::max<int64_t>(i - meta->radius, 0), std::min(i + meta->radius + 1, call.problem().kv_len)};
  }

  template <class T>
  void attend(const Call& call) {
    const fvattn_problem& p = call.problem();
    const Rows<const T> q(call.in("q")), k(call.in("k")), v(call.in("v"));
    const Rows<T> o(call.out("o"));
    Workspace workspace = call.workspace();
    double* all = weights(workspace, p);
    const int64_t group = p.heads / p.kv_heads;
    parallel_for(p.batch * p.heads, 1, [&](int64_t lo, int64_t hi) {
      for (int64_t bh = lo; bh < hi; ++bh) {
        const int64_t b = bh / p.heads, h = bh % p.heads;
        double* w = all + bh * p.kv_len;
        for (int64_t i = 0; i < p.q_len; ++i) {
          const auto [first, last] = window(call, i);
          double top = -std::numeric_limits<double>::infinity(), sum = 0;
          for (int64_t j = first; j < last; ++j) {
            w[j] = 0;
            for (int32_t d = 0; d < p.head_dim; ++d) w[j] += double{q(b, i, h)[d]} * k(b, j, h / group)[d];
            top = std::max(top, w[j] *= p.scale);
          }
          for (int64_t j = first; j < last; ++j) sum += w[j] = std::exp(w[j] - top);
          for (int32_t d = 0; d < p.v_head_dim; ++d) {
            double value = 0;
            for (int64_t j = first; j < last; ++j) value += w[j] * v(b, j, h / group)[d];
            o(b, i, h)[d] = static_cast<T>(value / sum);
          }
        }
      }
    });
  }
};

}  // namespace

FVATTN_PLUGIN("org.example.near", "0.1.0", "Example", Near)
