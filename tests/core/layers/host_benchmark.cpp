// What a warm call costs on the host above torch's own attention, on tensors so small that computing costs nothing. The
// bar is 15 us.
#include <fvattn/torch/local_attention.hpp>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <benchmark/benchmark.h>

namespace {

using namespace fvattn;

struct Bench {
  at::Tensor q = at::randn({1, 4, 1, 8}), k = at::randn({1, 4, 1, 8}), v = at::randn({1, 4, 1, 8});
  LocalAttention layer = nullptr;

  Bench() {
    at::set_num_threads(1);
    static Context context(Environment::from({}));
    LocalAttentionOptions options;
    options.num_heads = 1;
    options.head_size = 8;
    options.prefix = "transformer.blocks.27.attn1";
    options.backend = "TORCH_SDPA";
    options.context = &context;
    layer = LocalAttention(options);
  }
  void learn() {
    for (at::Tensor* t : {&q, &k, &v}) t->requires_grad_(true);
  }
  at::Tensor torch_attention() const {
    return at::scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)).transpose(1, 2);
  }
};

void torch_forward(benchmark::State& state) {
  const Bench bench;
  const at::NoGradGuard no_grad;
  for (auto _ : state) benchmark::DoNotOptimize(bench.torch_attention());
}
BENCHMARK(torch_forward);

void local_attention_forward(benchmark::State& state) {
  Bench bench;
  const at::NoGradGuard no_grad;
  for (auto _ : state) benchmark::DoNotOptimize(bench.layer->forward(bench.q, bench.k, bench.v));
}
BENCHMARK(local_attention_forward);

void torch_recorded(benchmark::State& state) {
  Bench bench;
  bench.learn();
  for (auto _ : state) benchmark::DoNotOptimize(bench.torch_attention());
}
BENCHMARK(torch_recorded);

void local_attention_recorded(benchmark::State& state) {
  Bench bench;
  bench.learn();
  for (auto _ : state) benchmark::DoNotOptimize(bench.layer->forward(bench.q, bench.k, bench.v));
}
BENCHMARK(local_attention_recorded);

}  // namespace

BENCHMARK_MAIN();
