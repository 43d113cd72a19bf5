// The command line of denoise.
#pragma once

#include "video/frame.hpp"

#include "common/parameters.hpp"

#include <fvattn/device.hpp>
#include <fvattn/distributed/bootstrap.hpp>
#include <fvattn/status.hpp>

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

namespace fvattn::video {

/// As given; the accessors say what it means.
class DenoiseOptions {
 public:
  void add_to(CLI::App& app);
  /// Checks and converts. INVALID_ARGUMENT, or UNAVAILABLE for a device that is not here.
  Status complete(const Launch& launch);
  /// True if a GPU was asked for, there or not.
  bool wants_gpu() const { return device_text_.starts_with("cuda"); }

  std::string clip, backend, out, dump;
  std::optional<double> noise;  // sigma to add
  uint64_t seed = 0;
  int64_t frames = 0, window = 8, heads = 16;
  std::optional<double> bandwidth;

  // Set by complete().
  std::optional<Size> size;
  KeyValues parameters;
  bool compares = false, compares_all = false;
  std::vector<std::string> compared;  // empty with compares_all
  const Device* core_device = nullptr;
  at::Device device = at::kCPU;
  at::ScalarType dtype = at::kFloat;
  std::string dtype_name;

 private:
  Status read_size();
  Status read_comparison();
  Status read_device(const Launch& launch);

  host::Parameters parameter_options_;
  std::string size_text_, device_text_ = "cpu", dtype_text_, compare_text_;
};

}  // namespace fvattn::video
