#include "describe.hpp"

#include "visible.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/constant_pad_nd.h>

#include <algorithm>
#include <limits>

namespace fvattn::sdpa {
namespace {

constexpr int64_t kMostTiles = 2048;

bool is_dense(const fvattn_problem& p, const fvattn_tensor* mask) {
  return mask == nullptr && (p.flags & FVATTN_PROBLEM_CAUSAL) == 0;
}

int64_t tile_rows(const fvattn_problem& p) {
  return std::max<int64_t>((std::max(p.q_len, p.kv_len) + kMostTiles - 1) / kMostTiles, 1);
}

int64_t tiles(int64_t length, int64_t rows) { return (length + rows - 1) / rows; }

// bool, broadcasts to [B, H, hi - lo, Sk]; in host memory.
at::Tensor attended(const fvattn_problem& p, const at::Tensor& mask, int64_t lo, int64_t hi) {
  at::Tensor seen;
  if (mask.defined()) {
    seen = mask.scalar_type() == at::kBool ? mask : mask.ne(-std::numeric_limits<double>::infinity());
    if (seen.size(2) != 1) seen = seen.narrow(2, lo, hi - lo);
  }
  if ((p.flags & FVATTN_PROBLEM_CAUSAL) == 0) return seen;
  const at::Tensor causal = causal_rows(p, lo, hi, at::kCPU);
  return seen.defined() ? seen.logical_and(causal) : causal;
}

int64_t count_pairs(const fvattn_problem& p, const at::Tensor& mask) {
  int64_t pairs = 0;
  constexpr int64_t kRows = 256;
  for (int64_t lo = 0; lo < p.q_len; lo += kRows) {
    const int64_t hi = std::min(lo + kRows, p.q_len);
    const at::Tensor seen = attended(p, mask, lo, hi);
    const int64_t shown = std::max<int64_t>(seen.numel(), 1);
    pairs += seen.sum().item<int64_t>() * (p.batch * p.heads * (hi - lo) * p.kv_len / shown);
  }
  return pairs;
}

void fill_tiles(const fvattn_problem& p, const at::Tensor& mask, const at::Tensor& out) {
  const int64_t rows = tile_rows(p), kv_tiles = out.size(3);
  for (int64_t tile = 0; tile < out.size(2); ++tile) {
    const int64_t lo = tile * rows, hi = std::min(lo + rows, p.q_len);
    at::Tensor seen = attended(p, mask, lo, hi);
    while (seen.dim() < 4) seen = seen.unsqueeze(0);
    seen = at::constant_pad_nd(seen.any(2), {0, kv_tiles * rows - p.kv_len}, 0);
    out.select(2, tile).copy_(seen.view({seen.size(0), seen.size(1), kv_tiles, rows}).any(3));
  }
}

}  // namespace

void describe(const Call& call) {
  const fvattn_problem& p = call.problem();
  const fvattn_tensor* given = call.find("mask");
  const bool dense = is_dense(p, given);
  const int64_t rows = tile_rows(p);
  if (const fvattn_tensor* counts = call.find_out("tile_counts")) {
    int64_t* count = plugin::data<int64_t>(*counts);
    count[0] = dense ? 1 : tiles(p.q_len, rows);
    count[1] = dense ? 1 : tiles(p.kv_len, rows);
  }
  for (const char* name : {"q_tile", "k_tile"})
    if (const fvattn_tensor* tile = call.find_out(name)) {
      at::Tensor index = wrap(*tile);
      if (dense) index.zero_();
      else index.copy_(at::arange(index.size(0)).div_(rows, "floor"));
    }
  const fvattn_tensor* map = call.find_out("mask_tiles");
  const fvattn_tensor* pairs = call.find_out("pairs");
  if (map == nullptr && pairs == nullptr) return;
  const at::Tensor mask = four_dimensional(given != nullptr ? wrap(*given).cpu() : at::Tensor(), p, at::kFloat);
  if (map != nullptr) {
    if (dense) wrap(*map).fill_(1);
    else fill_tiles(p, mask, wrap(*map));
  }
  if (pairs != nullptr)
    *plugin::data<int64_t>(*pairs) = dense ? p.batch * p.heads * p.q_len * p.kv_len : count_pairs(p, mask);
}

}  // namespace fvattn::sdpa
