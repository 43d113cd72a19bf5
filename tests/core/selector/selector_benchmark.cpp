// What a selection costs: from the memo and anew. Fails when an optimised build takes more than 1 us of processor time
// for one from the memo: that is paid by every layer of every step.
#include "core/support/test_plugin.hpp"

#include <fvattn/selector.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <vector>

namespace {

using namespace fvattn;

struct Bench {
  std::shared_ptr<const Environment> environment = std::make_shared<const Environment>(
      Environment::from({{env::kPluginFiles, ""}, {env::kBackend, "VIDEO_SPARSE_ATTN"}}));
  Registry registry{environment};
  Selector selector{environment, registry};
  Request request;
  Problem problem;

  Bench() {
    const test::TestPlugin plugin("bench.all", {{.name = "TORCH_SDPA", .score = 0.3},
                                                {.name = "FLASH_ATTN", .score = 0.6},
                                                {.name = "VIDEO_SPARSE_ATTN", .score = 0.9, .approximate = true}});
    plugin.add_to(registry);
    // A video transformer's self-attention, with the list of its config.
    request.layer = "transformer.blocks.27.attn1";
    request.supported = {"SLIDING_TILE_ATTN", "SAGE_ATTN",  "FLASH_ATTN",     "TORCH_SDPA",
                         "VIDEO_SPARSE_ATTN", "VMOBA_ATTN", "SAGE_ATTN_THREE"};
    problem.q_len = problem.kv_len = 32760;
    problem.heads = problem.kv_heads = 12;
    problem.head_dim = problem.v_head_dim = 128;
    problem.dtype_code = FVATTN_DTYPE_BFLOAT;
    problem.dtype_bits = 16;
  }
};

void remembered(benchmark::State& state) {
  static Bench bench;
  for (auto _ : state) {
    const auto selection = bench.selector.select(bench.request, cpu_device(), bench.problem);
    if (!selection) state.SkipWithError(selection.status().text().c_str());
    benchmark::DoNotOptimize(selection);
  }
}
BENCHMARK(remembered);
BENCHMARK(remembered)->Threads(4);

void anew(benchmark::State& state) {
  Bench bench;
  for (auto _ : state) {
    ++bench.problem.q_len;
    benchmark::DoNotOptimize(bench.selector.select(bench.request, cpu_device(), bench.problem));
  }
}
BENCHMARK(anew);

constexpr double kMostNanoseconds = 1000;

class Guard : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.error_occurred) failed_ = true;
      if (run.benchmark_name().starts_with("remembered")) slowest_ = std::max(slowest_, run.GetAdjustedCPUTime());
    }
    ConsoleReporter::ReportRuns(runs);
  }
  bool failed() const {
#ifdef NDEBUG
    return failed_ || slowest_ > kMostNanoseconds;
#else
    return failed_;
#endif
  }

 private:
  double slowest_ = 0;
  bool failed_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  Guard guard;
  benchmark::RunSpecifiedBenchmarks(&guard);
  return guard.failed() ? 1 : 0;
}
