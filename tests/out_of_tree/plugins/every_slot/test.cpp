// Every slot of the plain C plugin, with the SDK's test host: no fvattn is needed.
#include <fvattn/testing.hpp>

using namespace fvattn::testing;
namespace plugin = fvattn::plugin;

namespace {

int failures = 0;
void expect(bool ok, const char* what) {
  if (ok) return;
  ++failures;
  std::printf("FAIL %s\n", what);
}

fvattn_kv kv(const char* name, int32_t kind, uint64_t count) {
  fvattn_kv value{};
  value.key = plugin::str(name);
  value.kind = kind;
  value.count = count;
  return value;
}

struct Problem {
  Case c{2, 19, 37, 4, 2, 24, 16, plugin::kF32, false, 0, 8};
  std::mt19937_64 engine{std::random_device{}()};
  Tensors qkv, extras;
  std::vector<double> q, k, v;
  Problem() {
    qkv.emplace("q", Tensor(c.dtype, {c.batch, c.q_len, c.heads, c.head_dim}, c.gap).normal(engine));
    qkv.emplace("k", Tensor(c.dtype, {c.batch, c.kv_len, c.kv_heads, c.head_dim}, c.gap).normal(engine));
    qkv.emplace("v", Tensor(c.dtype, {c.batch, c.kv_len, c.kv_heads, c.v_head_dim}, c.gap).normal(engine));
    extras.emplace("es_bias", Tensor(c.dtype, {c.batch, c.q_len, c.heads, c.v_head_dim}).normal(engine));
    extras.emplace("es_head_scale", Tensor(c.dtype, {c.heads}).normal(engine));
    q = qkv["q"].values(), k = qkv["k"].values(), v = qkv["v"].values();
  }
};

/// Metadata of every kind, an option, both extra tensors: o = factor * gain * head scale * attention + bias.
void all_kinds(const fvattn_backend& backend) {
  Problem x;
  const int64_t ints[] = {1, -3};
  const double numbers[] = {0.25, 0.5};
  const Tensor tensor = Tensor(plugin::kI32, {3}).fill({1, 2, -2});
  const fvattn_tensor view = tensor.c();
  std::vector<fvattn_kv> meta{kv("es_int", FVATTN_I64, 1),   kv("es_number", FVATTN_F64, 1),
                              kv("es_bool", FVATTN_BOOL, 1), kv("es_string", FVATTN_STR, 4),
                              kv("es_ints", FVATTN_I64S, 2), kv("es_numbers", FVATTN_F64S, 2),
                              kv("es_tensor", FVATTN_TENSOR, 1)};
  meta[0].v.i64 = 2, meta[1].v.f64 = 1.5, meta[2].v.i64 = 1, meta[3].v.str = "half", meta[4].v.i64s = ints;
  meta[5].v.f64s = numbers, meta[6].v.tensor = &view;
  const double factor = 2 + 1.5 * 2 + 0.5 + (1 - 3) + 0.75 + 1;
  fvattn_kv gain = kv("es_gain", FVATTN_F64, 1);
  gain.v.f64 = 0.5;
  Session session(backend, x.c, FVATTN_PROBLEM_NEED_GRAD | FVATTN_PROBLEM_NEED_LSE, {meta.data(), meta.size()}, {&gain, 1},
                  x.extras);
  expect(session.query().supported, "query accepts its own keys and tensors");
  session.prepare();
  const int64_t allocations = Host::get().allocations, live = Host::get().live, parallel = Host::get().parallel_calls;
  const Tensors out = session.forward(x.qkv);
  expect(Host::get().allocations == allocations + 1 && Host::get().live == live, "device_alloc is used and freed");
  expect(Host::get().parallel_calls == parallel + 1 && Host::get().ranges == 0, "threads and ranges of the host are used");

  const Reference r = reference_forward(x.c, x.q, x.k, x.v);
  const std::vector<double> bias = x.extras["es_bias"].values(), scale = x.extras["es_head_scale"].values();
  std::vector<double> o = r.o, d_o_scaled(o.size());
  const Tensor d_o = Tensor(x.c.dtype, {x.c.batch, x.c.q_len, x.c.heads, x.c.v_head_dim}, 8).normal(x.engine);
  const std::vector<double> d_out = d_o.values();
  for (size_t i = 0; i < o.size(); ++i) {
    const double times = factor * 0.5 * scale[i / static_cast<size_t>(x.c.v_head_dim) % static_cast<size_t>(x.c.heads)];
    o[i] = o[i] * times + bias[i];
    d_o_scaled[i] = d_out[i] * times;
  }
  expect(relative_l2(out.at("o").values(), o) < 1e-5, "o");
  expect(relative_l2(out.at("lse").values(), r.lse) < 1e-5, "lse, in raster order although the stages reverse");
  expect(out.at("es_row_sum").get(0) >= 1, "the planned output");
  expect(out.at("saved:probability").get(0) >= 0, "the saved tensor");

  const Tensors grads = session.backward(x.qkv, out, d_o);
  const Gradients expected = reference_backward(x.c, x.q, x.k, x.v, d_o_scaled);
  expect(relative_l2(grads.at("d_q").values(), expected.q) < 1e-5, "d_q");
  expect(relative_l2(grads.at("d_k").values(), expected.k) < 1e-5, "d_k");
  expect(relative_l2(grads.at("d_v").values(), expected.v) < 1e-5, "d_v");
  expect(relative_l2(grads.at("d_es_bias").values(), d_out) < 1e-7, "the gradient of an extra tensor");
}

/// The same seed gives the same result, another offset another one, and the mean stays.
void dropout(const fvattn_backend& backend) {
  Problem x;
  const auto run = [&](uint64_t offset) {
    Session session(backend, x.c);
    session.problem().dropout_p = 0.4;
    session.rng().offset = offset;
    session.prepare();
    return session.forward(x.qkv).at("o").values();
  };
  const std::vector<double> once = run(7), plain = reference_forward(x.c, x.q, x.k, x.v).o;
  expect(once == run(7), "dropout repeats with its seed and offset");
  expect(once != run(8), "another offset drops others");
  expect(relative_l2(once, plain) > 0.05, "dropout drops");
}

void tiles(const fvattn_backend& backend) {
  Problem x;
  Session session(backend, x.c);
  session.prepare();
  Tensors counts{{"tile_counts", Tensor(plugin::kI64, {2})}};
  session.describe(x.qkv, counts);
  const auto nq = static_cast<int64_t>(counts["tile_counts"].get(0));
  const auto nk = static_cast<int64_t>(counts["tile_counts"].get(1));
  expect(nq == 2 && nk == 3, "tile counts");
  Tensors rest{{"mask_tiles", Tensor(plugin::kU8, {x.c.batch, x.c.heads, nq, nk})},
               {"q_tile", Tensor(plugin::kI32, {x.c.q_len})},
               {"k_tile", Tensor(plugin::kI32, {x.c.kv_len})},
               {"pairs", Tensor(plugin::kI64, {})}};
  session.describe(x.qkv, rest);
  expect(rest["q_tile"].get(18) == 1 && rest["k_tile"].get(36) == 2 && rest["mask_tiles"].get(47) == 1, "tiles of rows");
  expect(rest["pairs"].get(0) == 2 * 4 * 19 * 37, "pairs");
}

void failing_allocator(const fvattn_backend& backend) {
  Problem x;
  Session session(backend, x.c);
  session.prepare();
  Host::get().fail_at = 1;
  try {
    session.forward(x.qkv);
    expect(false, "a refused allocation is an error");
  } catch (const Failure& failure) {
    expect(failure.status == FVATTN_RESOURCE_EXHAUSTED, "the allocator's status comes through");
  }
}
} // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const fvattn_backend& backend = Library(argv[1]).backend("EVERY_SLOT_ATTN");
  all_kinds(backend);
  dropout(backend);
  tiles(backend);
  failing_allocator(backend);
  const fvattn_device device = cpu_device();
  must("self_test", [&](fvattn_error* e) { return backend.self_test(backend.ctx, &device, nullptr, e); });
  expect(Host::get().log().front() == "every_slot: started", "the log");
  return Suite(backend).sweep().report() + failures > 0 ? 1 : 0;
}
