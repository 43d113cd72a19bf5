#include "verify/prepared_case.hpp"

#include <set>

namespace fvattn::verify {

std::optional<PreparedCase> prepare_case(const Subject& subject, const Case& c, at::ScalarType dtype, const Guarded& inputs,
                                         uint32_t wish, Finding& finding) {
  constexpr uint32_t kLse = FVATTN_PROBLEM_NEED_LSE, kGrad = FVATTN_PROBLEM_NEED_GRAD;
  std::set<uint32_t> asked;
  for (const uint32_t flags : {wish, wish & ~kLse, wish & ~kGrad, wish & ~(kLse | kGrad)}) {
    if (!asked.insert(flags).second) continue;
    auto setting = setting_of(subject, c, dtype, inputs, flags);
    if (!setting) {
      finding.refused = true;
      finding.reason = setting.status().text();
      return std::nullopt;
    }
    const auto support = subject.backend->query(*subject.device, setting->problem, setting->metadata->values());
    if (!support) {
      finding.failures.push_back("query: " + support.status().text());
      return std::nullopt;
    }
    if (!support->supported) {
      finding.reason = reason_names(support->reasons);
      for (const Note& note : support->notes) finding.reason += "; " + note.text;
      continue;
    }
    auto call = DirectCall::prepare(*subject.backend, *subject.device, std::move(*setting));
    if (call) return PreparedCase{std::move(*call), flags};
    if (call.status().code == Code::invalid_argument) {  // metadata that does not suit the problem
      finding.refused = true;
      finding.reason = call.status().text();
      return std::nullopt;
    }
    finding.failures.push_back("accepted, then: " + call.status().text());
    return std::nullopt;
  }
  finding.refused = true;
  return std::nullopt;
}

}  // namespace fvattn::verify
