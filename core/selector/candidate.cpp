#include "candidate.hpp"

#include "manifest_filter.hpp"

#include <tuple>

namespace fvattn {
namespace {

std::string joined(const std::vector<std::string>& sentences) {
  std::string text;
  for (const std::string& sentence : sentences) text += (text.empty() ? "" : "; ") + sentence;
  return text;
}

std::string support_text(const Support& support) {
  std::string score = std::to_string(support.score);
  return "score " + score.substr(0, score.find('.') + 3);
}

std::vector<std::string> files_refused_by(const Registry& registry) {
  std::vector<std::string> files;
  for (const PluginInfo& plugin : registry.plugins())
    if (plugin.state == PluginState::refused && plugin.backends.empty())
      files.push_back((plugin.path.empty() ? plugin.id : plugin.path) + ": " + plugin.reason);
  return files;
}

}  // namespace

std::vector<std::string> refusal_reasons(const Support& support) {
  std::vector<std::string> reasons;
  uint64_t unexplained = support.reasons;
  for (const Note& note : support.notes) {
    reasons.push_back(note.reason == 0 ? note.text : note.text + " [" + reason_names(note.reason) + "]");
    unexplained &= ~note.reason;
  }
  if (unexplained != 0) reasons.push_back(reason_names(unexplained));
  if (reasons.empty()) reasons.emplace_back("it gives no reason");
  return reasons;
}

Candidates::Candidates(Registry& registry, const Device& device, const Problem& problem)
    : registry_(registry),
      device_(device),
      problem_(problem),
      refused_files_(files_refused_by(registry)),
      generation_(registry.generation()),
      catalog_(Catalog::read(registry)) {}

std::string Candidates::places() const {
  std::string text = "searched:";
  for (const TraceEntry& entry : registry_.searched())
    text += "\n    - " + (entry.path.empty() ? "" : entry.path + ": ") + entry.reason;
  return text + "\nname the folder that has the plugins in " + env::kPluginPath +
         " (folder[:folder...]), or in `folders` of [plugins] in the settings file; `fvattn doctor` shows every step of the "
         "search";
}

Verdict Candidates::ask_now(const Offer& offer) const {
  Verdict verdict;
  if (!offer.usable()) {
    verdict.stages.push_back(
        {"registered", false, std::string("plugin ") + to_string(offer.state) + ": " + offer.why_unusable});
    return verdict;
  }
  verdict.stages.push_back({"registered", true, "plugin " + offer.plugin});
  const Result<const AttentionBackend*> found = registry_.find(offer.qualified());
  if (!found) {
    verdict.failed = true;
    verdict.stages.push_back({"loaded", false, found.status().text()});
    return verdict;
  }
  verdict.backend = *found;
  const std::string& path = verdict.backend->plugin_path();
  verdict.stages.push_back(
      {"loaded", true, verdict.backend->plugin_version() + (path.empty() ? " in this process" : " " + path)});
  Result<Support> support = verdict.backend->query(device_, problem_);
  if (!support) {
    verdict.failed = true;
    verdict.stages.push_back({"capability", false, "asking it failed: " + support.status().text()});
    return verdict;
  }
  verdict.support = std::move(*support);
  verdict.serves = verdict.support.supported;
  verdict.stages.push_back({"capability", verdict.serves,
                            verdict.serves ? support_text(verdict.support) : joined(refusal_reasons(verdict.support))});
  return verdict;
}

const Verdict& Candidates::ask(const Offer& offer) {
  const auto known = asked_.find(&offer);
  return known != asked_.end() ? known->second : asked_.emplace(&offer, ask_now(offer)).first->second;
}

const Verdict& Candidates::ask_unless_ruled_out(const Offer& offer) {
  if (const auto known = ruled_out_.find(&offer); known != ruled_out_.end()) return known->second;
  const std::vector<std::string> reasons =
      offer.usable() ? ruled_out_by_manifest(offer, device_, problem_) : std::vector<std::string>();
  if (reasons.empty()) return ask(offer);
  Verdict verdict;
  verdict.stages.push_back({"registered", true, "plugin " + offer.plugin});
  for (const std::string& reason : reasons) verdict.stages.push_back({"manifest", false, reason});
  return ruled_out_.emplace(&offer, std::move(verdict)).first->second;
}

bool better(const Offer& a, double score_a, const Offer& b, double score_b) {
  return std::make_tuple(-score_a, -a.manifest.priority, std::string_view(a.plugin)) <
         std::make_tuple(-score_b, -b.manifest.priority, std::string_view(b.plugin));
}

std::string device_text(const Device& device) {
  if (device.c.type != FVATTN_CUDA) return device.name.empty() ? "cpu" : device.name;
  return "cuda:" + std::to_string(device.c.id) + " (" + device.name + ", sm_" + std::to_string(device.c.cc_major) +
         std::to_string(device.c.cc_minor) + ")";
}

}  // namespace fvattn
