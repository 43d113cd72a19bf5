// Tensors between rank 0 and all ranks: rows given out and collected, whole ones sent to all, parts brought together.
#pragma once

#include <fvattn/distributed/communicator.hpp>

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace fvattn::host {

/// Add up what moves, the same on all ranks, then run(): all of it on the CPU, or on the GPU of each rank, in the order of
/// the current stream. Not recorded by autograd.
class TensorMoves {
 public:
  TensorMoves(Communicator& communicator, std::string name) : communicator_(communicator) {
    exchange_.name = std::move(name);
  }

  /// Rows of [B, S, ...] by `rows`. `whole` counts on rank 0, elsewhere only its shape and dtype. Gives [B, s, ...], filled
  /// by run().
  at::Tensor scatter_rows(const std::string& name, const at::Tensor& whole, const Ranges& rows);
  /// The way back: [B, s, ...] of every rank to [B, S, ...] on rank 0, which is the result there; elsewhere it is empty.
  at::Tensor gather_rows(const std::string& name, const at::Tensor& part, const Ranges& rows);
  /// All of it to all ranks; rank 0 gets its own tensor back.
  at::Tensor send_to_all(const std::string& name, const at::Tensor& whole);
  /// [P, ...] on rank 0, where element r is rank r's; empty elsewhere.
  at::Tensor stack(const std::string& name, const at::Tensor& mine);
  Status run();

 private:
  void add(const std::string& name, Pattern pattern, Ranges sequence, Ranges heads, const at::Tensor& source, Layout from,
           const at::Tensor& target, Layout to);
  bool is_root() const { return communicator_.rank() == 0; }
  int size() const { return communicator_.size(); }

  Communicator& communicator_;
  Exchange exchange_;
  std::vector<at::Tensor> kept_;
};

/// A tensor of that shape and dtype without memory of its own; its values mean nothing.
at::Tensor shape_only(at::IntArrayRef sizes, at::ScalarType dtype, at::Device device);

}  // namespace fvattn::host
