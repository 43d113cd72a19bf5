// The rule of selection as a function without memory.
//
// | order | source            | a name it cannot have                     | a name that cannot serve        |
// |-------|-------------------|-------------------------------------------|---------------------------------|
// | 1     | explicit argument | error                                     | error with every reason         |
// | 2     | scope             | the layer's default; said once (info)     | error with every reason         |
// | 3     | environment       | the layer's default; said once (info)     | error with every reason         |
// | 4     | layer default     | error                                     | error with every reason         |
// | 5     | automatic         | never considered: listed, exact ones only | the next best; error when none  |
//
// The first source that asks for anything decides; weaker ones are not asked. `auto`, and a `prefer:` that fails, go on
// at the layer's default. "Cannot have" is meant by the layer's supported list: it binds the names of the reference.
// A foreign name of a scope or the environment counts as listed where the list has more than FLASH_ATTN and TORCH_SDPA;
// where it has only those, the backend is used if it can serve and otherwise treated as not listed.
#pragma once

#include "candidate.hpp"

#include <fvattn/log.hpp>
#include <fvattn/selector.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fvattn {

/// What the four sources ask for, next to the problem and the device in Candidates.
struct Inputs {
  const Request& request;
  std::string_view scope;
  std::string_view environment;
  /// Who says `environment`, in messages: the variable or the settings file.
  std::string_view environment_origin;
};

/// A line for the log, written once per key if the decision is put into effect.
struct Remark {
  LogLevel level;
  std::string key, text;
};

struct Decision {
  std::optional<Selection> selection;
  Status status;
  std::vector<std::string> steps;
  std::vector<CandidateTrace> candidates;  // those considered, in that order
  std::vector<Remark> remarks;
  bool remember = true;
};

Decision decide(const Inputs& inputs, Candidates& candidates);

/// "layer blocks.3.attn1: ", or nothing for a request without a layer.
std::string layer_prefix(const Request& request);
/// "blocks.*.attn1" for "blocks.3.attn1": forty blocks say one thing once, and self- and cross-attention stay apart.
std::string layer_pattern(std::string_view layer);

}  // namespace fvattn
