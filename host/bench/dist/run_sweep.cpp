// How many thread blocks the peer transport needs.
#include "bench/dist/run.hpp"
#include "bench/dist/transports.hpp"

#include <algorithm>

namespace fvattn::bench::dist {
namespace {

using host::Json;

constexpr int kWriters[] = {8, 16, 32, 48, 64, 96, 132};
constexpr double kEnough = 0.98;  // of the best

}  // namespace

void Run::sweep() {
  constexpr double kShare = 0.1;
  const auto& names = options_.transports;
  if (!member_.on_gpu() || std::find(names.begin(), names.end(), "peer") == names.end()) return;
  say("thread blocks of peer");
  const ExchangeCase what = model_cases().front();
  const Repetitions each = repetitions(kShare, std::size(kWriters), 10, 60);
  std::vector<std::pair<int, double>> figures;
  double best = 0;
  for (const int writers : kWriters) {
    if (options_.quick && writers != 8 && writers != 32 && writers != 132) continue;
    if (is_late("sweep, " + std::to_string(writers) + " writers")) continue;
    auto transport = open_by_name(member_, "peer", writers);
    const auto times =
        transport ? measure_exchange(member_, **transport, what, each) : Result<ExchangeTimes>(transport.status());
    if (!times) {
      record_.add("sweep", {{"writers", writers}, {"failed", times.status().text()}});
      continue;
    }
    check_link("sweep, " + std::to_string(writers) + " writers", times->gbps());
    record_.add("sweep", {{"writers", writers}, {"case", what.name}, {"ms", times->ms.median}, {"p10", times->ms.p10},
                          {"p90", times->ms.p90}, {"gbps", times->gbps()}, {"runs", times->ms.runs}});
    figures.emplace_back(writers, times->gbps());
    best = std::max(best, times->gbps());
  }
  for (const auto& [writers, gbps] : figures) {
    if (gbps < kEnough * best) continue;
    record_.set("fewest_writers_within_2_percent", writers);
    break;
  }
}

}  // namespace fvattn::bench::dist
