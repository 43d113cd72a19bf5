#include "changes.hpp"

#include "choice.hpp"

#include <fvattn/environment.hpp>

#include <utility>

namespace fvattn {
namespace {

// The four wishes by value, so that one of them can be changed.
struct Variant {
  Request request;
  std::string scope, environment, environment_origin;

  explicit Variant(const Inputs& inputs)
      : request(inputs.request),
        scope(inputs.scope),
        environment(inputs.environment),
        environment_origin(inputs.environment_origin) {}
  Decision decide_with(Candidates& candidates) const {
    return decide({request, scope, environment, environment_origin}, candidates);
  }

  /// The strongest source that asks for something now; a weaker one would not be heard.
  std::pair<std::string*, std::string> loudest() {
    if (!request.backend.empty()) return {&request.backend, "the argument `backend` "};
    if (!scope.empty()) return {&scope, "ScopedAttnBackend "};
    return {&environment, std::string(env::kBackend) + "="};
  }
};

std::string outcome_text(const Decision& decision) {
  if (!decision.selection) return "an error: " + decision.status.what;
  return decision.selection->backend->qualified_name() + " (" + to_string(decision.selection->source) + ")";
}

bool same_backend(const Decision& a, const Decision& b) {
  return a.selection.has_value() == b.selection.has_value() &&
         (!a.selection || a.selection->backend == b.selection->backend);
}

class Changes {
 public:
  Changes(const Inputs& inputs, const Decision& decision, Candidates& candidates)
      : inputs_(inputs), decision_(decision), candidates_(candidates) {}

  std::vector<std::string> find() {
    drop_wishes();
    soften();
    for (const Offer& offer : candidates_.catalog().offers()) name(offer);
    return std::move(found_);
  }

 private:
  void try_variant(const std::string& setting, const Variant& variant) {
    const Decision other = variant.decide_with(candidates_);
    if (!same_backend(decision_, other)) found_.push_back(setting + ": " + outcome_text(other));
  }

  void drop_wishes() {
    Variant variant(inputs_);
    for (const auto& [text, setting] : {std::pair{&variant.request.backend, std::string("the argument `backend`")},
                                        std::pair{&variant.scope, std::string("ScopedAttnBackend")},
                                        std::pair{&variant.environment, variant.environment_origin},
                                        std::pair{&variant.request.layer_default, std::string("the layer's default")}}) {
      if (text->empty()) continue;
      const std::string kept = std::exchange(*text, std::string());
      try_variant("without " + setting, variant);
      *text = kept;
    }
  }

  // A name that must be had and cannot: the soft form of the same wish.
  void soften() {
    if (decision_.selection) return;
    Variant variant(inputs_);
    const auto [text, setting] = variant.loudest();
    const Result<Choice> choice = parse_choice(*text, setting);
    if (!choice || choice->kind != Choice::Kind::named || choice->names.size() != 1) return;
    *text = "prefer:" + *text;
    try_variant(setting + *text, variant);
  }

  void name(const Offer& offer) {
    if (!offer.usable()) {
      found_.push_back("a usable plugin " + offer.plugin + " would offer " + offer.name + " (now " +
                       to_string(offer.state) + ": " + offer.why_unusable + ")");
      return;
    }
    const Verdict& verdict = candidates_.ask_unless_ruled_out(offer);
    if (!verdict.serves || (decision_.selection && decision_.selection->backend == verdict.backend)) return;
    Variant variant(inputs_);
    const auto [text, setting] = variant.loudest();
    const bool ambiguous = candidates_.catalog().offers_of(offer.name).size() > 1;
    *text = ambiguous ? offer.qualified() : offer.name;
    std::string change = setting + *text;
    if (const Decision other = variant.decide_with(candidates_);
        !other.selection || other.selection->backend != verdict.backend) {
      std::vector<std::string> names = inputs_.request.supported.names();
      names.push_back(offer.name);
      variant.request.supported = SupportedBackends(std::move(names));
      change += " with " + offer.name + " in the layer's supported list";
    }
    try_variant(change, variant);
  }

  const Inputs& inputs_;
  const Decision& decision_;
  Candidates& candidates_;
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> what_would_change(const Inputs& inputs, const Decision& decision, Candidates& candidates) {
  return Changes(inputs, decision, candidates).find();
}

}  // namespace fvattn
