// The sweep that a dense backend must pass: whatever its query accepts has to be right.
#pragma once

#include <fvattn/testing/session.hpp>

namespace fvattn::testing {

/// Prints a line for each problem that fails, and a summary. Random inputs are new in each run; the seed is printed and
/// FVATTN_TEST_SEED repeats it.
class Suite {
 public:
  Suite(const std::string& path, std::string_view backend) : Suite(Library(path).backend(backend)) {}
  explicit Suite(const fvattn_backend& backend) : backend_(backend), name_(plugin::view(backend.name)) {
    const char* seed = std::getenv("FVATTN_TEST_SEED");
    seed_ = seed ? std::strtoull(seed, nullptr, 10) : std::random_device{}();
    engine_.seed(seed_);
  }

  /// Key-values that every session gets besides the schema's defaults; they must outlive the suite.
  Suite& meta(fvattn_kvs kvs) {
    meta_ = kvs;
    return *this;
  }
  Suite& options(fvattn_kvs kvs) {
    options_ = kvs;
    return *this;
  }
  /// Relative L2 error allowed for a dtype. Defaults: float64 1e-12, float32 1e-5, float16 2e-3, bfloat16 1e-2.
  Suite& tolerance(Dtype dtype, double value) {
    tolerances_[plugin::dtype_bit(dtype)] = value;
    return *this;
  }

  /// Odd sizes, grouped heads, causal, unequal lengths, head dims 8 to 256, rows with gaps, in every dtype. What query
  /// refuses is counted and not run.
  Suite& sweep() {
    for (const Dtype dtype : {plugin::kF64, plugin::kF32, plugin::kF16, plugin::kBF16})
      for (const int32_t dim : {8, 40, 64, 72, 128, 256})
        for (const auto& [q_len, kv_len] : {std::pair<int64_t, int64_t>{1, 1}, {7, 63}, {65, 64}, {33, 127}, {130, 31}})
          for (const int32_t kv_heads : {1, 2, 4})
            for (const bool causal : {false, true}) {
              Case c{1 + q_len % 2, q_len, kv_len, 4, kv_heads, dim, dim, dtype, causal};
              c.gap = kv_len % 2 ? 8 : 0;
              check(c);
            }
    return *this;
  }

  /// One problem: forward, lse when the backend gives it, gradients when it has backward.
  Suite& check(const Case& c) {
    try {
      check_forward(c);
      if (backend_.backward) check_backward(c);
    } catch (const std::exception& e) {
      fail(c, e.what());
    }
    return *this;
  }

  /// Prints the summary. 0 when something ran and nothing failed, 1 otherwise: for main to return.
  int report() const {
    std::printf("%s: %d checks right, %d wrong, %d problems refused by query; seed %llu\n", name_.c_str(), passed_, failed_,
                refused_, static_cast<unsigned long long>(seed_));
    if (passed_ == 0 && !last_refusal_.empty()) std::printf("the last refusal: %s\n", last_refusal_.c_str());
    return passed_ > 0 && failed_ == 0 ? 0 : 1;
  }

 private:
  struct Inputs {
    Tensors qkv;
    std::vector<double> q, k, v;
  };
  Inputs random(const Case& c) {
    Inputs in;
    in.qkv.emplace("q", Tensor(c.dtype, {c.batch, c.q_len, c.heads, c.head_dim}, c.gap).normal(engine_));
    in.qkv.emplace("k", Tensor(c.dtype, {c.batch, c.kv_len, c.kv_heads, c.head_dim}, c.gap).normal(engine_));
    in.qkv.emplace("v", Tensor(c.dtype, {c.batch, c.kv_len, c.kv_heads, c.v_head_dim}, c.gap).normal(engine_));
    in.q = in.qkv["q"].values(), in.k = in.qkv["k"].values(), in.v = in.qkv["v"].values();
    return in;
  }
  bool accepts(Session& session) {
    const Answer answer = session.query();
    if (answer.supported != (answer.reasons == 0))
      throw Failure(FVATTN_INTERNAL, "query: `supported` and `reasons` contradict each other");
    if (!answer.supported) {
      ++refused_;
      last_refusal_ = answer.text();
    }
    return answer.supported;
  }

  void check_forward(const Case& c) {
    Session lse_session(backend_, c, FVATTN_PROBLEM_NEED_LSE, meta_, options_);
    Session plain(backend_, c, 0, meta_, options_);
    const bool with_lse = lse_session.query().supported;
    Session& session = with_lse ? lse_session : plain;
    if (!accepts(session)) return;
    session.prepare();
    const Inputs in = random(c);
    const Tensors out = session.forward(in.qkv);
    const Reference reference = reference_forward(c, in.q, in.k, in.v);
    compare(c, "o", out.at("o").values(), reference.o, 1);
    if (!with_lse) return;
    std::vector<double> lse = out.at("lse").values(), expected = reference.lse;
    for (size_t i = 0; i < lse.size(); ++i)
      if (std::isinf(expected[i]) && lse[i] == expected[i]) lse[i] = expected[i] = 0;
    compare(c, "lse", lse, expected, c.dtype == plugin::kF64 ? 1e6 : 1); // lse is float32 in every dtype
  }

  void check_backward(const Case& c) {
    Session session(backend_, c, FVATTN_PROBLEM_NEED_GRAD, meta_, options_);
    if (!accepts(session)) return;
    session.prepare();
    const Inputs in = random(c);
    const Tensor d_o = Tensor(c.dtype, {c.batch, c.q_len, c.heads, c.v_head_dim}, c.gap).normal(engine_);
    const Tensors grads = session.backward(in.qkv, session.forward(in.qkv), d_o);
    const Gradients expected = reference_backward(c, in.q, in.k, in.v, d_o.values());
    compare(c, "d_q", grads.at("d_q").values(), expected.q, 4);
    compare(c, "d_k", grads.at("d_k").values(), expected.k, 4);
    compare(c, "d_v", grads.at("d_v").values(), expected.v, 4);
    check_direction(c, in, d_o.values(), grads);
  }

  /// The gradient along a random direction against a central difference of the float64 reference.
  void check_direction(const Case& c, const Inputs& in, const std::vector<double>& d_o, const Tensors& grads) {
    constexpr double h = 1e-5;
    std::normal_distribution<double> number;
    double predicted = 0, scale = 0;
    const auto moved = [&](const std::vector<double>& x, const std::string& name, std::vector<double>& down) {
      const std::vector<double> g = grads.at(name).values();
      std::vector<double> up = down = x;
      for (size_t i = 0; i < x.size(); ++i) {
        const double step = number(engine_);
        up[i] += h * step, down[i] -= h * step;
        predicted += g[i] * step;
        scale += g[i] * g[i];
      }
      return up;
    };
    std::vector<double> q, k, v;
    const std::vector<double> q_up = moved(in.q, "d_q", q), k_up = moved(in.k, "d_k", k), v_up = moved(in.v, "d_v", v);
    const Reference above = reference_forward(c, q_up, k_up, v_up), below = reference_forward(c, q, k, v);
    double measured = 0;
    for (size_t i = 0; i < d_o.size(); ++i) measured += d_o[i] * (above.o[i] - below.o[i]) / (2 * h);
    const double error = std::fabs(predicted - measured) / std::max(std::sqrt(scale), 1e-30);
    judge(c, "directional derivative", error, std::max(8 * allowed(c.dtype), 1e-6));
  }

  void compare(const Case& c, const char* what, const std::vector<double>& got, const std::vector<double>& want,
               double slack) {
    judge(c, what, relative_l2(got, want), slack * allowed(c.dtype));
  }
  void judge(const Case& c, const char* what, double error, double limit) {
    if (error <= limit) { // false for NaN: unwritten outputs fail
      ++passed_;
      return;
    }
    char text[160];
    std::snprintf(text, sizeof text, "%s: relative error %.3g, at most %.3g is allowed", what, error, limit);
    fail(c, text);
  }
  double allowed(Dtype dtype) const { return tolerances_.at(plugin::dtype_bit(dtype)); }
  void fail(const Case& c, const std::string& text) {
    ++failed_;
    std::printf("FAIL %s B=%d Sq=%d Sk=%d H=%d Hkv=%d D=%d %s%s gap=%d: %s\n", name_.c_str(), static_cast<int>(c.batch),
                static_cast<int>(c.q_len), static_cast<int>(c.kv_len), c.heads, c.kv_heads, c.head_dim,
                plugin::to_string(c.dtype).c_str(), c.causal ? " causal" : "", static_cast<int>(c.gap), text.c_str());
  }

  const fvattn_backend& backend_; // lives as long as the process, as its library does
  std::string name_, last_refusal_;
  fvattn_kvs meta_{}, options_{};
  std::map<uint32_t, double> tolerances_{
      {FVATTN_DT_F64, 1e-12}, {FVATTN_DT_F32, 1e-5}, {FVATTN_DT_F16, 2e-3}, {FVATTN_DT_BF16, 1e-2}};
  std::mt19937_64 engine_;
  uint64_t seed_ = 0;
  int passed_ = 0, failed_ = 0, refused_ = 0;
};

}  // namespace fvattn::testing
