// The attention block on one and on all ranks.
#include "bench/dist/block.hpp"
#include "bench/dist/run.hpp"

namespace fvattn::bench::dist {
namespace {

using host::Json;

constexpr double kSparsity = 0.9;
constexpr double kLargestError = 0.02;  // of results in 16 bits, by another order of sums

std::vector<BlockCase> cases_of(const Member& member) {
  const auto shape = [&](const char* name, std::vector<int64_t> grid, int64_t heads, int64_t dim) {
    Workload made;
    made.name = name;
    made.q_len = grid[0] * grid[1] * grid[2];
    made.heads = heads;
    made.dim = dim;
    made.grid = std::move(grid);
    made.dtype = member.on_gpu() ? "bf16" : "fp32";
    return made;
  };
  std::vector<Workload> shapes;
  if (member.on_gpu()) shapes = {shape("wan14b-720p", {21, 45, 80}, 40, 128), shape("wan1.3b-480p", {21, 30, 52}, 12, 128)};
  else shapes = {shape("small", {4, 8, 8}, 6, 64)};
  std::vector<BlockCase> cases;
  for (const Workload& workload : shapes) {
    cases.push_back({workload, "FLASH_ATTN", false});
    cases.push_back({workload, "VIDEO_SPARSE_ATTN", true});
    cases.back().workload.parameters["VSA_sparsity"] = kSparsity;
  }
  return cases;
}

}  // namespace

void Run::blocks() {
  constexpr double kShare = 0.3;
  const std::vector<BlockCase> cases = cases_of(member_);
  const Repetitions each = repetitions(kShare, cases.size(), 5, 40);
  for (const BlockCase& what : cases) {
    const std::string name = what.backend + " on " + what.workload.name;
    if (is_late("block, " + name)) continue;
    say("block, " + name);
    const std::vector<Transport> transports = transports_;
    std::vector<std::shared_ptr<Communicator>> communicators;
    for (const Transport& transport : transports) communicators.push_back(transport.communicator);
    auto block = Block::prepare(member_, what);
    const auto rounds = block ? (*block)->measure(communicators, each) : Result<Block::Rounds>(block.status());
    if (!rounds) {
      record_.add("block",
                  {{"case", what.workload.name}, {"backend", what.backend}, {"not available", rounds.status().text()}});
      continue;
    }
    const Spread& alone = rounds->one_rank;
    const double flop = (*block)->flop(), t1 = alone.median;
    check(name + " on one rank", flop / t1 / 1e9, bounds_.peak_tflops, bounds_.peak_why, "TFLOP/s");
    for (size_t i = 0; i < transports.size(); ++i) {
      const Transport& transport = transports[i];
      const Block::Times& times = rounds->over[i];
      if (!times.status.ok()) {
        drop(transport.name, "the block of " + name, times.status);
        continue;
      }
      const double ranks = member_.size(), t2 = times.ms.median;
      check(name + " by " + transport.name, flop / ranks / t2 / 1e9, bounds_.peak_tflops, bounds_.peak_why,
            "TFLOP/s of each rank");
      if (times.error > kLargestError)
        impossible_.push_back(name + " by " + transport.name + " differs from one rank by " + std::to_string(times.error));
      record_.add("block", {{"case", what.workload.name},
                            {"backend", what.backend},
                            {"sparsity", what.has_gate ? kSparsity : 0.0},
                            {"shape", what.workload.shape_text()},
                            {"transport", transport.name},
                            {"ranks", member_.size()},
                            {"t1_ms", t1},
                            {"t1_p10", alone.p10},
                            {"t1_p90", alone.p90},
                            {"t2_ms", t2},
                            {"t2_p10", times.ms.p10},
                            {"t2_p90", times.ms.p90},
                            {"runs", times.ms.runs},
                            {"exchange_ms", times.exchange_ms},
                            {"efficiency", t1 / (ranks * t2)},
                            {"of_ideal", t2 / (t1 / ranks + times.exchange_ms)},
                            {"t1_tflops", flop / t1 / 1e9},
                            {"t2_tflops_each", flop / ranks / t2 / 1e9},
                            {"host_ms", times.host_ms},
                            {"error", times.error}});
    }
  }
}

}  // namespace fvattn::bench::dist
