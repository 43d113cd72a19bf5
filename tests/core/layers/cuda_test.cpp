// On a GPU: agreement with the CPU, no device malloc in a warm call, graph capture and replay, memory for plugins.
// Exits with 77 where there is no GPU. No CUDA headers: the graph is captured through the driver and torch's allocator.
#define DOCTEST_CONFIG_IMPLEMENT
#include "fixture.hpp"

#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <cstdio>
#include <dlfcn.h>

using namespace fvattn;
using namespace fvattn::test;

namespace {

at::TensorOptions on_cuda(at::ScalarType type) { return at::TensorOptions(type).device(at::kCUDA, 0); }

int64_t device_mallocs() { return c10::getDeviceAllocator(at::kCUDA)->getDeviceStats(0).num_device_alloc; }

template <class F>
F driver(const char* name) {
  static void* library = dlopen("libcuda.so.1", RTLD_NOW);
  auto function = reinterpret_cast<F>(dlsym(library, name));
  REQUIRE((function != nullptr));
  return function;
}

/// A CUDA graph of `body`, captured on a side stream. What body allocates must stay alive with the graph.
class Graph {
 public:
  explicit Graph(const std::function<void()>& body) {
    const c10::impl::VirtualGuardImpl impl(at::kCUDA);
    const c10::Stream side = impl.getStreamFromGlobalPool(c10::Device(at::kCUDA, 0));
    const c10::StreamGuard guard(side);
    constexpr int kThreadLocal = 1;
    for (int i = 0; i < 2; ++i) body();  // plans, kernels and cached memory
    impl.synchronizeStream(side);
    REQUIRE((driver<int (*)(void*, int)>("cuStreamBeginCapture_v2")(side.native_handle(), kThreadLocal) == 0));
    body();
    void* graph = nullptr;
    REQUIRE((driver<int (*)(void*, void**)>("cuStreamEndCapture")(side.native_handle(), &graph) == 0));
    REQUIRE(
        (driver<int (*)(void**, void*, unsigned long long)>("cuGraphInstantiateWithFlags")(&executable_, graph, 0) == 0));
    stream_ = side.native_handle();
  }
  void replay() {
    REQUIRE((driver<int (*)(void*, void*)>("cuGraphLaunch")(executable_, stream_) == 0));
    REQUIRE((driver<int (*)(void*)>("cuStreamSynchronize")(stream_) == 0));
  }

 private:
  void *executable_ = nullptr, *stream_ = nullptr;
};

}  // namespace

TEST_CASE("cuda agrees with float64 on the CPU, forward and gradients") {
  for (const auto& [type, allowed] :
       {std::pair{at::kDouble, 1e-11}, {at::kFloat, 1e-4}, {at::kBFloat16, 2e-2}, {at::kHalf, 3e-3}})
    for (const bool causal : {false, true})
      for (const auto& [q_len, kv_len] : {std::pair<int64_t, int64_t>{65, 65}, {33, 130}, {130, 33}})
        for (const int64_t dim : {40, 128})
          for (const bool masked : {false, true}) {
            LocalAttentionOptions options = layer_options(4, dim);
            options.num_kv_heads = 2;
            options.causal = causal;
            LocalAttention layer(options);
            QKV t = random_qkv(2, q_len, kv_len, 4, 2, dim, on_cuda(type));
            for (at::Tensor* x : {&t.q, &t.k, &t.v}) x->requires_grad_(true);
            Extras extras;
            at::Tensor attend;
            if (masked) {
              attend = at::rand({2, 1, q_len, kv_len}, on_cuda(at::kFloat)) > 0.5;
              attend.select(2, 3).fill_(false);
              extras.tensors["mask"] = attend;
            }
            CallOptions call;
            call.return_lse = true;
            const AttentionOutputs outputs = layer->forward_all(t.q, t.k, t.v, extras, call);
            at::Tensor q = t.q.detach().cpu().to(at::kDouble).requires_grad_(true),
                       k = t.k.detach().cpu().to(at::kDouble).requires_grad_(true),
                       v = t.v.detach().cpu().to(at::kDouble).requires_grad_(true);
            const Expected expected = reference(q, k, v, layer->softmax_scale(), causal, attend);
            CAPTURE(static_cast<int>(type));
            CAPTURE(causal);
            CAPTURE(q_len);
            CAPTURE(dim);
            CAPTURE(masked);
            CHECK(relative_error(outputs.o, expected.o) < allowed);
            CHECK(relative_error(outputs.named.at("lse"), expected.lse) < std::max(allowed, 1e-5));
            const at::Tensor d_o = at::randn(outputs.o.sizes(), on_cuda(type));
            const auto got = torch::autograd::grad({outputs.o}, {t.q, t.k, t.v}, {d_o});
            const auto want = torch::autograd::grad({expected.o}, {q, k, v}, {d_o.cpu().to(at::kDouble)});
            for (size_t i = 0; i < 3; ++i)
              CHECK(relative_error(got[i], want[i], 0.05 * d_o.to(at::kDouble).norm().item<double>()) < 4 * allowed);
          }
}

TEST_CASE("a warm call asks the device for no memory") {
  LocalAttention layer(layer_options(4, 64));
  QKV t = random_qkv(1, 512, 512, 4, 4, 64, on_cuda(at::kHalf));
  for (at::Tensor* x : {&t.q, &t.k, &t.v}) x->requires_grad_(true);
  const at::Tensor d_o = at::ones_like(t.q);
  const auto step = [&] { torch::autograd::grad({layer->forward(t.q, t.k, t.v)}, {t.q, t.k, t.v}, {d_o}); };
  for (int i = 0; i < 3; ++i) step();
  const int64_t before = device_mallocs();
  for (int i = 0; i < 20; ++i) step();
  CHECK(device_mallocs() == before);
  CHECK(layer->counters().plans == 1);
}

TEST_CASE("a captured graph replays right on new inputs") {
  for (const bool causal : {false, true}) {
    LocalAttentionOptions options = layer_options(4, 64);
    options.causal = causal;
    LocalAttention layer(options);
    const QKV t = random_qkv(1, 96, 160, 4, 4, 64, on_cuda(at::kHalf));
    const at::Tensor mask = at::ones({160}, on_cuda(at::kBool));
    CallOptions call;
    call.return_lse = true;
    AttentionOutputs outputs;
    std::vector<AttentionOutputs> kept;  // the private pool that torch.cuda.graph has is not used here
    Graph graph([&] {
      const at::NoGradGuard no_grad;
      outputs = layer->forward_all(t.q, t.k, t.v, {{{"mask", mask}}, {}}, call);
      kept.push_back(outputs);
    });
    for (int i = 0; i < 10; ++i) {
      for (const at::Tensor& x : {t.q, t.k, t.v}) x.copy_(at::randn_like(x));
      mask.copy_(at::rand({160}, on_cuda(at::kFloat)) > 0.4);
      c10::impl::VirtualGuardImpl(at::kCUDA).synchronizeDevice(0);
      graph.replay();
      const Expected expected = reference(t.q, t.k, t.v, layer->softmax_scale(), causal, mask.view({1, 1, 1, 160}));
      CHECK(relative_error(outputs.o, expected.o) < 3e-3);
      CHECK(relative_error(outputs.named.at("lse"), expected.lse) < 3e-3);
    }
  }
}

TEST_CASE("dropout is refused under capture, and repeats with its seed otherwise") {
  LocalAttentionOptions options = layer_options(2, 64);
  options.dropout_p = 0.3;
  LocalAttention layer(options);
  layer->train();
  const QKV t = random_qkv(1, 64, 64, 2, 2, 64, on_cuda(at::kFloat));
  CallOptions call;
  call.dropout_seed = 5;
  const at::Tensor first = layer->forward_all(t.q, t.k, t.v, {}, call).o;
  CHECK(at::equal(first, layer->forward_all(t.q, t.k, t.v, {}, call).o));
  std::string refusal;
  int runs = 0;
  Graph graph([&] {
    if (++runs == 3) refusal = error_of([&] { layer->forward_all(t.q, t.k, t.v, {}, call); });
  });
  CHECK_CONTAINS(refusal, "dropout cannot be captured");
}

TEST_CASE("plugins get memory from torch's allocator, on any stream") {
  const fvattn_host& host = *host_table();
  const c10::impl::VirtualGuardImpl impl(at::kCUDA);
  const c10::Stream side = impl.getStreamFromGlobalPool(c10::Device(at::kCUDA, 0));
  void* own = nullptr;
  REQUIRE((driver<int (*)(void**, unsigned)>("cuStreamCreate")(&own, 1) == 0));
  for (void* stream : {reinterpret_cast<void*>(0x1), side.native_handle(), own}) {
    const int64_t before = device_mallocs();
    for (int i = 0; i < 3; ++i) {
      fvattn_buf buf{};
      REQUIRE(host.device_alloc(host.ctx, 0, stream, 1 << 20, 256, &buf, nullptr) == FVATTN_OK);
      CHECK(reinterpret_cast<uintptr_t>(buf.p) % 256 == 0);
      host.record_stream(host.ctx, 0, buf, side.native_handle());
      host.device_free(host.ctx, 0, stream, buf);
    }
    CHECK(device_mallocs() <= before + 3);
  }
  fvattn_buf buf{};
  CHECK(host.device_alloc(host.ctx, 0, nullptr, uint64_t{1} << 50, 256, &buf, nullptr) == FVATTN_RESOURCE_EXHAUSTED);
}

int main(int argc, char** argv) {
  if (!at::hasCUDA() || cuda_device_count() == 0) {
    std::puts("skipped: no CUDA device");
    return 77;
  }
  return doctest::Context(argc, argv).run();
}
