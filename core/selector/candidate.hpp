// Asks every backend at most once whether it can serve one problem, and keeps what it said.
#pragma once

#include "catalog.hpp"

#include <fvattn/selector.hpp>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace fvattn {

/// What became of one offer.
struct Verdict {
  const AttentionBackend* backend = nullptr;  // set once it is loaded
  bool serves = false;
  bool failed = false;  // loading or asking went wrong, which may not last: nothing that builds on it is remembered
  Support support;
  std::vector<CandidateTrace::Stage> stages;  // registered, manifest, loaded, capability, as far as it came
};

/// Not thread-safe; lives as long as one decision.
class Candidates {
 public:
  Candidates(Registry& registry, const Device& device, const Problem& problem);

  const Catalog& catalog() const { return catalog_; }
  const Device& device() const { return device_; }
  const Problem& problem() const { return problem_; }
  /// The registry's generation that the catalog shows, or an earlier one.
  uint64_t generation() const { return generation_; }
  /// Plugin files that were refused before their backends were known: "path: why".
  const std::vector<std::string>& refused_files() const { return refused_files_; }
  /// Where plugins were looked for, a line a folder, and how to add one.
  std::string places() const;

  /// Loads the plugin and asks it.
  const Verdict& ask(const Offer& offer);
  /// The same unless the manifest rules the offer out; then its library stays unloaded.
  const Verdict& ask_unless_ruled_out(const Offer& offer);

 private:
  Verdict ask_now(const Offer& offer) const;

  Registry& registry_;
  const Device& device_;
  const Problem& problem_;
  // In this order: looking for the refused files makes the registry search, if it did not yet, which is a new generation.
  const std::vector<std::string> refused_files_;
  const uint64_t generation_;
  const Catalog catalog_;
  std::map<const Offer*, Verdict> asked_, ruled_out_;
};

/// Is `a` the better automatic choice? By score, then by the manifest's priority, then by plugin id.
bool better(const Offer& a, double score_a, const Offer& b, double score_b);

/// Every reason of a refusal in words: the notes, then the names of the bits that no note explains. Never empty.
std::vector<std::string> refusal_reasons(const Support& support);

/// "cpu" or "cuda:0 (NVIDIA H100, sm_90)".
std::string device_text(const Device& device);

}  // namespace fvattn
