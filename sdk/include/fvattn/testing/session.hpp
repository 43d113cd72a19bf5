// One problem taken through a backend, as the host does it: query, create, plan, stages, forward, backward, describe.
#pragma once

#include <fvattn/plugin/key_values.hpp>
#include <fvattn/testing/library.hpp>
#include <fvattn/testing/reference.hpp>

#include <map>
#include <memory>

namespace fvattn::testing {

using Tensors = std::map<std::string, Tensor, std::less<>>;

/// What query said.
struct Answer {
  bool supported = false;
  double score = 0;
  uint64_t reasons = 0;
  std::vector<std::string> notes;
  std::string text() const {
    std::string all;
    for (const std::string& note : notes) all += (all.empty() ? "" : "; ") + note;
    return all;
  }
};

class Session {
 public:
  /// flags: FVATTN_PROBLEM_* besides CAUSAL. meta and options are key-values; defaults of the schemas are added as the host
  /// does. What they point to must outlive the session. `extras` are further inputs.
  Session(const fvattn_backend& backend, const Case& c, uint32_t flags = 0, fvattn_kvs meta = {}, fvattn_kvs options = {},
          const Tensors& extras = {})
      : backend_(backend),
        case_(c),
        meta_kvs_(with_defaults(meta, backend.meta_keys, backend.n_meta_keys)),
        options_(with_defaults(options, backend.option_keys, backend.n_option_keys)),
        extras_(extras) {
    for (const auto& [name, tensor] : extras_) specs_.push_back(spec(name, tensor));
    problem_.size = sizeof problem_;
    problem_.flags = flags | (c.causal ? uint32_t{FVATTN_PROBLEM_CAUSAL} : 0);
    problem_.batch = c.batch;
    problem_.q_len = problem_.max_q_len = c.q_len;
    problem_.kv_len = problem_.max_kv_len = c.kv_len;
    problem_.heads = problem_.heads_global = c.heads;
    problem_.kv_heads = problem_.kv_heads_global = c.kv_heads;
    problem_.head_dim = c.head_dim;
    problem_.v_head_dim = c.v_head_dim;
    problem_.dtype_code = c.dtype.code;
    problem_.dtype_bits = c.dtype.bits;
    problem_.sp_world = 1;
    problem_.n_seqs = c.batch;
    problem_.scale = c.softmax_scale();
    problem_.n_extra = static_cast<uint32_t>(specs_.size());
    problem_.extra = specs_.data();
    problem_.meta = {meta_kvs_.data(), meta_kvs_.size()};
    call_.size = sizeof call_;
    call_.problem = &problem_;
    call_.rng = &rng_;
    rng_.seed = 42;
  }
  ~Session() {
    if (plan_.state && backend_.plan_free) backend_.plan_free(impl_, plan_.state);
    if (meta_) backend_.meta_free(meta_, nullptr);
    backend_.destroy(impl_);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  fvattn_problem& problem() { return problem_; }
  fvattn_rng& rng() { return rng_; }
  const fvattn_plan& plan() const { return plan_; }
  /// The call as the next stage gets it: step, timestep and flags may be set.
  fvattn_call& call() { return call_; }

  Answer query() {
    std::vector<fvattn_note> notes(16);
    fvattn_support support{};
    support.size = sizeof support;
    support.notes = notes.data();
    support.cap_notes = static_cast<uint32_t>(notes.size());
    must("query", [&](fvattn_error* e) { return backend_.query(backend_.ctx, &device_, &problem_, &support, e); });
    Answer answer{support.supported != 0, support.score, support.reasons, {}};
    for (uint32_t i = 0; i < support.n_notes; ++i) answer.notes.emplace_back(notes[i].text);
    return answer;
  }

  /// create, meta_build, plan. Once, before forward.
  void prepare() {
    fvattn_impl_desc desc{};
    desc.size = sizeof desc;
    desc.device = &device_;
    desc.nominal = &problem_;
    desc.prefix = plugin::str("test.blocks.0.attn");
    desc.options = {options_.data(), options_.size()};
    must("create", [&](fvattn_error* e) { return backend_.create(backend_.ctx, &desc, &impl_, e); });
    if (backend_.meta_build)
      must("meta_build",
           [&](fvattn_error* e) { return backend_.meta_build(backend_.ctx, &device_, problem_.meta, nullptr, &meta_, e); });
    call_.meta = meta_;
    plan_.size = sizeof plan_;
    for (int attempt = 0; attempt < 2; ++attempt) { // no room at first: the count must come back, then the specs
      plan_.saved = saved_.data(), plan_.cap_saved = static_cast<uint32_t>(saved_.size());
      plan_.outputs = outputs_.data(), plan_.cap_outputs = static_cast<uint32_t>(outputs_.size());
      must("plan", [&](fvattn_error* e) { return backend_.plan(impl_, &problem_, meta_, &plan_, e); });
      if (plan_.n_saved <= plan_.cap_saved && plan_.n_outputs <= plan_.cap_outputs) break;
      if (attempt == 1) throw Failure(FVATTN_INTERNAL, "plan asks for more room than it said");
      saved_.resize(plan_.n_saved);
      outputs_.resize(plan_.n_outputs);
    }
    call_.plan_state = plan_.state;
  }

  /// o, lse when the problem asks for it, plan.outputs, and saved:<n>. Inputs are q, k, v.
  Tensors forward(const Tensors& qkv) {
    Tensors in = qkv, out;
    in.insert(extras_.begin(), extras_.end());
    const bool pre = plan_.flags & FVATTN_PLAN_HAS_PRE, post = plan_.flags & FVATTN_PLAN_HAS_POST;
    if (pre) {
      Tensors staged;
      for (const auto& [name, t] : in)
        if (is_staged(name)) {
          const bool key_side = name == "k" || name == "v";
          staged.emplace(name, with_length(t, key_side ? plan_.staged_kv_len : plan_.staged_q_len));
        }
      run("preprocess", backend_.preprocess, in, staged, plan_.ws_stage);
      for (auto& [name, t] : staged) in[name] = t;
    }
    const int64_t rows = pre ? plan_.staged_q_len : case_.q_len;
    out.emplace("o", Tensor(case_.dtype, {case_.batch, rows, case_.heads, case_.v_head_dim}, case_.gap));
    if (problem_.flags & FVATTN_PROBLEM_NEED_LSE)
      out.emplace("lse", Tensor(plugin::kF32, {case_.batch, case_.heads, case_.q_len}));
    for (uint32_t i = 0; i < plan_.n_outputs; ++i) out.emplace(name_of(outputs_[i]), allocate(outputs_[i]));
    if (problem_.flags & FVATTN_PROBLEM_NEED_GRAD)
      for (uint32_t i = 0; i < plan_.n_saved; ++i) out.emplace("saved:" + name_of(saved_[i]), allocate(saved_[i]));
    run("forward", backend_.forward, in, out, plan_.ws_forward);
    if (post) {
      Tensors staged{{"o", out["o"]}}, raster{{"o", with_length(out["o"], case_.q_len)}};
      run("postprocess", backend_.postprocess, staged, raster, plan_.ws_stage);
      out["o"] = raster["o"];
    }
    return out;
  }

  /// d_q, d_k, d_v and d_<name> of differentiable extras. `results` is what forward gave.
  Tensors backward(const Tensors& qkv, const Tensors& results, const Tensor& d_o) {
    if (!backend_.backward) throw Failure(FVATTN_UNIMPLEMENTED, "the backend has no backward");
    Tensors in = qkv, out;
    in.insert(extras_.begin(), extras_.end());
    in.insert(results.begin(), results.end());
    in.emplace("d_o", d_o);
    for (const auto& [name, t] : qkv) out.emplace("d_" + name, Tensor(t.dtype(), t.shape(), case_.gap));
    for (size_t i = 0; i < backend_.n_tensor_keys; ++i) {
      const auto extra = extras_.find(plugin::view(backend_.tensor_keys[i].name));
      if (extra != extras_.end() && (backend_.tensor_keys[i].flags & FVATTN_TENSOR_DIFFERENTIABLE))
        out.emplace("d_" + extra->first, Tensor(extra->second.dtype(), extra->second.shape()));
    }
    run("backward", backend_.backward, in, out, plan_.ws_backward);
    return out;
  }

  /// Fills `out` (tile_counts, or mask_tiles, q_tile, k_tile, pairs).
  void describe(const Tensors& qkv, Tensors& out) {
    if (!backend_.describe) throw Failure(FVATTN_UNIMPLEMENTED, "the backend has no describe");
    Tensors in = qkv;
    in.insert(extras_.begin(), extras_.end());
    run("describe", backend_.describe, in, out, plan_.ws_forward);
  }

 private:
  using Stage = fvattn_status (*)(void*, const fvattn_call*, fvattn_error*);

  static std::vector<fvattn_kv> with_defaults(fvattn_kvs given, const fvattn_meta_key* keys, size_t n) {
    std::vector<fvattn_kv> all(given.p, given.p + given.n);
    for (size_t i = 0; i < n; ++i) {
      const fvattn_kv& dflt = keys[i].dflt;
      const bool scalar = dflt.kind == FVATTN_I64 || dflt.kind == FVATTN_F64 || dflt.kind == FVATTN_BOOL;
      const bool has = dflt.kind != 0 && !(dflt.flags & FVATTN_KEY_REQUIRED) && (scalar || dflt.v.str != nullptr);
      if (has && !plugin::KeyValues(given).has(plugin::view(dflt.key))) all.push_back(dflt);
    }
    return all;
  }
  /// q, k, v and the extras that follow the heads of q.
  bool is_staged(const std::string& name) const {
    if (name == "q" || name == "k" || name == "v") return true;
    for (size_t i = 0; i < backend_.n_tensor_keys; ++i)
      if (plugin::view(backend_.tensor_keys[i].name) == name) return backend_.tensor_keys[i].shard == FVATTN_SHARD_SEQ_HEADS;
    return false;
  }
  static std::string name_of(const fvattn_spec& spec) { return std::string(plugin::view(spec.name)); }
  static fvattn_spec spec(const std::string& name, const Tensor& t) {
    fvattn_spec s{plugin::str(name), t.dtype().code, t.dtype().bits, 0, static_cast<int32_t>(t.shape().size()), {}};
    std::copy(t.shape().begin(), t.shape().end(), s.dim);
    return s;
  }
  static Tensor allocate(const fvattn_spec& s) { return Tensor(plugin::dtype(s), {s.dim, s.dim + s.ndim}); }
  static Tensor with_length(const Tensor& t, int64_t rows) {
    std::vector<int64_t> shape = t.shape();
    shape[1] = rows;
    return Tensor(t.dtype(), shape);
  }
  static std::vector<fvattn_arg> arguments(const Tensors& tensors) {
    std::vector<fvattn_arg> args;
    for (const auto& [name, t] : tensors) args.push_back({plugin::str(name), 0, 0, t.c()});
    return args;
  }
  /// Poisoned workspace between guard bands, inputs that must not change.
  void run(const char* what, Stage stage, const Tensors& in, Tensors& out, uint64_t workspace_bytes) {
    const std::vector<fvattn_arg> ins = arguments(in), outs = arguments(out);
    std::vector<std::vector<double>> before;
    for (const auto& [name, t] : in) before.push_back(t.values());
    const uint64_t align = std::max<uint64_t>(plan_.ws_align, 64);
    std::vector<unsigned char> memory(workspace_bytes + align + 2 * Tensor::kGuard, 0xFF);
    const uintptr_t start = (reinterpret_cast<uintptr_t>(memory.data()) + Tensor::kGuard + align - 1) & ~(align - 1);
    call_.workspace = {reinterpret_cast<void*>(start), workspace_bytes};
    call_.in = ins.data(), call_.n_in = static_cast<uint32_t>(ins.size());
    call_.out = outs.data(), call_.n_out = static_cast<uint32_t>(outs.size());
    must(what, [&](fvattn_error* e) { return stage(impl_, &call_, e); });
    const auto first = static_cast<size_t>(start - reinterpret_cast<uintptr_t>(memory.data()));
    for (size_t i = 0; i < memory.size(); ++i)
      if ((i < first || i >= first + workspace_bytes) && memory[i] != 0xFF)
        throw Failure(FVATTN_INTERNAL, std::string(what) + " wrote outside its workspace");
    for (const auto& [name, t] : out)
      if (!t.intact()) throw Failure(FVATTN_INTERNAL, std::string(what) + " wrote outside the tensor " + name);
    size_t i = 0;
    for (const auto& [name, t] : in)
      if (!same(t.values(), before[i++])) throw Failure(FVATTN_INTERNAL, std::string(what) + " changed its input " + name);
  }
  static bool same(const std::vector<double>& a, const std::vector<double>& b) {
    for (size_t i = 0; i < a.size(); ++i)
      if (!(a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i])))) return false;
    return true;
  }

  const fvattn_backend& backend_;
  Case case_;
  std::vector<fvattn_kv> meta_kvs_, options_;
  Tensors extras_;
  std::vector<fvattn_spec> specs_, saved_, outputs_;
  fvattn_device device_ = test_device();
  fvattn_problem problem_{};
  fvattn_plan plan_{};
  fvattn_call call_{};
  fvattn_rng rng_{};
  void* impl_ = nullptr;
  const void* meta_ = nullptr;
};

}  // namespace fvattn::testing
