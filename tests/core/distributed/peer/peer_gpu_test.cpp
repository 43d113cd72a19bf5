// Thread ranks on one GPU with the peer transport's kernels: the bytes of the thread transport, replays of recorded graphs,
// and the time beside a plain copy. Skipped where there is no GPU.
#define DOCTEST_CONFIG_IMPLEMENT
#include "core/distributed/group.hpp"

#include <fvattn/distributed/peer.hpp>

#include <doctest/doctest.h>

#include <cuda_runtime_api.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <random>

using namespace fvattn;
using namespace fvattn::test;

namespace {

class Memory {
 public:
  explicit Memory(size_t bytes) { REQUIRE(cudaMalloc(&data_, std::max<size_t>(bytes, 1)) == cudaSuccess); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() { cudaFree(data_); }
  std::byte* get() const { return static_cast<std::byte*>(data_); }

 private:
  void* data_ = nullptr;
};

constexpr CommunicatorOptions kLimits{std::chrono::seconds(5), std::chrono::seconds(30)};  // a hang is a failure soon

Group peer_group(int ranks, bool shares, int writers = 32) {
  const Group bootstrap = make_thread_communicators(ranks);
  Group group(bootstrap.size());
  on_ranks(bootstrap, [&](Communicator& self) {
    const auto r = static_cast<size_t>(self.rank());
    auto made = make_peer_communicator(bootstrap[r], {0, shares, writers, kLimits});
    if (made) group[r] = *made;
    if (!made) std::printf("%s\n", made.status().text().c_str());
  });
  for (const auto& rank : group) REQUIRE(rank != nullptr);
  return group;
}

/// q of one rank, and where its heads of the whole sequence arrive, on the GPU.
struct Scatter {
  Scatter(Communicator& self, int64_t rows, int64_t heads, int64_t head_bytes)
      : sequence(split_evenly(rows, self.size())),
        split(split_evenly(heads, self.size())),
        rank(static_cast<size_t>(self.rank())),
        source_bytes(sequence[rank].size * heads * head_bytes),
        target_bytes(rows * split[rank].size * head_bytes),
        source(static_cast<size_t>(source_bytes)),
        target(static_cast<size_t>(target_bytes)) {
    REQUIRE(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
    exchange = {"scatter_heads",
                {{"q", Pattern::scatter_heads, sequence, split,
                  {source.get(), 1, sequence[rank].size, heads, head_bytes, heads * head_bytes, source_bytes},
                  {target.get(), 1, rows, split[rank].size, head_bytes, split[rank].size * head_bytes, target_bytes}}},
                nullptr, 0, stream};
  }
  ~Scatter() { cudaStreamDestroy(stream); }

  void fill(unsigned seed) {
    host.resize(static_cast<size_t>(source_bytes));
    got.resize(static_cast<size_t>(target_bytes));
    expected.resize(got.size());
    std::mt19937 random(seed * 64 + static_cast<unsigned>(rank));
    for (std::byte& x : host) x = static_cast<std::byte>(random());
    cudaMemcpyAsync(source.get(), host.data(), host.size(), cudaMemcpyHostToDevice, stream);
    cudaMemsetAsync(target.get(), 0xff, got.size(), stream);
  }
  // After the same exchange between threads of the CPU.
  bool is_right(Communicator& threads) {
    cudaMemcpyAsync(got.data(), target.get(), got.size(), cudaMemcpyDeviceToHost, stream);
    cudaStreamSynchronize(stream);
    Exchange same = exchange;
    same.device = -1;
    same.transfers[0].source.data = host.data();
    same.transfers[0].target.data = expected.data();
    return threads.exchange(same).ok() && got == expected;
  }

  const Ranges sequence, split;
  const size_t rank;
  const int64_t source_bytes, target_bytes;
  Memory source, target;
  cudaStream_t stream = nullptr;
  Exchange exchange;
  std::vector<std::byte> host, got, expected;
};

}  // namespace

TEST_CASE("thread ranks on one GPU: the bytes of the thread transport, in place and through slots") {
  for (const int ranks : {1, 2, 3, 4, 8})
    for (const bool shares : {true, false}) {
      if (!shares && ranks > 1) continue;  // CUDA IPC handles cannot be opened by the process that made them
      CAPTURE(ranks);
      const Group group = peer_group(ranks, shares), threads = make_thread_communicators(ranks);
      std::atomic<int> wrong = 0;
      on_ranks(group, [&](Communicator& self) {
        for (const int64_t head_bytes : {256, 24, 6}) {
          Scatter scatter(self, 75, 12, head_bytes);
          for (unsigned i = 0; i < 5; ++i) {
            scatter.fill(i);
            wrong += !self.exchange(scatter.exchange).ok();
            wrong += !scatter.is_right(*threads[scatter.rank]);
          }
        }
      });
      CHECK(wrong == 0);
      for (const auto& rank : group) CHECK(rank->stats().copies == (shares ? 0 : 15));
    }
}

TEST_CASE("recorded in a graph and replayed 100 times, with odd and even numbers of exchanges in it") {
  for (const int in_graph : {1, 2, 3}) {
    CAPTURE(in_graph);
    const int ranks = 4;
    const Group group = peer_group(ranks, true), threads = make_thread_communicators(ranks);
    std::atomic<int> wrong = 0;
    on_ranks(group, [&](Communicator& self) {
      Scatter scatter(self, 64, 8, 256);
      wrong += !self.exchange(scatter.exchange).ok();
      cudaStreamSynchronize(scatter.stream);
      wrong += !self.barrier().ok();
      cudaGraph_t graph = nullptr;
      cudaGraphExec_t exec = nullptr;
      wrong += cudaStreamBeginCapture(scatter.stream, cudaStreamCaptureModeThreadLocal) != cudaSuccess;
      for (int i = 0; i < in_graph; ++i) wrong += !self.exchange(scatter.exchange).ok();
      wrong += cudaStreamEndCapture(scatter.stream, &graph) != cudaSuccess;
      wrong += cudaGraphInstantiate(&exec, graph, 0) != cudaSuccess;
      wrong += cudaGraphUpload(exec, scatter.stream) != cudaSuccess;
      cudaStreamSynchronize(scatter.stream);
      wrong += !self.barrier().ok();
      for (unsigned i = 0; i < 100; ++i) {
        scatter.fill(i);
        wrong += cudaGraphLaunch(exec, scatter.stream) != cudaSuccess;
        wrong += !scatter.is_right(*threads[scatter.rank]);
      }
      cudaGraphExecDestroy(exec);
      cudaGraphDestroy(graph);
    });
    CHECK(wrong == 0);
  }
}

TEST_CASE("an exchange takes at most 1.25 times as long as a plain copy of the same bytes") {
  const int ranks = 4, repeats = 7, in_a_row = 10;  // in a row: the host is ahead of the GPU, as in a model
  const int64_t rows = 65'536, heads = 40, head_bytes = 256;
  const auto all = static_cast<size_t>(rows * heads * head_bytes);
  const Group group = peer_group(ranks, true, PeerOptions().writers);
  std::vector<float> exchange_ms(4);
  float copy_ms = 0;
  on_ranks(group, [&](Communicator& self) {
    Scatter scatter(self, rows, heads, head_bytes);
    cudaEvent_t begin, end;
    cudaEventCreate(&begin);
    cudaEventCreate(&end);
    const auto time = [&](auto&& body, bool together) {
      std::vector<float> times;
      for (int i = 0; i < repeats; ++i) {
        cudaStreamSynchronize(scatter.stream);
        if (together) (void)self.barrier();
        cudaEventRecord(begin, scatter.stream);
        for (int j = 0; j < in_a_row; ++j) body();
        cudaEventRecord(end, scatter.stream);
        cudaEventSynchronize(end);
        times.push_back(0);
        cudaEventElapsedTime(&times.back(), begin, end);
      }
      std::nth_element(times.begin(), times.begin() + repeats / 2, times.end());
      return times[static_cast<size_t>(repeats / 2)] / in_a_row;
    };
    exchange_ms[scatter.rank] = time([&] { (void)self.exchange(scatter.exchange); }, true);
    // What all ranks move, by one of them while the others wait at the barrier.
    if (scatter.rank == 0) {
      const Memory from(all), to(all);
      copy_ms = time(
          [&] { cudaMemcpyAsync(to.get(), from.get(), all, cudaMemcpyDeviceToDevice, scatter.stream); }, false);
    }
    (void)self.barrier();
    cudaEventDestroy(begin);
    cudaEventDestroy(end);
  });
  const float exchange = *std::max_element(exchange_ms.begin(), exchange_ms.end());
  MESSAGE("exchange ", exchange, " ms, copy ", copy_ms, " ms");
  CHECK(exchange <= 1.25F * copy_ms);
}

int main(int argc, char** argv) {
  constexpr int kSkipped = 77;
  // Ranks that share a GPU: no lazy loading and no shared queue may make one wait for the other.
  setenv("CUDA_MODULE_LOADING", "EAGER", 0);
  setenv("CUDA_DEVICE_MAX_CONNECTIONS", "32", 0);
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::printf("skipped: no CUDA device\n");
    return kSkipped;
  }
  return doctest::Context(argc, argv).run();
}
