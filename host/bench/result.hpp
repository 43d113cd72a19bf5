// One measured line, and its three forms.
#pragma once

#include "bench/ceiling.hpp"
#include "bench/rounds.hpp"
#include "bench/workload.hpp"

#include "common/json.hpp"

#include <map>
#include <optional>
#include <ostream>

namespace fvattn::bench {

struct Line {
  std::string workload, shape, dtype, backend, plugin, plugin_version;
  bool backward = false;
  Sample sample;
  int64_t pairs = 0, exact_pairs = 0;
  double flop = 0, bytes = 0;
  Ceiling ceiling;
  std::optional<double> error;    // relative L2 against float64
  std::optional<double> of_peer;  // the peer's time over ours
  std::optional<double> of_base;  // the time in the file of --compare over ours

  double tflops() const { return flop / sample.ms / 1e9; }
  double gbps() const { return bytes / sample.ms / 1e6; }
  /// What the line is about, for --compare.
  std::string key() const {
    return workload + "|" + shape + "|" + dtype + "|" + backend + (backward ? "|backward" : "|forward");
  }
};

/// FAILED_PRECONDITION if the figure is above clock x SMs x 4096: then the clock or the count is wrong, not the chip fast.
Status check_plausible(const Line& line);

/// name  shape  dtype | ms | TFLOP/s (% of matmul) | GB/s (% of copy) | err, and the ratios that are known.
std::string line_text(const Line& line, const std::string& peer);
std::string csv_heading();
std::string csv_text(const Line& line);
host::Json line_json(const Line& line);

/// The times by Line::key() in a file written by --json.
Result<std::map<std::string, double>> read_base(const std::string& path);

}  // namespace fvattn::bench
