// Attention over a sequence that is spread over ranks: heads are exchanged for rows, so that every backend sees a whole
// sequence for the heads of its rank.
#pragma once

#include <fvattn/distributed/communicator.hpp>
#include <fvattn/torch/local_attention.hpp>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <memory>
#include <utility>
#include <vector>

namespace fvattn FVATTN_PUBLIC {

class DistributedCore;

/// What may differ from call to call.
struct DistributedCallOptions {
  /// Rows of each rank, padding included. Ranks that say so agree on a call once and not again while nothing changes;
  /// without it they tell each other at every call. Wrong on one rank only: an error on all.
  std::vector<int64_t> sequence_lengths;
};

/// A layer belongs to one rank: each rank makes its own, with its end of the communicator, and calls it in the same order as
/// the others. Errors are fvattn::Error. What one rank cannot serve is an error on all, before anything moves; an exception
/// later, in backward too, aborts the communicator with its text. A ForwardContext is the rank's thread's own.
///
/// Backward exchanges too: every rank has to run it, and over the same layers. Gradients of replicated tokens and extras
/// are this rank's part (its heads): their sum over ranks is the gradient. The gradients of text_o of all ranks are added.
class DistributedAttentionImpl : public torch::nn::Module {
 public:
  /// `communicator` nullptr: the only rank. `options.text_length` must be 0: text is what is replicated.
  explicit DistributedAttentionImpl(LocalAttentionOptions options, std::shared_ptr<Communicator> communicator = nullptr);
  ~DistributedAttentionImpl() override;

  /// q [B, s, H, D], k [B, s, Hkv, D], v [B, s, Hkv, Dv]: this rank's rows of the sequence, in rank order; s may differ by
  /// rank and may be 0. replicated_* [B, T, H or Hkv, D or Dv]: text, the same on all ranks, all three or none; attended
  /// after the sequence. Extras are sharded as the backend's schema says: SEQ_HEADS [B, s, H or Hkv, ...] and SEQ [B, s,
  /// ...] by rows as q is, HEADS (whole on each rank, [H] or [B, H, ...]) sliced, REPLICATED passed on. original_seq_len
  /// counts rows of the whole sequence; rows after it are padding and come back as zeros. Returns o [B, s, H, Dv] and text_o
  /// [B, T, H, Dv], the same on all ranks; undefined without text.
  std::pair<at::Tensor, at::Tensor> forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                            const at::Tensor& replicated_q = {}, const at::Tensor& replicated_k = {},
                                            const at::Tensor& replicated_v = {}, const Extras& extras = {},
                                            const DistributedCallOptions& call = {});

  const LocalAttentionOptions& options() const;
  Communicator& communicator() const;
  /// The heads of each rank.
  const HeadSplit& head_split() const;
  /// Of the latest call; nullptr before the first one.
  const AttentionBackend* backend() const;
  LayerCounters counters() const;
  void pretty_print(std::ostream& stream) const override;

 private:
  std::unique_ptr<DistributedCore> core_;
};

/// For backends with a coarse branch: the gate is an argument, replicated tokens are refused.
class DistributedAttentionVSAImpl : public torch::nn::Module {
 public:
  explicit DistributedAttentionVSAImpl(LocalAttentionOptions options, std::shared_ptr<Communicator> communicator = nullptr);
  ~DistributedAttentionVSAImpl() override;

  /// As DistributedAttention without text. gate_compress [B, s, H, D] becomes the input of that name; undefined: none.
  std::pair<at::Tensor, at::Tensor> forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                            const at::Tensor& replicated_q = {}, const at::Tensor& replicated_k = {},
                                            const at::Tensor& replicated_v = {}, const at::Tensor& gate_compress = {},
                                            const Extras& extras = {}, const DistributedCallOptions& call = {});

  const LocalAttentionOptions& options() const;
  Communicator& communicator() const;
  const HeadSplit& head_split() const;
  const AttentionBackend* backend() const;
  LayerCounters counters() const;
  void pretty_print(std::ostream& stream) const override;

 private:
  std::unique_ptr<DistributedCore> core_;
};

TORCH_MODULE(DistributedAttention);
TORCH_MODULE(DistributedAttentionVSA);

}  // namespace fvattn
