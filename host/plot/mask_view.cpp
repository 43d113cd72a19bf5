#include "plot/mask_view.hpp"

#include "plot/recall.hpp"
#include "reference/attended.hpp"
#include "run/problem.hpp"
#include "run/setup.hpp"

#include <fvattn/torch/local_attention.hpp>

#include <ATen/ATen.h>

#include <cmath>

namespace fvattn::plot {
namespace {

std::string text_of(const std::vector<int64_t>& list) { return to_string(Value(list)); }

Status check(const MaskRequest& request, const host::Inputs& in) {
  const auto wrong = [](std::string what, std::string got, std::string accepted) {
    return Status::error(Code::invalid_argument, std::move(what), std::move(got), std::move(accepted));
  };
  const std::vector<int64_t>& grid = request.grid;
  const int64_t video = in.q.size(1);
  if (grid.size() != 3 || grid[0] * grid[1] * grid[2] != video || in.k.size(1) != video)
    return wrong("dit_seq_shape is not the grid of the video's queries and keys", text_of(grid),
                 "[T, H, W] with T * H * W = " + std::to_string(video) + ", by --param or in the file's metadata");
  if (request.query)
    for (size_t axis = 0; axis < 3; ++axis)
      if (request.query->size() != 3 || (*request.query)[axis] < 0 || (*request.query)[axis] >= grid[axis])
        return wrong("--query is no place of the grid", text_of(*request.query), "t,h,w below " + text_of(grid));
  if (request.head < 0 || request.head >= in.q.size(2))
    return wrong("--head", std::to_string(request.head), "0 to " + std::to_string(in.q.size(2) - 1));
  if (request.batch < 0 || request.batch >= in.q.size(0))
    return wrong("--batch", std::to_string(request.batch), "0 to " + std::to_string(in.q.size(0) - 1));
  return {};
}

/// The grid is for the picture; a backend gets it if it takes it.
Status give_grid(const host::Inputs& in, const MaskRequest& request, host::Keys& keys) {
  host::Keys asked = keys;
  asked.layer.num_heads = in.q.size(2);
  asked.layer.num_kv_heads = in.k.size(2);
  asked.layer.head_size = in.q.size(3);
  asked.layer.backend = request.backend;
  const host::Operands all = host::joined_operands(in);
  if (all.text) asked.layer.text_length = *all.text;
  const auto selection = host::select_backend(asked, all.q, all.k, all.v, {});
  if (!selection) return selection.status();
  if (selection->backend->metadata_schema().find("dit_seq_shape") != nullptr)
    keys.rest.emplace("dit_seq_shape", request.grid);
  return {};
}

std::vector<bool> bools(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.to(at::kBool).contiguous();
  return std::vector<bool>(flat.const_data_ptr<bool>(), flat.const_data_ptr<bool>() + flat.numel());
}

}  // namespace

Result<MaskView> view_mask(host::Inputs& in, host::Keys keys, const MaskRequest& request) {
  if (Status status = check(request, in); !status.ok()) return status;
  in.d_o = in.d_text_o = at::Tensor();  // no gradients here
  if (Status status = give_grid(in, request, keys); !status.ok()) return status;
  auto setup = host::set_up(in, std::move(keys), request.backend);
  if (!setup) return setup.status();
  const host::Operands all = host::joined_operands(in);
  LocalAttention layer(setup->keys.layer);
  layer->eval();
  const ForwardContextScope scope(setup->context);
  const auto described = layer->describe_call(all.q, all.k, all.v, {setup->extras, std::nullopt}, setup->keys.call, true);
  if (!described)
    return Status::error(Code::unavailable, setup->selection.backend->qualified_name() + " does not say what it attends");

  MaskView view;
  view.selection = setup->selection;
  view.grid = request.grid;
  view.query = request.query.value_or(std::vector{request.grid[0] / 2, request.grid[1] / 2, request.grid[2] / 2});
  view.head = request.head;
  view.batch = request.batch;
  view.text = all.text.value_or(0);
  view.density = described->density();
  const Dense dense{all.q, all.k, layer->softmax_scale(), setup->keys.layer.causal};
  const at::Tensor rows = spread_rows(all.q.size(1), request.rows);
  const at::Tensor shares = recall(dense, *described, rows);
  view.rows = rows.size(0);
  view.recall = shares.mean().item<double>();
  view.least_recall = shares.min().item<double>();
  const at::Tensor heads = shares.mean(at::IntArrayRef{0, 2}).to(at::kDouble);
  view.head_recall.assign(heads.const_data_ptr<double>(), heads.const_data_ptr<double>() + heads.numel());

  const int64_t row = (view.query[0] * view.grid[1] + view.query[1]) * view.grid[2] + view.query[2];
  const at::Tensor one = at::full({1}, row, at::kLong);
  const at::Tensor seen = reference::attended(described->mask_tiles, described->q_tile, described->k_tile, one)
                              .select(0, view.batch)
                              .select(0, view.head)
                              .select(0, 0);
  const at::Tensor mass = dense.mass(view.batch, one).select(0, view.head).select(0, 0).cpu();
  view.query_recall = (mass * seen).sum().item<double>();
  const at::Tensor video = mass.narrow(0, 0, all.video).contiguous();
  view.mass.assign(video.const_data_ptr<float>(), video.const_data_ptr<float>() + video.numel());
  view.seen = bools(seen.narrow(0, 0, all.video));
  view.tile = bools(described->q_tile.eq(described->q_tile.select(0, row)).narrow(0, 0, all.video));
  return view;
}

}  // namespace fvattn::plot
