#include "video/spread_attention.hpp"

#include "video/denoise_options.hpp"
#include "video/window_tokens.hpp"

#include "ranks/tensor_moves.hpp"

#include <ATen/core/grad_mode.h>

#include <sstream>

namespace fvattn::video {

SpreadAttention::SpreadAttention(host::Ranks& ranks, const PreparedAttention& prepared)
    : ranks_(ranks), prepared_(prepared), layer_(prepared.options, ranks.communicator()) {
  layer_->eval();
}

Result<at::Tensor> SpreadAttention::attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const at::NoGradGuard no_grad;
  const ForwardContextScope scope(prepared_.surroundings);
  const Ranges rows = split_evenly(q.size(1), ranks_.size());
  host::TensorMoves inputs(*ranks_.communicator(), "rows of a window");
  const at::Tensor mine[] = {inputs.scatter_rows("q", q, rows), inputs.scatter_rows("k", k, rows),
                             inputs.scatter_rows("v", v, rows)};
  if (Status status = inputs.run(); !status.ok()) return status;
  DistributedCallOptions call;
  for (const Range& range : rows) call.sequence_lengths.push_back(range.size);
  const at::Tensor o = layer_->forward(mine[0], mine[1], mine[2], {}, {}, {}, prepared_.closed_gates(mine[0]), call).first;
  host::TensorMoves results(*ranks_.communicator(), "rows of a result");
  at::Tensor whole = results.gather_rows("o", o, rows);
  if (Status status = results.run(); !status.ok()) return status;
  return whole;
}

Status serve(host::Ranks& ranks, const DenoiseOptions& options) {
  std::vector<std::unique_ptr<SpreadAttention>> passes;
  TokenShape shape{{}, options.heads, options.dtype};
  for (;;) {
    const auto told = ranks.tell({});
    if (!told) return told.status();
    const std::string& name = told->at(task::kName);
    if (name == task::kEnd) return {};
    if (name == task::kPrepare) {
      std::istringstream grid(told->at(task::kGrid));
      shape.grid.assign(3, 0);
      for (int64_t& length : shape.grid) grid >> length;
      std::unique_ptr<SpreadAttention> pass;
      Status refusal;
      try {
        const auto prepared = prepare_attention(told->at(task::kRequest), options.parameters, shape, *options.core_device);
        if (prepared) pass = std::make_unique<SpreadAttention>(ranks, *prepared);
        refusal = prepared.status();
      } catch (const Error& error) {
        refusal = error.status();
      }
      if (ranks.all_well(refusal).ok()) passes.push_back(std::move(pass));
      continue;
    }
    const auto index = static_cast<size_t>(std::stoul(told->at(task::kPass)));
    const at::Tensor like =
        host::shape_only({1, shape.tokens(), shape.heads, WindowTokens::kHeadDim}, shape.dtype, options.device);
    if (const auto done = passes.at(index)->attend(like, like, like); !done) return done.status();
  }
}

}  // namespace fvattn::video
