// What the link can do, without any transport.
#include "bench/dist/link.hpp"
#include "bench/dist/run.hpp"
#include "bench/dist/stopwatch.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace fvattn::bench::dist {
namespace {

using host::Json;

constexpr int64_t kBytes = int64_t{512} << 20;
constexpr double kLeastMs = 50;  // of one measurement: ranks start within a millisecond
constexpr int kWriters[] = {8, 16, 32, 64, 132};

// Milliseconds for each byte of a copy within the rank's own memory.
double own_copy(const Member& member, int64_t bytes) {
  const at::TensorOptions options = at::TensorOptions(at::kByte).device(member.device());
  const at::Tensor from = at::ones({bytes}, options);
  at::Tensor to = at::empty_like(from);
  Stopwatch watch(member.device());
  std::vector<double> ms;
  for (int i = 0; i < 7; ++i) {
    watch.start();
    to.copy_(from);
    watch.stop();
    ms.push_back(watch.ms());
  }
  return member.most_of_all({spread_of(ms).median}).front() / static_cast<double>(bytes);
}

}  // namespace

void Run::limits() {
  say("the link");
  Json all = Json::object();
  const int64_t own_bytes = member_.on_gpu() ? kBytes : int64_t{8} << 20;
  copy_ms_of_byte_ = own_copy(member_, own_bytes);
  all["own_copy"] = {{"bytes", own_bytes}, {"gbps", 1 / copy_ms_of_byte_ / 1e6}};
  auto link = member_.on_gpu() ? Link::open(member_, kBytes)
                               : Status::error(Code::unavailable, "ranks on the CPU have no link between GPUs");
  if (!link) {
    all["not available"] = link.status().text();
    record_.set("limits", all);
    return;
  }
  Json lines = Json::array();
  const auto measure = [&](const std::string& name, int writers, bool all_ways) {
    const auto once = (*link)->copy_ms(writers, all_ways, 2);
    const int calls = once ? std::clamp(static_cast<int>(std::ceil(kLeastMs / *once)), 2, 200) : 2;
    const auto ms = once ? (*link)->copy_ms(writers, all_ways, calls) : once;
    if (!ms) {
      lines.push_back({{"name", name}, {"failed", ms.status().text()}});
      return 0.0;
    }
    const double gbps = static_cast<double>(kBytes) / *ms / 1e6;
    check_link(name, gbps);
    lines.push_back({{"name", name}, {"bytes", kBytes}, {"writers", writers}, {"ms", *ms}, {"gbps", gbps}});
    all["lines"] = lines;
    record_.set("limits", all);
    return gbps;
  };
  measure("copy engine, one way", 0, false);
  measure("copy engine, all ways", 0, true);
  double best = 0;
  for (const int writers : kWriters) {
    if (options_.quick && writers != kWriters[2] && writers != 132) continue;
    const std::string name = "stores by " + std::to_string(writers) + " blocks, ";
    measure(name + "one way", writers, false);
    best = std::max(best, measure(name + "all ways", writers, true));
  }
  link_ms_of_byte_ = best > 0 ? 1 / best / 1e6 : 0;
  all["best_store_gbps"] = best;
  record_.set("limits", all);
}

}  // namespace fvattn::bench::dist
