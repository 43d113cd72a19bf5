// From the command line to measured lines.
#pragma once

#include "bench/result.hpp"

#include "common/parameters.hpp"

#include <CLI/CLI.hpp>

namespace fvattn::bench {

struct Options {
  std::string what;  // "host", or empty
  std::vector<std::string> presets, axes, backends;
  std::string device = "cpu", dtype, base;
  std::string peer = "TORCH_SDPA";
  bool backward = false, no_error = false, csv = false, list = false;
  Patience patience;
  host::Parameters parameters;

  void add_to(CLI::App& app);
};

/// What one run gave. Lines come in the order of the workloads.
struct Report {
  std::string device;
  Ceiling ceiling;  // of the last dtype
  std::vector<Line> lines;
  std::vector<std::string> refused;   // "NAME on WORKLOAD: why"
  std::vector<std::string> warnings;  // to be read with the figures
};

/// `on_line` sees each line as soon as it is measured.
Result<Report> measure_all(const Options& options, const std::function<void(const Line&)>& on_line);

}  // namespace fvattn::bench
