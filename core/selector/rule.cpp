#include "rule.hpp"

#include "choice.hpp"
#include "refusal.hpp"

#include <algorithm>

namespace fvattn {
namespace {

/// May a layer have a backend that `source` names?
enum class Admission { listed, if_it_serves, excluded };

/// What a source's wish led to.
enum class Outcome {
  nothing,  // it asks for nothing: the next source is asked
  yields,   // the layer's default decides
  done,     // selection or status is set
};

struct Wish {
  SelectionSource source;
  std::string_view text;
  std::string origin;  // who asks, in messages
};

std::string named_text(const Choice& choice) {
  std::string text;
  for (const std::string& name : choice.names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

class Rule {
 public:
  Rule(const Inputs& inputs, Candidates& candidates) : in_(inputs), request_(inputs.request), candidates_(candidates) {}

  Decision run() {
    if (request_.supported.empty()) {
      fail("", Status::error(Code::invalid_argument, "supported_attention_backends is empty", {}, {},
                             "list the backends that the layer can use, or SupportedBackends::any()"));
      return std::move(decision_);
    }
    const Wish wishes[] = {
        {SelectionSource::explicit_argument, request_.backend, "the argument `backend`"},
        {SelectionSource::scope, in_.scope, "ScopedAttnBackend"},
        {SelectionSource::environment, in_.environment, std::string(in_.environment_origin)},
    };
    for (const Wish& wish : wishes) {
      const Outcome outcome = ask(wish);
      if (outcome == Outcome::done) return std::move(decision_);
      if (outcome == Outcome::yields) break;
    }
    if (ask({SelectionSource::layer_default, request_.layer_default, "the layer's default"}) != Outcome::done)
      choose_automatically();
    return std::move(decision_);
  }

 private:
  Outcome ask(const Wish& wish) {
    const std::string asks = std::string(to_string(wish.source)) + ": ";
    const Result<Choice> parsed = parse_choice(wish.text, wish.origin);
    if (!parsed) return fail(asks + "not understood", parsed.status());
    const Choice& choice = *parsed;
    if (choice.kind == Choice::Kind::nothing) return step(asks + "asks for nothing", Outcome::nothing);
    if (choice.kind == Choice::Kind::automatic) return step(asks + "auto; weaker sources are not asked", Outcome::yields);
    for (const std::string& name : choice.names)
      if (!candidates_.catalog().knows(name))
        return fail(asks + "nobody registered " + name,
                    unknown_name(name, layer_prefix(request_) + wish.origin, candidates_));
    return choose_named(wish, choice, asks + std::string(wish.text));
  }

  Outcome choose_named(const Wish& wish, const Choice& choice, const std::string& asks) {
    std::vector<CandidateTrace> refused;
    bool binding = false;  // some name was the layer's to have
    for (const std::string& name : choice.names) {
      const Admission admission = admit(wish.source, candidates_.catalog().canonical(name));
      if (admission == Admission::excluded) {
        note({name, {}, {{"listed", false, "the layer supports " + list_text(request_.supported)}}, {}, false});
        continue;
      }
      const std::optional<Selection> served = serve(name, wish.source, refused);
      if (served) return done(asks + ": " + served->backend->qualified_name() + " serves it", *served);
      binding = binding || admission == Admission::listed;
    }
    if (choice.kind == Choice::Kind::preferred) return give_up_preference(wish, choice, asks, binding, refused);
    if (binding)
      return fail(asks + ": cannot serve",
                  nobody_serves(wish.origin + " asks for " + named_text(choice) + ", which cannot serve this problem",
                                request_, candidates_, refused));
    if (wish.source == SelectionSource::explicit_argument || wish.source == SelectionSource::layer_default)
      return fail(asks + ": not in the layer's list", excluded_by_list(wish.text, wish.origin, request_));
    return use_own_default(wish, asks);
  }

  Outcome give_up_preference(const Wish& wish, const Choice& choice, const std::string& asks, bool binding,
                             const std::vector<CandidateTrace>& refused) {
    if (!binding && wish.source != SelectionSource::explicit_argument) return use_own_default(wish, asks);
    std::string why = "the layer supports " + list_text(request_.supported);
    if (binding)
      why = nobody_serves(choice.names.front() + " cannot serve this problem", request_, candidates_, refused).text();
    remark(LogLevel::warn, wish,
           layer_prefix(request_) + wish.origin + " prefers " + choice.names.front() + "; going on without it: " + why);
    return step(asks + ": cannot be had; weaker sources are not asked", Outcome::yields);
  }

  Outcome use_own_default(const Wish& wish, const std::string& asks) {
    const std::string own = request_.layer_default.empty() ? "automatic choice" : "its default " + request_.layer_default;
    remark(LogLevel::info, wish,
           layer_prefix(request_) + wish.origin + " asks for " + std::string(wish.text) +
               ", which this layer does not support (supported: " + list_text(request_.supported) + "); it uses " + own);
    return step(asks + ": not for this layer, which supports " + list_text(request_.supported), Outcome::yields);
  }

  Admission admit(SelectionSource source, const std::string& canonical) const {
    const SupportedBackends& supported = request_.supported;
    if (supported.lists(canonical)) return Admission::listed;
    const bool overrides = source == SelectionSource::scope || source == SelectionSource::environment;
    if (!overrides || is_reference_name(canonical)) return Admission::excluded;
    return supported.admits_foreign() ? Admission::listed : Admission::if_it_serves;
  }

  // The first of the name's providers that serves. The others end in `refused`.
  std::optional<Selection> serve(const std::string& name, SelectionSource source, std::vector<CandidateTrace>& refused) {
    const std::vector<const Offer*> offers = candidates_.catalog().offers_of(name);
    if (offers.empty()) {
      CandidateTrace trace{name, {}, {{"registered", false, "no plugin offers " + name}}, {}, false};
      note(trace);
      refused.push_back(std::move(trace));
    }
    for (const Offer* offer : offers) {
      const Verdict& verdict = candidates_.ask(*offer);
      CandidateTrace trace{offer->name, offer->plugin, verdict.stages, verdict.support, verdict.serves};
      decision_.remember = decision_.remember && !verdict.failed;
      note(trace);
      if (verdict.serves) return Selection{verdict.backend, source};
      refused.push_back(std::move(trace));
    }
    return std::nullopt;
  }

  void choose_automatically() {
    const Offer* best = nullptr;
    const Verdict* best_verdict = nullptr;
    std::vector<CandidateTrace> refused;
    for (const Offer& offer : candidates_.catalog().offers()) {
      CandidateTrace trace{offer.name, offer.plugin, {}, {}, false};
      const bool listed = request_.supported.lists(offer.name);
      const Verdict* verdict = nullptr;
      if (!listed) trace.stages.push_back({"listed", false, "the layer supports " + list_text(request_.supported)});
      else if (offer.manifest.approximate) trace.stages.push_back(opt_in_only());
      else verdict = &candidates_.ask_unless_ruled_out(offer);
      if (verdict != nullptr) {
        trace.stages = verdict->stages;
        trace.support = verdict->support;
        decision_.remember = decision_.remember && !verdict->failed;
        // A plugin from the API has no manifest: only its table says that it is approximate.
        const bool approximate = verdict->backend != nullptr && verdict->backend->approximate();
        if (approximate) trace.stages.push_back(opt_in_only());
        if (verdict->serves && !approximate &&
            (best == nullptr || better(offer, verdict->support.score, *best, best_verdict->support.score))) {
          best = &offer;
          best_verdict = verdict;
        }
      }
      note(trace);
      refused.push_back(std::move(trace));
    }
    if (best != nullptr) {
      for (CandidateTrace& trace : decision_.candidates)
        trace.chosen = trace.plugin == best->plugin && trace.name == best->name;
      done("automatic: " + best->qualified() + " has the best score", {best_verdict->backend, SelectionSource::automatic});
      return;
    }
    if (refused.empty()) fail("automatic: there is none", nobody_registered(request_, candidates_));
    else
      fail("automatic: none can serve",
           nobody_serves("no exact attention backend can serve this problem", request_, candidates_, refused));
  }

  static CandidateTrace::Stage opt_in_only() {
    return {"opt-in", false,
            "it is approximate, and approximate backends are never chosen automatically: ask for it by name"};
  }

  // A candidate that a wish and automatic choice both looked at is kept once, as last seen.
  void note(CandidateTrace trace) {
    for (CandidateTrace& known : decision_.candidates)
      if (known.plugin == trace.plugin && known.name == trace.name) {
        known = std::move(trace);
        return;
      }
    decision_.candidates.push_back(std::move(trace));
  }

  void remark(LogLevel level, const Wish& wish, std::string text) {
    std::string key =
        std::string(to_string(wish.source)) + "|" + std::string(wish.text) + "|" + layer_pattern(request_.layer);
    decision_.remarks.push_back({level, std::move(key), std::move(text)});
  }

  Outcome step(std::string text, Outcome outcome) {
    decision_.steps.push_back(std::move(text));
    return outcome;
  }
  Outcome done(std::string text, Selection selection) {
    decision_.selection = selection;
    return step(std::move(text), Outcome::done);
  }
  Outcome fail(std::string text, Status status) {
    decision_.status = std::move(status);
    return text.empty() ? Outcome::done : step(std::move(text), Outcome::done);
  }

  const Inputs& in_;
  const Request& request_;
  Candidates& candidates_;
  Decision decision_;
};

}  // namespace

Decision decide(const Inputs& inputs, Candidates& candidates) { return Rule(inputs, candidates).run(); }

std::string layer_prefix(const Request& request) {
  return request.layer.empty() ? std::string() : "layer " + request.layer + ": ";
}

std::string layer_pattern(std::string_view layer) {
  std::string pattern;
  for (size_t at = 0; at <= layer.size();) {
    const size_t end = std::min(layer.find('.', at), layer.size());
    const std::string_view part = layer.substr(at, end - at);
    const bool number = !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
    pattern += (at == 0 ? "" : ".") + std::string(number ? "*" : part);
    at = end + 1;
  }
  return pattern;
}

}  // namespace fvattn
