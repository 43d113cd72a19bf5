#include "bench/host_overhead.hpp"

#include "bench/rounds.hpp"

#include <fvattn/context.hpp>
#include <fvattn/plugin.hpp>
#include <fvattn/torch/local_attention.hpp>

#include <ATen/ATen.h>
#include <torch/cuda.h>

namespace {

/// Takes every problem, computes nothing.
struct NullBackend {
  static constexpr const char* name = "FVATTN_BENCH_NULL";
  static constexpr const char* doc = "does nothing: what is left is the host's work";
  static void query(const fvattn_device&, const fvattn_problem&, fvattn::plugin::Support& support) { support.score(0.01); }
  explicit NullBackend(const fvattn_impl_desc&) {}
  void plan(const fvattn_problem&, const void*, fvattn::plugin::Plan&) {}
  void forward(const fvattn::plugin::Call&) {}
};

}  // namespace

FVATTN_PLUGIN("org.fvattn.bench", "1", "fvattn", NullBackend)

namespace fvattn::bench {
namespace {

constexpr int kCalls = 200, kRounds = 25;

double microseconds(const Work& work, at::Device place) {
  const Timer host(at::kCPU);
  std::vector<double> rounds;
  for (int i = 0; i < kCalls; ++i) work();
  for (int round = 0; round < kRounds; ++round) {
    if (place.is_cuda()) torch::cuda::synchronize(place.index());
    rounds.push_back(1e3 * host.time(work, kCalls) / kCalls);
  }
  return median(rounds);
}

LocalAttention layer_of(const std::string& backend, Context& context) {
  LocalAttentionOptions options;
  options.num_heads = 2;
  options.head_size = 64;
  options.backend = backend;
  options.context = &context;
  LocalAttention layer(options);
  layer->eval();
  return layer;
}

}  // namespace

std::vector<HostCost> measure_host(const Device& device, at::Device place) {
  const at::NoGradGuard no_grad;
  Context own;
  const Status added = own.registry().add(fvattn_plugin_entry_v1);
  if (!added.ok()) throw Error(added);
  std::vector<HostCost> costs;
  const at::TensorOptions options = at::TensorOptions(place.is_cuda() ? at::kBFloat16 : at::kFloat).device(place);
  const at::Tensor x = at::randn({1, 64, 2, 64}, options);

  Problem problem;
  problem.q_len = problem.kv_len = 64;
  problem.heads = problem.kv_heads = 2;
  problem.dtype_code = place.is_cuda() ? FVATTN_DTYPE_BFLOAT : FVATTN_DTYPE_FLOAT;
  problem.dtype_bits = place.is_cuda() ? 16 : 32;
  for (const char* name : {"", NullBackend::name}) {
    Request request;
    request.backend = name;
    const auto first = own.selector().select(request, device, problem);
    if (!first) continue;  // nobody serves this device by automatic choice
    costs.push_back({std::string("selection from the memo, ") + (*name == '\0' ? "automatic" : "by name"),
                     microseconds([&] { (void)own.selector().select(request, device, problem); }, at::kCPU)});
  }
  LocalAttention null = layer_of(NullBackend::name, own);
  costs.push_back({"LocalAttention, a backend that does nothing", microseconds([&] { null->forward(x, x, x); }, place)});
  for (const std::string& name : default_context().registry().backend_names()) {
    LocalAttention layer = layer_of(name, default_context());
    try {
      layer->forward(x, x, x);
    } catch (const Error&) {
      continue;  // it cannot serve so plain a call
    }
    const std::string what = place.is_cuda() ? "until a call of " + name + " is enqueued"
                                             : "a call of " + name + " on 64 tokens, attention included";
    costs.push_back({what, microseconds([&] { layer->forward(x, x, x); }, place)});
  }
  return costs;
}

}  // namespace fvattn::bench
