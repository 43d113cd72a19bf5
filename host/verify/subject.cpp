#include "verify/subject.hpp"

#include <ATen/ATen.h>

namespace fvattn::verify {
namespace {

// Past the steps that run dense by default, and sparse enough on the small grids of the table.
constexpr int64_t kStep = 20, kTotalSteps = 50;

// Chunks must divide the grid.
int64_t chunk_of(int64_t length) {
  for (const int64_t chunk : {4, 3, 2})
    if (length % chunk == 0) return chunk;
  return 1;
}

KeyValues usual_parameters(const Case& c) {
  const int64_t t = chunk_of(c.grid[0]), h = chunk_of(c.grid[1]), w = chunk_of(c.grid[2]);
  return {{"dit_seq_shape", c.grid},
          {"current_timestep", kStep},
          {"window_size", std::vector<int64_t>{1, 3, 1}},
          {"VSA_sparsity", 0.6},
          {"temporal_chunk_size", t},
          {"temporal_topk", int64_t{2}},
          {"spatial_chunk_size", std::vector<int64_t>{h, w}},
          {"spatial_topk", int64_t{2}},
          {"st_chunk_size", std::vector<int64_t>{t, h, w}},
          {"st_topk", int64_t{3}}};
}

bool is_beside_q(const TensorKey& key) {
  return key.shard == FVATTN_SHARD_SEQ_HEADS &&
         (key.dtypes & (FVATTN_DT_F64 | FVATTN_DT_F32 | FVATTN_DT_BF16 | FVATTN_DT_F16)) != 0;
}

at::Tensor packed(const std::vector<int32_t>& cuts) { return at::tensor(cuts, at::kInt); }

at::Tensor key_mask(const Case& c, at::Generator& generator) {
  at::Tensor mask = at::rand({c.batch, c.kv_len}, generator) < 0.7;
  if (c.mask == KeyMask::hides_a_row) mask[0].zero_();
  return mask;
}

uint8_t code_of(at::ScalarType type) {
  return type == at::kBool       ? FVATTN_DTYPE_BOOL
         : type == at::kInt      ? FVATTN_DTYPE_INT
         : type == at::kBFloat16 ? FVATTN_DTYPE_BFLOAT
                                 : FVATTN_DTYPE_FLOAT;
}

}  // namespace

Problem problem_of(const Case& c, at::ScalarType dtype) {
  Problem problem;
  problem.batch = c.batch;
  problem.q_len = c.q_len;
  problem.kv_len = c.kv_len;
  problem.heads = problem.heads_global = c.heads;
  problem.kv_heads = problem.kv_heads_global = c.kv_heads;
  problem.head_dim = c.dim;
  problem.v_head_dim = static_cast<int32_t>(c.v_head_dim());
  problem.dtype_code = code_of(dtype);
  problem.dtype_bits = static_cast<uint8_t>(8 * c10::elementSize(dtype));
  problem.layer_index = c.layer_index;
  problem.scale = c.softmax_scale();
  if (c.causal) problem.flags |= FVATTN_PROBLEM_CAUSAL;
  if (!c.is_varlen()) return problem;
  problem.flags |= FVATTN_PROBLEM_VARLEN;
  problem.n_seqs = static_cast<int64_t>(c.cu_q.size()) - 1;
  for (size_t i = 0; i + 1 < c.cu_q.size(); ++i) {
    problem.max_q_len = std::max<int64_t>(problem.max_q_len, c.cu_q[i + 1] - c.cu_q[i]);
    problem.max_kv_len = std::max<int64_t>(problem.max_kv_len, c.cu_k[i + 1] - c.cu_k[i]);
  }
  return problem;
}

Guarded inputs_of(const Subject& subject, const Case& c, at::ScalarType dtype, at::Generator& generator) {
  Guarded inputs;
  const auto add = [&](const char* name, const at::Tensor& values, Layout layout) {
    inputs.emplace(name, GuardedTensor::holding(values.to(subject.place), layout));
  };
  const auto normal = [&](at::IntArrayRef sizes) { return at::randn(sizes, generator, at::TensorOptions(at::kDouble)); };
  add("q", (normal({c.batch, c.q_len, c.heads, c.dim}) * c.spread).to(dtype), c.layout);
  add("k", normal({c.batch, c.kv_len, c.kv_heads, c.dim}).to(dtype), c.layout);
  add("v", normal({c.batch, c.kv_len, c.kv_heads, c.v_head_dim()}).to(dtype), c.layout);
  if (c.mask != KeyMask::none) add("mask", key_mask(c, generator), Layout::contiguous);
  if (c.is_varlen()) {
    add("cu_seqlens_q", packed(c.cu_q), Layout::contiguous);
    add("cu_seqlens_k", packed(c.cu_k), Layout::contiguous);
  }
  if (!c.grid.empty())
    for (const TensorKey& key : subject.backend->tensor_keys())
      if (is_beside_q(key)) add(key.name.c_str(), at::zeros({c.batch, c.q_len, c.heads, c.dim}, dtype), c.layout);
  return inputs;
}

at::Tensor seen_by_definition(const Case& c, const Guarded& inputs) {
  if (c.mask != KeyMask::none) return inputs.at("mask").tensor().view({c.batch, 1, 1, c.kv_len});
  if (!c.is_varlen()) return {};
  at::Tensor seen = at::zeros({c.q_len, c.kv_len}, at::kBool);
  for (size_t i = 0; i + 1 < c.cu_q.size(); ++i) {
    const int64_t queries = c.cu_q[i + 1] - c.cu_q[i], keys = c.cu_k[i + 1] - c.cu_k[i];
    at::Tensor block = at::ones({queries, keys}, at::kBool);
    if (c.causal) block = block.tril(keys - queries);
    seen.slice(0, c.cu_q[i], c.cu_q[i + 1]).slice(1, c.cu_k[i], c.cu_k[i + 1]).copy_(block);
  }
  return seen.to(inputs.at("q").tensor().device());
}

Result<Setting> setting_of(const Subject& subject, const Case& c, at::ScalarType dtype, const Guarded& inputs,
                           uint32_t flags) {
  Setting setting{problem_of(c, dtype), nullptr, {}, 0, 0};
  setting.problem.flags |= flags;
  for (const auto& [name, guarded] : inputs) {
    const at::Tensor& tensor = guarded.tensor();
    if (name == "q" || name == "k" || name == "v") continue;
    setting.problem.extra.push_back(
        {name, code_of(tensor.scalar_type()), static_cast<uint8_t>(8 * tensor.element_size()), tensor.sizes().vec()});
  }
  KeyValues values = c.grid.empty() ? KeyValues() : usual_parameters(c);
  for (const auto& [key, value] : subject.parameters) values[key] = value;
  KeyValues metadata;
  for (const auto& [key, value] : values) {
    if (subject.backend->metadata_schema().find(key) != nullptr) metadata.emplace(key, value);
    else if (subject.backend->option_schema().find(key) != nullptr) setting.options.emplace(key, value);
  }
  if (!c.grid.empty()) setting.step = kStep, setting.total_steps = kTotalSteps;
  const auto builder = subject.backend->make_builder(*subject.device);
  builder->prepare();
  auto built = builder->build(metadata);
  if (!built) return built.status();
  setting.metadata = std::move(*built);
  return setting;
}

}  // namespace fvattn::verify
