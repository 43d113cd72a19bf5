// What the tests of SLIDING_TILE_ATTN share: metadata by hand, the mask from its definition, one problem against float64.
#pragma once

#include <fvattn/sta/strategy.hpp>
#include <fvattn/testing.hpp>

#include <doctest/doctest.h>

#include <memory>

namespace sta_test {

using namespace fvattn::testing;
namespace plugin = fvattn::plugin;
using fvattn::sta::Window;

const fvattn_backend& backend();

inline std::mt19937_64& engine() {
  static std::mt19937_64 numbers = [] {
    const char* given = std::getenv("FVATTN_TEST_SEED");
    const uint64_t seed = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    std::printf("FVATTN_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
    return std::mt19937_64(seed);
  }();
  return numbers;
}
inline int random_int(int low, int high) { return std::uniform_int_distribution<int>(low, high)(engine()); }

/// `on_cpu`, or on a GPU one of the types that GPUs have.
inline Dtype type_for_device(Dtype on_cpu, Dtype elsewhere = plugin::kBF16) { return on_gpu() ? elsewhere : on_cpu; }

/// Key-values and what they point to; copies share it.
class Meta {
 public:
  Meta& list(const char* key, std::vector<int64_t> values) {
    const auto kept = keep(std::move(values));
    fvattn_kv kv = start(key, FVATTN_I64S, kept->size());
    kv.v.i64s = kept->data();
    return add(kv);
  }
  Meta& text(const char* key, std::string value) {
    const auto kept = keep(std::move(value));
    fvattn_kv kv = start(key, FVATTN_STR, kept->size());
    kv.v.str = kept->c_str();
    return add(kv);
  }
  Meta& flag(const char* key, bool value) {
    fvattn_kv kv = start(key, FVATTN_BOOL, 1);
    kv.v.i64 = value;
    return add(kv);
  }
  Meta& tensor(const char* key, std::vector<int64_t> shape, const std::vector<double>& values) {
    const auto kept = keep(Tensor(plugin::kI32, std::move(shape)));
    kept->fill(values);
    fvattn_kv kv = start(key, FVATTN_TENSOR, 1);
    fvattn_tensor view = kept->c();
    view.device_type = FVATTN_CPU;  // metadata is, whatever the device of the call
    kv.v.tensor = keep(view).get();
    return add(kv);
  }
  Meta& windows(const char* key, const std::vector<Window>& windows) {
    std::vector<double> values;
    for (const Window& w : windows) values.insert(values.end(), w.begin(), w.end());
    return tensor(key, {static_cast<int64_t>(windows.size()), 3}, values);
  }
  fvattn_kvs c() const { return {kvs_.data(), kvs_.size()}; }

 private:
  template <class T>
  std::shared_ptr<T> keep(T value) {
    auto kept = std::make_shared<T>(std::move(value));
    kept_.push_back(kept);
    return kept;
  }
  static fvattn_kv start(const char* key, int32_t kind, size_t count) {
    fvattn_kv kv{};
    kv.key = plugin::str(key);
    kv.kind = kind;
    kv.count = count;
    return kv;
  }
  Meta& add(const fvattn_kv& kv) {
    kvs_.push_back(kv);
    return *this;
  }
  std::vector<fvattn_kv> kvs_;
  std::vector<std::shared_ptr<const void>> kept_;
};

/// The rule itself, token by token.
struct Rule {
  std::array<int, 3> grid, tile;
  int text = 0;

  int video() const { return grid[0] * grid[1] * grid[2]; }
  bool sees(const Window& w, int64_t i, int64_t j) const {
    if (i >= video() || j >= video()) return true;
    int64_t below = video();
    for (size_t a = 0; a < 3; ++a) {
      below /= grid[a];
      const auto q = static_cast<int>(i / below % grid[a]) / tile[a], k = static_cast<int>(j / below % grid[a]) / tile[a];
      const int c = (grid[a] + tile[a] - 1) / tile[a], d = w[a] / 2, n = std::min(2 * d + 1, c),
                start = std::min(std::max(q - d, 0), c - n);
      if (k < start || k >= start + n) return false;
    }
    return true;
  }
  Meta meta() const {
    Meta m;
    m.list("dit_seq_shape", {grid[0], grid[1], grid[2]}).list("tile_size", {tile[0], tile[1], tile[2]});
    return m;
  }
  Case problem(int32_t heads, int32_t kv_heads, int32_t dim, int32_t v_dim, Dtype dtype) const {
    const int64_t rows = video() + text;
    return {1, rows, rows, heads, kv_heads, dim, v_dim, dtype};
  }
};

inline double tolerance(Dtype dtype) {
  return dtype == plugin::kF64 ? 1e-12 : dtype == plugin::kF32 ? 1e-5 : dtype == plugin::kF16 ? 2e-3 : 1e-2;
}

inline Tensors random_inputs(const Case& c) {
  Tensors in;
  in.emplace("q", Tensor(c.dtype, {c.batch, c.q_len, c.heads, c.head_dim}, c.gap).normal(engine()));
  in.emplace("k", Tensor(c.dtype, {c.batch, c.kv_len, c.kv_heads, c.head_dim}, c.gap).normal(engine()));
  in.emplace("v", Tensor(c.dtype, {c.batch, c.kv_len, c.kv_heads, c.v_head_dim}, c.gap).normal(engine()));
  return in;
}

/// Relative to d_o at least: a row that sees a single key has no gradient but rounding errors.
inline double gradient_error(const std::vector<double>& got, const std::vector<double>& want, const Tensor& d_o) {
  const auto norm = [](const std::vector<double>& x) { return relative_l2(x, std::vector<double>(x.size(), 0)); };
  const double size = norm(want), error = size > 0 ? relative_l2(got, want) * size : norm(got);
  return error / std::max(size, 0.05 * norm(d_o.values()));
}

constexpr uint32_t kAll = FVATTN_PROBLEM_NEED_LSE | FVATTN_PROBLEM_NEED_GRAD;

/// o, lse and gradients of a prepared session against the definition (c.visible).
inline void check(Session& session, const Case& c) {
  const Tensors in = random_inputs(c);
  const Tensor d_o = Tensor(c.dtype, {c.batch, c.q_len, c.heads, c.v_head_dim}).normal(engine());
  const Tensors out = session.forward(in), grads = session.backward(in, out, d_o);
  const std::vector<double> q = in.at("q").values(), k = in.at("k").values(), v = in.at("v").values();
  const Reference want = reference_forward(c, q, k, v);
  const Gradients want_grads = reference_backward(c, q, k, v, d_o.values());
  const double limit = tolerance(c.dtype);
  CHECK(relative_l2(out.at("o").values(), want.o) <= limit);
  CHECK(relative_l2(out.at("lse").values(), want.lse) <= std::max(limit, 1e-6));
  CHECK(gradient_error(grads.at("d_q").values(), want_grads.q, d_o) <= 4 * limit);
  CHECK(gradient_error(grads.at("d_k").values(), want_grads.k, d_o) <= 4 * limit);
  CHECK(gradient_error(grads.at("d_v").values(), want_grads.v, d_o) <= 4 * limit);
}

/// What a failing body says; "no error" otherwise.
template <class Body>
std::string message(Body&& body) {
  try {
    body();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace sta_test
