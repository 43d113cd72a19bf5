// What the tests of VIDEO_SPARSE_ATTN share: metadata, inputs, and a call through a session.
#pragma once

#include "meta_keys.hpp"

#include <fvattn/testing.hpp>
#include <fvattn/vsa/tiles.hpp>
#include <fvattn/vsa/top_k.hpp>

#include <doctest/doctest.h>

namespace vsa_test {

using namespace fvattn::testing;
namespace plugin = fvattn::plugin;
using fvattn::vsa::Triple;

const fvattn_backend& backend();

inline std::mt19937_64& engine() {
  static std::mt19937_64 numbers = [] {
    const char* given = std::getenv("FVATTN_TEST_SEED");
    const uint64_t seed = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    std::printf("FVATTN_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
    return std::mt19937_64(seed);
  }();
  return numbers;
}
inline int64_t random_int(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(engine()); }

inline MetaKeys grid_keys(const Triple& grid) { return MetaKeys().list("dit_seq_shape", {grid[0], grid[1], grid[2]}); }

inline Case case_of(const Triple& grid, int32_t heads, int32_t kv_heads, int32_t dim, Dtype dtype, int64_t batch = 1) {
  const int64_t tokens = fvattn::vsa::volume(grid);
  Case c{batch, tokens, tokens, heads, kv_heads, dim, dim, dtype};
  return c;
}

inline Tensors random_inputs(const Case& c, double sigma = 1) {
  Tensors in;
  in.emplace("q", Tensor(c.dtype, {c.batch, c.q_len, c.heads, c.head_dim}, c.gap).normal(engine(), sigma));
  in.emplace("k", Tensor(c.dtype, {c.batch, c.kv_len, c.kv_heads, c.head_dim}, c.gap).normal(engine(), sigma));
  in.emplace("v", Tensor(c.dtype, {c.batch, c.kv_len, c.kv_heads, c.v_head_dim}, c.gap).normal(engine()));
  return in;
}
inline Tensor random_gate(const Case& c) {
  return Tensor(c.dtype, {c.batch, c.q_len, c.heads, c.v_head_dim}, c.gap).normal(engine());
}
inline Tensor random_like_output(const Case& c) {
  return Tensor(c.dtype, {c.batch, c.q_len, c.heads, c.v_head_dim}).normal(engine());
}

/// mask_tiles of the call, [batch, heads, blocks, blocks].
inline std::vector<double> described_mask(Session& session, const Case& c, const Tensors& in, int64_t blocks) {
  Tensors out{{"mask_tiles", Tensor(plugin::kU8, {c.batch, c.heads, blocks, blocks})}};
  session.describe(in, out);
  return out.at("mask_tiles").values();
}

/// What went wrong, "" when nothing did.
template <class Function>
std::string message_of(Function&& function) {
  try {
    function();
  } catch (const Failure& failure) {
    return failure.what();
  }
  return "";
}

}  // namespace vsa_test
