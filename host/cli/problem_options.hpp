// The options of explain that describe a problem.
#pragma once

#include "common/parameters.hpp"

#include <fvattn/selector.hpp>

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace fvattn::host {

/// What explain asks about.
struct Question {
  Request request;
  Problem problem;
  KeyValues metadata;         // the keys that are not part of the problem
  std::vector<int64_t> grid;  // T, H, W; empty without --shape
  const Device* device = nullptr;
};

class ProblemOptions {
 public:
  void add_to(CLI::App& app);
  Result<Question> read() const;

 private:
  Status fill_problem(Question& question) const;
  Status take_parameters(Question& question) const;

  std::string shape_, dtype_ = "bfloat16", role_ = "self", device_ = "cpu", backend_, supported_, layer_default_;
  int64_t seq_ = 0, kv_seq_ = 0, batch_ = 1, text_ = 0;
  int heads_ = 12, kv_heads_ = 0, dim_ = 128;
  bool causal_ = false, backward_ = false;
  std::vector<std::string> tensors_;
  Parameters parameters_;
};

}  // namespace fvattn::host
