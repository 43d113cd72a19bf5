#include "reference/relative_error.hpp"
#include "verify/check_case.hpp"
#include "verify/prepared_case.hpp"

#include <ATen/ATen.h>

namespace fvattn::verify {
namespace {

class LawCheck {
 public:
  LawCheck(const Subject& subject, const Case& c, at::ScalarType dtype, at::Generator& generator)
      : subject_(subject), case_(c), dtype_(dtype), in_(inputs_of(subject, c, dtype, generator)) {
    finding_.c = c;
    finding_.dtype = dtype_text(dtype);
    order_ = at::randperm(c.kv_len, generator).to(subject.place);
  }

  Finding run() {
    const at::Tensor plain = forward(case_, in_);
    if (!plain.defined()) return std::move(finding_);
    finding_.reason.clear();
    constant_v();
    if (const at::Tensor o = forward(case_, with("v", in_.at("v").tensor() * 2)); o.defined())
      measure("linear in v", o, plain.to(at::kDouble) * 2);
    if (case_.is_full()) {
      Guarded permuted = with("k", in_.at("k").tensor().index_select(1, order_));
      permuted["v"] = GuardedTensor::holding(in_.at("v").tensor().index_select(1, order_), case_.layout);
      if (const at::Tensor o = forward(case_, permuted); o.defined()) measure("order of keys", o, plain);
    }
    Case halved = case_;
    halved.scale = case_.softmax_scale() / 2;
    if (const at::Tensor o = forward(halved, with("q", in_.at("q").tensor() * 2)); o.defined()) measure("scale", o, plain);
    return std::move(finding_);
  }

 private:
  Guarded with(const std::string& name, const at::Tensor& values) const {
    Guarded changed = in_;
    changed[name] = GuardedTensor::holding(values, case_.layout);
    return changed;
  }

  at::Tensor forward(const Case& c, const Guarded& in) {
    auto prepared = prepare_case(subject_, c, dtype_, in, 0, finding_);
    if (!prepared) return {};
    const auto outputs = prepared->call.forward(in, c.layout, GuardedTensor::kNaN);
    if (!outputs) finding_.failures.push_back(outputs.status().text());
    return outputs ? outputs->o.tensor() : at::Tensor();
  }

  // Weights are convex: where a row sees any key, a v that is the same for all keys comes back.
  void constant_v() {
    const at::Tensor v = in_.at("v").tensor(), row = v.narrow(1, 0, 1);
    const at::Tensor o = forward(case_, with("v", row.expand(v.sizes())));
    if (!o.defined()) return;
    at::Tensor expected = row.repeat_interleave(case_.heads / case_.kv_heads, 2).expand(o.sizes()).to(at::kDouble).clone();
    if (case_.causal && case_.q_len > case_.kv_len) expected.narrow(1, 0, case_.q_len - case_.kv_len).zero_();
    measure("constant v", o, expected);
  }

  void measure(const std::string& what, const at::Tensor& got, const at::Tensor& want) {
    finding_.measured.push_back({what, reference::relative_error(got, want), limit_of("o", dtype_, 40)});
  }

  const Subject& subject_;
  const Case& case_;
  const at::ScalarType dtype_;
  const Guarded in_;
  at::Tensor order_;
  Finding finding_;
};

}  // namespace

Finding check_laws(const Subject& subject, const Case& c, at::ScalarType dtype, at::Generator& generator) {
  return LawCheck(subject, c, dtype, generator).run();
}

}  // namespace fvattn::verify
