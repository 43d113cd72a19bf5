// Attention within one process: self and cross attention, GQA, causal, with gradients.
#pragma once

#include <fvattn/context.hpp>
#include <fvattn/forward_context.hpp>
#include <fvattn/torch/extras.hpp>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <memory>
#include <optional>
#include <string>

namespace fvattn FVATTN_PUBLIC {

/// The constructor arguments of the reference, by name.
struct LocalAttentionOptions {
  int64_t num_heads = 0, head_size = 0;
  double softmax_scale = 0;  // 0: head_size^-0.5
  bool causal = false;       // query i sees keys j <= i + Skv - Sq
  int64_t num_kv_heads = 0;  // 0: num_heads; must divide num_heads
  SupportedBackends supported_attention_backends = SupportedBackends::any();
  std::string prefix;           // "blocks.3.attn1": names the layer in messages, gives layer_index and goes to the impl
  std::string backend;  // explicit choice in the grammar of selector.hpp; empty: scope, environment, default, automatic
  std::string default_backend;  // the layer's default; empty: none
  /// The reference's extra_impl_args, by the backend's option schema. `dropout_p` and `layer_idx` are understood here too.
  KeyValues impl_options;
  double dropout_p = 0;     // acts only while the module is in training mode
  int64_t text_length = 0;  // trailing rows of q, k, v that are text
  bool deterministic = false;
  std::optional<int64_t> layer_index;  // else the first `blocks.<n>` in prefix, else 0
  Context* context = nullptr;          // nullptr: default_context(); must outlive the layer
};

/// What a layer did so far; for tests and benchmarks.
struct LayerCounters {
  uint64_t calls = 0;        // forward
  uint64_t plans = 0;        // plans made: problems not seen before
  uint64_t tensor_copies = 0;  // inputs that had to be made contiguous or aligned
};

/// Errors are fvattn::Error. One layer may be used by several threads; calls on one backend instance take turns.
/// Metadata comes from the ForwardContext that is open, the object of the backend that serves; without one it is built
/// from the backend's defaults, and a key that the backend requires is then an error that names it.
class LocalAttentionImpl : public torch::nn::Module {
 public:
  explicit LocalAttentionImpl(LocalAttentionOptions options);
  ~LocalAttentionImpl() override;

  /// q [B, Sq, H, D], k [B, Skv, Hkv, D], v [B, Skv, Hkv, Dv] of one dtype and device, any strides (innermost 1, else
  /// they are copied). Returns o [B, Sq, H, Dv].
  at::Tensor forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Extras& extras = {});
  /// The same with everything that the backend gives. Differentiable in q, k, v and the backend's differentiable extras,
  /// once: a gradient of the gradient is an error.
  AttentionOutputs forward_all(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Extras& extras = {},
                               const CallOptions& call = {});
  /// What forward_all with the same arguments would attend; nullopt if the backend does not say. `with_tiles` fills the
  /// tile map too, which is large for long sequences.
  std::optional<CallDescription> describe_call(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                               const Extras& extras = {}, const CallOptions& call = {},
                                               bool with_tiles = false);
  /// Who would serve such a call, without computing it; throws as forward would.
  Selection select(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Extras& extras = {},
                   const CallOptions& call = {});

  const LocalAttentionOptions& options() const;
  int64_t num_heads() const { return options().num_heads; }
  int64_t head_size() const { return options().head_size; }
  int64_t num_kv_heads() const { return options().num_kv_heads; }
  double softmax_scale() const { return options().softmax_scale; }
  int64_t layer_index() const;
  /// Of the latest call; before the first one, the choice for self-attention on the CPU in torch's default dtype.
  const AttentionBackend& backend() const;
  /// Of the latest call; torch's default dtype before the first one.
  at::ScalarType dtype() const;
  LayerCounters counters() const;

  void pretty_print(std::ostream& stream) const override;

 private:
  AttentionOutputs forward_unpadded(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Extras& extras,
                                    const CallOptions& call);
  struct State;
  std::unique_ptr<State> state_;
};

TORCH_MODULE(LocalAttention);

}  // namespace fvattn
