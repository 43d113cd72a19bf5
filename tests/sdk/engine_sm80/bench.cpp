#include "bench.hpp"

#include "bench_configs.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <random>
#include <vector>

namespace fvattn::engine::sm80::test {

namespace {

constexpr int kRounds = 7;

/// Random bf16 of N(0, 1), [B, S, H, D] contiguous.
struct BenchTensor {
  BenchTensor(int batch, int rows, int heads, int columns)
      : stride_row(std::int64_t(heads) * columns), stride_batch(rows * stride_row), stride_head(columns) {
    const std::size_t count = static_cast<std::size_t>(batch * stride_batch);
    static std::vector<std::uint16_t> pattern;
    if (pattern.empty()) {
      std::normal_distribution<float> normal;
      pattern.resize(1 << 20);
      for (auto& value : pattern) value = to_bits(Type::bfloat16, normal(random_engine()));
    }
    if (cudaMalloc(&data, count * 2) != cudaSuccess) std::abort();
    for (std::size_t at = 0; at < count; at += pattern.size()) {
      const std::size_t some = std::min(pattern.size(), count - at);
      cudaMemcpy(static_cast<std::uint16_t*>(data) + at, pattern.data(), some * 2, cudaMemcpyHostToDevice);
      std::rotate(pattern.begin(), pattern.begin() + 7919, pattern.end());
    }
  }
  BenchTensor(const BenchTensor&) = delete;
  BenchTensor& operator=(const BenchTensor&) = delete;
  ~BenchTensor() { cudaFree(data); }
  ConstTensor view() const { return {data, stride_batch, stride_row, stride_head}; }
  MutableTensor mutable_view() const { return {data, stride_batch, stride_row, stride_head}; }

  void* data = nullptr;
  std::int64_t stride_row, stride_batch, stride_head;
};

struct BenchShape {
  const char* name;
  int batch, q_len, kv_len, q_heads, kv_heads, head_dim;
  bool causal;

  double forward_flops() const {
    const double pairs = causal ? 0.5 * q_len * (kv_len + 1.0) : double(q_len) * kv_len;
    return 4.0 * batch * q_heads * pairs * head_dim;
  }
};

bool failed = false;

/// Median milliseconds of kRounds launches after two to warm up.
double milliseconds(const std::function<cudaError_t()>& run) {
  cudaEvent_t begin, end;
  cudaEventCreate(&begin);
  cudaEventCreate(&end);
  std::vector<float> times;
  for (int i = 0; i < kRounds + 2; ++i) {
    cudaEventRecord(begin);
    cudaError_t error = run();
    cudaEventRecord(end);
    if (error == cudaSuccess) error = cudaEventSynchronize(end);
    if (error != cudaSuccess) {
      std::printf("launch failed: %s\n", cudaGetErrorString(error));
      failed = true;
      return std::nan("");
    }
    float time = 0.0f;
    cudaEventElapsedTime(&time, begin, end);
    if (i >= 2) times.push_back(time);
  }
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  std::nth_element(times.begin(), times.begin() + kRounds / 2, times.end());
  return times[kRounds / 2];
}

void report(const char* shape, const char* what, double flops, double ms) {
  std::printf("%-34s %-34s %9.3f ms %7.1f TFLOP/s\n", shape, what, ms, flops / ms * 1e-9);
  std::fflush(stdout);
}

template <class Config>
void bench_forward_as(const BenchShape& shape, const ForwardArgs& args, const char* what) {
  const double ms = milliseconds([&] {
    if (!shape.causal) return run_forward<Config>(Type::bfloat16, args, DensePolicy<false>{{shape.q_len}, {shape.kv_len}});
    return run_forward<Config>(Type::bfloat16, args, DensePolicy<true>{{shape.q_len}, {shape.kv_len}});
  });
  report(shape.name, what, shape.forward_flops(), ms);
}

template <class Config>
void bench_candidate(const BenchShape& shape, const ForwardArgs& args, const char* what) {
  if (Config::kHeadDim != shape.head_dim || shape.causal || shape.q_len != shape.kv_len) return;
  const DensePolicy<false> policy{{shape.q_len}, {shape.kv_len}};
  report(shape.name, what, shape.forward_flops(),
         milliseconds([&] { return run_forward<Config, __nv_bfloat16>(args, policy, nullptr); }));
}

template <class T>
struct Unwrap;
template <class T>
struct Unwrap<void(T)> {
  using type = T;
};

void bench_forward(const BenchShape& shape) {
  const BenchTensor q(shape.batch, shape.q_len, shape.q_heads, shape.head_dim);
  const BenchTensor k(shape.batch, shape.kv_len, shape.kv_heads, shape.head_dim);
  const BenchTensor v(shape.batch, shape.kv_len, shape.kv_heads, shape.head_dim);
  const BenchTensor o(shape.batch, shape.q_len, shape.q_heads, shape.head_dim);
  const ForwardArgs args{q.view(), k.view(), v.view(), o.mutable_view(), {}, shape.batch, shape.q_heads, shape.kv_heads,
                         shape.head_dim, 1.0f / std::sqrt(float(shape.head_dim))};
  switch (padded_head_dim(shape.head_dim)) {
    case 64: bench_forward_as<DenseForward<64>>(shape, args, "forward"); break;
    case 96: bench_forward_as<DenseForward<96>>(shape, args, "forward"); break;
    case 128: bench_forward_as<DenseForward<128>>(shape, args, "forward"); break;
    case 192: bench_forward_as<DenseForward<192>>(shape, args, "forward"); break;
    default: bench_forward_as<DenseForward<256>>(shape, args, "forward"); break;
  }
#define FVATTN_BENCH(Config) bench_candidate<Unwrap<void Config>::type>(shape, args, "  " #Config);
  FVATTN_FORWARD_CANDIDATES(FVATTN_BENCH)
}

template <class Config>
void bench_backward_as(const BenchShape& shape, BackwardArgs args) {
  for (const bool deterministic : {false, true}) {
    args.deterministic = deterministic;
    const auto run = [&](const auto& policy) {
      if (cudaMalloc(&args.workspace, backward_bytes<Config>(Type::bfloat16, args, policy)) != cudaSuccess) std::abort();
      const double ms = milliseconds([&] { return run_backward<Config>(Type::bfloat16, args, policy); });
      cudaFree(args.workspace);
      report(shape.name, deterministic ? "backward, deterministic" : "backward", 2.5 * shape.forward_flops(), ms);
    };
    if (shape.causal) run(DensePolicy<true>{{shape.q_len}, {shape.kv_len}});
    else run(DensePolicy<false>{{shape.q_len}, {shape.kv_len}});
  }
}

void bench_backward(const BenchShape& shape) {
  const BenchShape& n = shape;
  const BenchTensor q(n.batch, n.q_len, n.q_heads, n.head_dim), o(n.batch, n.q_len, n.q_heads, n.head_dim);
  const BenchTensor d_o(n.batch, n.q_len, n.q_heads, n.head_dim), d_q(n.batch, n.q_len, n.q_heads, n.head_dim);
  const BenchTensor k(n.batch, n.kv_len, n.kv_heads, n.head_dim), d_k(n.batch, n.kv_len, n.kv_heads, n.head_dim);
  const BenchTensor v(n.batch, n.kv_len, n.kv_heads, n.head_dim), d_v(n.batch, n.kv_len, n.kv_heads, n.head_dim);
  // The log of the number of keys: close enough to keep the probabilities in range.
  const std::vector<float> lse(static_cast<std::size_t>(n.batch) * n.q_heads * n.q_len, std::log(float(n.kv_len)));
  void* lse_data = nullptr;
  if (cudaMalloc(&lse_data, lse.size() * sizeof(float)) != cudaSuccess) std::abort();
  cudaMemcpy(lse_data, lse.data(), lse.size() * sizeof(float), cudaMemcpyHostToDevice);
  BackwardArgs args;
  args.q = q.view(), args.k = k.view(), args.v = v.view(), args.o = o.view(), args.d_o = d_o.view();
  args.d_q = d_q.mutable_view(), args.d_k = d_k.mutable_view(), args.d_v = d_v.mutable_view();
  args.lse = {static_cast<const float*>(lse_data), std::int64_t(shape.q_heads) * shape.q_len, shape.q_len};
  args.batch = args.stored_batch = shape.batch;
  args.q_rows = shape.q_len, args.q_heads = shape.q_heads, args.kv_heads = shape.kv_heads, args.head_dim = shape.head_dim;
  args.scale = 1.0f / std::sqrt(float(shape.head_dim));
  switch (padded_head_dim(shape.head_dim)) {
    case 64: bench_backward_as<DenseBackward<64>>(shape, args); break;
    case 96: bench_backward_as<DenseBackward<96>>(shape, args); break;
    case 128: bench_backward_as<DenseBackward<128>>(shape, args); break;
    case 192: bench_backward_as<DenseBackward<192>>(shape, args); break;
    default: bench_backward_as<DenseBackward<256>>(shape, args); break;
  }
  cudaFree(lse_data);
}

}  // namespace

int bench() {
  const BenchShape shapes[] = {
      {"Wan 1.3B (1,32760,12,128)", 1, 32760, 32760, 12, 12, 128, false},
      {"(1,16384,16,64)", 1, 16384, 16384, 16, 16, 64, false},
      {"causal (1,16384,16,128)", 1, 16384, 16384, 16, 16, 128, true},
      {"causal (1,16384,16,64)", 1, 16384, 16384, 16, 16, 64, true},
      {"GQA (1,8192,32/8,128)", 1, 8192, 8192, 32, 8, 128, false},
      {"(16,512,16,128)", 16, 512, 512, 16, 16, 128, false},
      {"cross (1,32760x512,12,128)", 1, 32760, 512, 12, 12, 128, false},
      {"(1,8192,16,80)", 1, 8192, 8192, 16, 16, 80, false},
      {"(1,8192,16,96)", 1, 8192, 8192, 16, 16, 96, false},
      {"(1,8192,16,192)", 1, 8192, 8192, 16, 16, 192, false},
      {"(1,8192,16,256)", 1, 8192, 8192, 16, 16, 256, false},
  };
  for (const BenchShape& shape : shapes) bench_forward(shape);
  for (const BenchShape& shape : shapes) bench_backward(shape);
  return failed ? 1 : 0;
}

}  // namespace fvattn::engine::sm80::test
