#include "refusal.hpp"

#include "rule.hpp"

#include <fvattn/nearest.hpp>

#include <algorithm>

namespace fvattn {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

// The near name of a backend that is there counts more than that of one that only the reference knows.
std::string nearest(std::string_view name, const Catalog& catalog) {
  std::vector<std::string> spellings = catalog.usable_names();
  for (const Offer& offer : catalog.offers()) {
    spellings.push_back(offer.qualified());
    spellings.insert(spellings.end(), offer.manifest.aliases.begin(), offer.manifest.aliases.end());
  }
  const std::string near = nearest_name(name, spellings);
  return near.empty() ? nearest_name(name, reference_backend_names()) : near;
}

}  // namespace

std::string list_text(const SupportedBackends& supported) { return supported.is_any() ? "any" : joined(supported.names()); }

Status unknown_name(std::string_view name, std::string_view origin, const Candidates& candidates) {
  const std::vector<std::string> usable = candidates.catalog().usable_names();
  const std::string near = nearest(name, candidates.catalog());
  std::string hint = near.empty() ? std::string() : "did you mean " + near + "? ";
  hint += usable.empty() ? candidates.places() : "`fvattn doctor` shows where plugins are searched";
  for (const std::string& file : candidates.refused_files()) hint += "\n    - refused: " + file;
  return Status::error(Code::invalid_argument, std::string(origin) + " names an attention backend that nobody registered",
                       "'" + std::string(name) + "'", usable.empty() ? "auto (no plugin is registered)" : joined(usable),
                       hint);
}

Status nobody_registered(const Request& request, const Candidates& candidates) {
  std::string hint = candidates.places();
  for (const std::string& file : candidates.refused_files()) hint += "\nrefused plugin file " + file;
  return Status::error(Code::unavailable, layer_prefix(request) + "no attention backend is registered", {}, {}, hint);
}

Status nobody_serves(std::string what, const Request& request, const Candidates& candidates,
                     const std::vector<CandidateTrace>& refused) {
  std::string hint = "ask for another backend, or see `fvattn explain` for what each one can do";
  for (const CandidateTrace& candidate : refused) {
    const std::string name = candidate.plugin.empty() ? candidate.name : candidate.plugin + "/" + candidate.name;
    hint += "\n`" + name + "` is not supported because:";
    for (const CandidateTrace::Stage& stage : candidate.stages) {
      if (stage.passed) continue;
      const bool answered =
          stage.name == "capability" && (candidate.support.reasons != 0 || !candidate.support.notes.empty());
      for (const std::string& reason :
           answered ? refusal_reasons(candidate.support) : std::vector<std::string>{stage.detail})
        hint += "\n    - " + reason;
    }
  }
  if (candidates.catalog().usable_names().empty()) hint += "\n" + candidates.places();
  for (const std::string& file : candidates.refused_files()) hint += "\nrefused plugin file " + file;
  return Status::error(Code::unavailable, layer_prefix(request) + std::move(what),
                       candidates.problem().text() + " on " + device_text(candidates.device()), {}, hint);
}

Status excluded_by_list(std::string_view asked, std::string_view origin, const Request& request) {
  return Status::error(Code::invalid_argument,
                       layer_prefix(request) + std::string(origin) + " names a backend that the layer does not support",
                       "'" + std::string(asked) + "'", list_text(request.supported),
                       "name one of these, or add it to supported_attention_backends");
}

}  // namespace fvattn
