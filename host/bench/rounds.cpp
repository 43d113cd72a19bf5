#include "bench/rounds.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

namespace fvattn::bench {
namespace {

constexpr int kWindow = 5, kColdCalls = 11;
constexpr double kRange = 0.02, kDrift = 0.01;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

bool is_steady(const std::vector<double>& rounds, int least_rounds) {
  if (static_cast<int>(rounds.size()) < std::max(least_rounds, kWindow)) return false;
  const std::vector<double> last(rounds.end() - kWindow, rounds.end());
  const auto [least, most] = std::minmax_element(last.begin(), last.end());
  const double middle = median(last);
  return *most - *least <= kRange * middle && std::fabs(middle - median(rounds)) <= kDrift * middle;
}

std::vector<Sample> take_turns(const std::vector<Work>& works, at::Device device, const Patience& patience) {
  const Timer timer(device);
  std::vector<Sample> samples(works.size());
  std::vector<std::vector<double>> rounds(works.size());
  for (size_t i = 0; i < works.size(); ++i) {
    works[i]();  // plans, loads kernels
    timer.wait();
    samples[i].calls = std::max(1, static_cast<int>(patience.round_ms / std::max(timer.time(works[i], 1), 1e-3)));
  }
  const auto start = std::chrono::steady_clock::now();
  const auto all_steady = [&] {
    return std::all_of(rounds.begin(), rounds.end(), [&](const auto& r) { return is_steady(r, patience.least_rounds); });
  };
  for (int round = 0; round < patience.most_rounds && !works.empty(); ++round) {
    if (round >= patience.least_rounds && (all_steady() || seconds_since(start) > patience.seconds)) break;
    for (size_t i = 0; i < works.size(); ++i) {
      if (device.is_cuda()) std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(patience.pause_ms));
      works[i]();
      rounds[i].push_back(timer.time(works[i], samples[i].calls) / samples[i].calls);
    }
    if (round == 0 && seconds_since(start) > patience.seconds) break;  // one call alone is longer than all of the time
  }
  for (size_t i = 0; i < works.size(); ++i) {
    Sample& sample = samples[i];
    sample.rounds = static_cast<int>(rounds[i].size());
    sample.ms = median(rounds[i]);
    sample.least = *std::min_element(rounds[i].begin(), rounds[i].end());
    sample.most = *std::max_element(rounds[i].begin(), rounds[i].end());
    sample.steady = is_steady(rounds[i], patience.least_rounds);
    std::vector<double> cold;
    for (int call = 0; patience.cold && call < kColdCalls; ++call) cold.push_back(timer.time_cold(works[i]));
    sample.cold_ms = median(cold);
  }
  return samples;
}

}  // namespace fvattn::bench
