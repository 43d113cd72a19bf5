#include "verify/check_case.hpp"

#include "reference/attended.hpp"
#include "reference/attention.hpp"
#include "reference/relative_error.hpp"
#include "verify/prepared_case.hpp"

#include <ATen/ATen.h>

#include <cmath>

namespace fvattn::verify {
namespace {

constexpr int kZeros = 0;

double root_of_size(const at::Tensor& tensor) { return std::sqrt(static_cast<double>(tensor.numel())); }

class CaseCheck {
 public:
  CaseCheck(const Subject& subject, const Case& c, at::ScalarType dtype, at::Generator& generator)
      : subject_(subject), case_(c), dtype_(dtype), generator_(generator), in_(inputs_of(subject, c, dtype, generator)) {
    finding_.c = c;
    finding_.dtype = dtype_text(dtype);
  }

  Finding run() {
    const uint32_t wish =
        FVATTN_PROBLEM_NEED_LSE | (subject_.backend->has_backward() ? uint32_t{FVATTN_PROBLEM_NEED_GRAD} : 0u);
    auto prepared = prepare_case(subject_, case_, dtype_, in_, wish, finding_);
    if (!prepared) return std::move(finding_);
    finding_.reason.clear();
    const auto first = prepared->call.forward(in_, case_.layout, GuardedTensor::kNaN);
    if (!took(first, "forward")) return std::move(finding_);
    if (!make_reference(*prepared)) return std::move(finding_);
    measure("o", first->o.tensor(), expected_.o);
    if (first->lse.defined()) measure("lse", first->lse.tensor(), expected_.lse, root_of_size(expected_.lse));
    repeat(prepared->call, *first);
    if ((prepared->flags & FVATTN_PROBLEM_NEED_GRAD) != 0) {
      gradients(prepared->call, *first);
      plain_forward();
    }
    note_damage(prepared->call);
    return std::move(finding_);
  }

 private:
  template <class T>
  bool took(const Result<T>& result, const char* stage) {
    if (!result) finding_.failures.push_back(std::string(stage) + ": " + result.status().text());
    return result.ok();
  }

  void measure(const std::string& what, const at::Tensor& got, const at::Tensor& want, double least = 0) {
    finding_.measured.push_back(
        {what, reference::relative_error(got, want, least), limit_of(what, dtype_, expected_.largest_logit)});
  }
  void judge(const std::string& what, bool fine) { finding_.measured.push_back({what, fine ? 0.0 : 1.0, 0}); }
  void note_damage(DirectCall& call) {
    const std::vector<std::string> damage = call.take_damage();
    judge("memory", damage.empty());
    finding_.failures.insert(finding_.failures.end(), damage.begin(), damage.end());
  }

  // What the backend attends: by definition for exact ones, by its own word for those that choose.
  bool make_reference(PreparedCase& prepared) {
    reference::Question question{in_.at("q").tensor(),
                                 in_.at("k").tensor(),
                                 in_.at("v").tensor(),
                                 case_.softmax_scale(),
                                 case_.causal && !case_.is_varlen(),
                                 seen_by_definition(case_, in_),
                                 {},
                                 {}};
    const auto described = prepared.call.describe(in_);
    if (!took(described, "describe")) return false;
    if (subject_.backend->approximate()) {
      if (described->empty()) {
        finding_.refused = true;
        finding_.reason = "it chooses keys and has no describe: there is nothing to compare with";
        return false;
      }
      const at::Tensor seen = reference::attended(described->at("mask_tiles").tensor(), described->at("q_tile").tensor(),
                                                  described->at("k_tile").tensor());
      check_pairs(*described, seen.sum().item<int64_t>());
      question.seen = seen.to(question.q.device());
    } else if (!described->empty()) {
      check_pairs(*described, pairs_by_definition(question));
    }
    d_o_ = GuardedTensor::holding(
        at::randn({case_.batch, case_.q_len, case_.heads, case_.v_head_dim()}, generator_, at::TensorOptions(at::kDouble))
            .to(subject_.place, dtype_),
        case_.layout);
    if ((prepared.flags & FVATTN_PROBLEM_NEED_GRAD) != 0) question.d_o = d_o_.tensor();
    expected_ = reference::attention(question);
    return true;
  }

  int64_t pairs_by_definition(const reference::Question& question) const {
    at::Tensor seen = at::ones({case_.batch, case_.heads, case_.q_len, case_.kv_len}, at::kBool);
    if (question.causal) seen = seen.tril(case_.kv_len - case_.q_len);
    if (question.seen.defined()) seen = seen.logical_and(question.seen.cpu());
    return seen.sum().item<int64_t>();
  }
  void check_pairs(const Guarded& described, int64_t pairs) {
    const int64_t said = described.at("pairs").tensor().item<int64_t>();
    judge("pairs", said == pairs);
    if (said != pairs)
      finding_.failures.push_back("describe counts " + std::to_string(said) + " pairs where " + std::to_string(pairs) +
                                  " are attended");
  }

  void repeat(DirectCall& call, const Outputs& first) {
    const auto again = call.forward(in_, case_.layout, kZeros);
    if (!took(again, "the second forward")) return;
    bool same = same_bits(first.o.tensor(), again->o.tensor()) &&
                (!first.lse.defined() || same_bits(first.lse.tensor(), again->lse.tensor()));
    for (const auto& [name, tensor] : first.others)
      same = same && same_bits(tensor.tensor(), again->others.at(name).tensor());
    judge("repeat", same);
    if (!same) finding_.failures.push_back("the second forward gave other bits");
  }

  void gradients(DirectCall& call, const Outputs& forward) {
    const auto given = call.backward(in_, forward, d_o_, case_.layout, GuardedTensor::kNaN);
    if (!took(given, "backward")) return;
    measure("d_q", given->at("d_q").tensor(), expected_.d_q, expected_.d_q_scale);
    measure("d_k", given->at("d_k").tensor(), expected_.d_k, expected_.d_k_scale);
    measure("d_v", given->at("d_v").tensor(), expected_.d_v);
    if ((call.plan().flags & FVATTN_PLAN_DETERMINISTIC) == 0) return;
    const auto again = call.backward(in_, forward, d_o_, case_.layout, kZeros);
    if (!took(again, "the second backward")) return;
    bool same = true;
    for (const auto& [name, tensor] : *given) same = same && same_bits(tensor.tensor(), again->at(name).tensor());
    judge("repeat", same);
    if (!same) finding_.failures.push_back("the plan is deterministic, and the second backward gave other bits");
  }

  // Without gradients and lse another kernel may run.
  void plain_forward() {
    auto plain = prepare_case(subject_, case_, dtype_, in_, 0, finding_);
    if (!plain) return;
    const auto outputs = plain->call.forward(in_, case_.layout, GuardedTensor::kNaN);
    if (took(outputs, "forward without gradients")) measure("o again", outputs->o.tensor(), expected_.o);
    note_damage(plain->call);
  }

  const Subject& subject_;
  const Case& case_;
  const at::ScalarType dtype_;
  at::Generator& generator_;
  const Guarded in_;
  GuardedTensor d_o_;
  reference::Answer expected_;
  Finding finding_;
};

}  // namespace

Finding check_case(const Subject& subject, const Case& c, at::ScalarType dtype, at::Generator& generator) {
  return CaseCheck(subject, c, dtype, generator).run();
}

}  // namespace fvattn::verify
