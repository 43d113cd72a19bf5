// TORCH_SDPA: torch::scaled_dot_product_attention behind the C ABI.
#include "attend.hpp"
#include "describe.hpp"
#include "logits.hpp"
#include "visible.hpp"

#include <ATen/Context.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <c10/util/Exception.h>
#include <torch/csrc/autograd/autograd.h>

#include <limits>

namespace fvattn::sdpa {
namespace {

constexpr uint32_t kFloats = FVATTN_DT_F64 | FVATTN_DT_F32 | FVATTN_DT_BF16 | FVATTN_DT_F16;
constexpr uint32_t kIntegers = FVATTN_DT_BOOL | FVATTN_DT_U8 | FVATTN_DT_I32 | FVATTN_DT_I64;

// Results do not depend on the caller's autocast.
struct NoAutocast {
  c10::impl::ExcludeDispatchKeyGuard guard{c10::autocast_dispatch_keyset};
};

const fvattn_spec* find_mask(const fvattn_problem& p) {
  for (uint32_t i = 0; i < p.n_extra; ++i)
    if (plugin::view(p.extra[i].name) == "mask") return &p.extra[i];
  return nullptr;
}

// Torch's exceptions with a status of their own and without the stack.
template <class Body>
void contained(Body&& body) {
  try {
    body();
  } catch (const c10::OutOfMemoryError& error) {
    throw plugin::Error(FVATTN_RESOURCE_EXHAUSTED, error.what_without_backtrace(), FVATTN_ERROR_RETRYABLE);
  } catch (const c10::Error& error) {
    throw plugin::Error(FVATTN_INTERNAL, error.what_without_backtrace());
  }
}

bool has_nothing_to_do(const fvattn_problem& p) { return p.batch == 0 || p.q_len == 0 || p.kv_len == 0; }

}  // namespace

struct Backend {
  static constexpr const char* name = "TORCH_SDPA";
  static constexpr const char* doc =
      "torch::scaled_dot_product_attention: exact, any mask, causal aligned at the bottom right";

  static plugin::Schema meta_keys() {
    return plugin::Schema().optional("attn_mask", plugin::kTakesTensor, "the reference's alias of the input `mask`",
                                     FVATTN_KEY_SEMANTIC | FVATTN_KEY_PER_STEP);
  }
  static plugin::TensorSchema tensor_keys() {
    return plugin::TensorSchema().key(
        "mask", -1, kFloats | kIntegers, FVATTN_SHARD_REPLICATED,
        "[Sk], [B, Sk], [B, Sq, Sk] or [B, H or 1, Sq, Sk]; bool and integers: not 0 = attend; floats are added",
        FVATTN_TENSOR_DIFFERENTIABLE);
  }

  static void query(const fvattn_device& device, const fvattn_problem& p, plugin::Support& support) {
    const bool dropout = p.dropout_p > 0, capture = (p.flags & FVATTN_PROBLEM_NEED_CAPTURE) != 0;
    support
        .require(device.type == FVATTN_CPU || (device.type == FVATTN_CUDA && at::hasCUDA()), FVATTN_R_ARCH,
                 "this LibTorch does not serve device type %d", device.type)
        .require((plugin::dtype_bit(plugin::dtype(p)) & kFloats) != 0, FVATTN_R_DTYPE, "dtype %s is not a floating one",
                 plugin::to_string(plugin::dtype(p)).c_str())
        .require(p.head_dim > 0 && p.v_head_dim > 0, FVATTN_R_HEAD_DIM, "head_dim %d", p.head_dim)
        .require(p.heads > 0 && p.kv_heads > 0 && p.heads % p.kv_heads == 0, FVATTN_R_GQA,
                 "%d heads are no multiple of %d kv heads", p.heads, p.kv_heads)
        .require((p.flags & FVATTN_PROBLEM_VARLEN) == 0, FVATTN_R_VARLEN,
                 "packed sequences (cu_seqlens) are not taken; use a mask")
        .require(p.dropout_p >= 0 && p.dropout_p < 1, FVATTN_R_DROPOUT, "dropout_p must be in [0, 1)")
        .require(!(dropout && capture), FVATTN_R_CAPTURE | FVATTN_R_DROPOUT, "dropout cannot be captured in a graph");
    if (const fvattn_spec* mask = find_mask(p)) {
      const std::string trouble = mask_trouble(*mask, p);
      support.require(trouble.empty(), FVATTN_R_MASK | FVATTN_R_SHAPE, "the mask does not fit: %s", trouble.c_str());
    }
    support.score(device.type == FVATTN_CUDA ? 0.6 : 0.5);
  }

  explicit Backend(const fvattn_impl_desc&) {}

  void plan(const fvattn_problem& p, const void*, plugin::Plan& plan) {
    if (plugin::KeyValues(p.meta).has("attn_mask") && find_mask(p) == nullptr)
      plugin::fail(FVATTN_INVALID_ARGUMENT, "the metadata has attn_mask, and the host did not pass it as the input `mask`");
    if (p.dropout_p == 0) plan.flags(FVATTN_PLAN_GRAPH_SAFE);
    if (p.flags & FVATTN_PROBLEM_NEED_DETERMINISM) plan.flags(FVATTN_PLAN_DETERMINISTIC);
  }

  void forward(const Call& call) {
    contained([&] { compute(call); });
  }
  void backward(const Call& call) {
    contained([&] { differentiate(call); });
  }
  void describe(const Call& call) {
    const at::NoGradGuard no_grad;
    contained([&] { sdpa::describe(call); });
  }

 private:
  static void compute(const Call& call) {
    const at::NoGradGuard no_grad;
    const NoAutocast no_autocast;
    const fvattn_problem& p = call.problem();
    at::Tensor o = wrap_heads_first(call.out("o"));
    const fvattn_tensor* lse = call.find_out("lse");
    if (has_nothing_to_do(p)) {
      o.zero_();
      if (lse) wrap(*lse).fill_(-std::numeric_limits<double>::infinity());
      return;
    }
    const at::Tensor q = wrap_heads_first(call.in("q")), k = wrap_heads_first(call.in("k")),
                     v = wrap_heads_first(call.in("v"));
    const fvattn_tensor* given = call.find("mask");
    const at::Tensor mask = given ? wrap(*given) : at::Tensor();
    o.copy_(attend(p, q, k, v, mask, call.rng()));
    if (lse) write_lse(p, q, k, four_dimensional(mask, p, q.scalar_type()), wrap(*lse));
  }

  // Recomputes forward with gradients and lets torch differentiate it.
  static void differentiate(const Call& call) {
    const at::AutoGradMode with_grad(true);
    const NoAutocast no_autocast;
    const fvattn_problem& p = call.problem();
    at::Tensor outputs[] = {wrap_heads_first(call.out("d_q")), wrap_heads_first(call.out("d_k")),
                            wrap_heads_first(call.out("d_v"))};
    const fvattn_tensor *given = call.find("mask"), *d_mask = call.find_out("d_mask");
    at::Tensor mask = given ? wrap(*given) : at::Tensor();
    const bool learns_mask = d_mask && mask.is_floating_point();
    if (d_mask) wrap(*d_mask).zero_();
    if (has_nothing_to_do(p)) {
      for (at::Tensor& gradient : outputs) gradient.zero_();
      return;
    }
    torch::autograd::variable_list inputs;
    for (const char* name : {"q", "k", "v"}) inputs.push_back(wrap_heads_first(call.in(name)).set_requires_grad(true));
    if (learns_mask) inputs.push_back(mask.set_requires_grad(true));
    const at::Tensor o = attend(p, inputs[0], inputs[1], inputs[2], mask, call.rng());
    const auto gradients = torch::autograd::grad({o}, inputs, {wrap_heads_first(call.in("d_o"))});
    const at::NoGradGuard no_grad;
    for (int i = 0; i < 3; ++i) outputs[i].copy_(gradients[i]);
    if (learns_mask) wrap(*d_mask).copy_(gradients[3]);
  }
};

}  // namespace fvattn::sdpa

FVATTN_PLUGIN("org.fvattn.sdpa", FVATTN_SDPA_VERSION, "fvattn", fvattn::sdpa::Backend)
