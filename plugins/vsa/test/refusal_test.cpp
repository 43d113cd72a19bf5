// What is refused, with its reason, and metadata that is missing or wrong, with its key.
#include "vsa_test.hpp"

using namespace vsa_test;

namespace {

const Triple kGrid{5, 6, 7};
const Case kGood = case_of(kGrid, 4, 2, 16, plugin::kF32);

uint64_t reasons(const Case& c, uint32_t flags = 0, const Tensors& extras = {}) {
  return Session(backend(), c, flags, {}, {}, extras).query().reasons;
}

std::string build_error(const MetaKeys& keys, const Case& c = kGood) {
  return message_of([&] {
    Session session(backend(), c, 0, keys.c());
    session.prepare();
  });
}
bool names(const std::string& message, const char* text) {
  INFO(message);
  return message.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("problems") {
  CHECK(reasons(kGood) == 0);
  Case c = kGood;
  c.causal = true;
  CHECK(reasons(c) == FVATTN_R_CAUSAL);
  CHECK((reasons(kGood, FVATTN_PROBLEM_VARLEN) & FVATTN_R_VARLEN) != 0);
  c = kGood, c.kv_len = 200;
  CHECK(reasons(c) == FVATTN_R_SHAPE);
  c = kGood, c.head_dim = 257;
  CHECK(reasons(c) == FVATTN_R_HEAD_DIM);
  c = kGood, c.kv_heads = 3;
  CHECK(reasons(c) == FVATTN_R_GQA);
  c = kGood, c.dtype = plugin::kI32;
  CHECK(reasons(c) == FVATTN_R_DTYPE);
  CHECK(reasons(kGood, 0, {{"mask", Tensor(plugin::kBool, {210})}}) == FVATTN_R_MASK);
  Session text(backend(), kGood);
  text.problem().text_len = 10;
  CHECK(text.query().reasons == FVATTN_R_TEXT);
  Session dropout(backend(), kGood);
  dropout.problem().dropout_p = 0.1;
  CHECK(dropout.query().reasons == FVATTN_R_DROPOUT);
}

TEST_CASE("tensors") {
  const Tensor gate(plugin::kF32, {1, 210, 4, 16}), index(plugin::kI32, {1, 4, 8, 3}), count(plugin::kI32, {1, 4, 8});
  CHECK(reasons(kGood, 0, {{"gate_compress", gate}}) == 0);
  CHECK(reasons(kGood, 0, {{"gate_compress", Tensor(plugin::kF32, {1, 210, 2, 16})}}) == FVATTN_R_EXTRA_INPUT);
  CHECK(reasons(kGood, 0, {{"gate_compress", Tensor(plugin::kF64, {1, 210, 4, 16})}}) == FVATTN_R_EXTRA_INPUT);
  CHECK(reasons(kGood, 0, {{"block_index", index}, {"block_count", count}}) == 0);
  CHECK(reasons(kGood, 0, {{"block_index", index}}) == FVATTN_R_EXTRA_INPUT);
  CHECK(reasons(kGood, 0, {{"block_count", count}}) == FVATTN_R_EXTRA_INPUT);
  CHECK(reasons(kGood, 0, {{"block_index", index}, {"block_count", count}, {"gate_compress", gate}}) ==
        FVATTN_R_EXTRA_INPUT);
  CHECK(reasons(kGood, 0, {{"block_index", Tensor(plugin::kI32, {1, 2, 8, 3})}, {"block_count", count}}) ==
        FVATTN_R_EXTRA_INPUT);
}

TEST_CASE("the grid") {
  CHECK(names(build_error(MetaKeys()), "dit_seq_shape is missing"));
  CHECK(build_error(grid_keys(kGrid)) == "");
  CHECK(build_error(MetaKeys().list("patch_resolution", {5, 6, 7})) == "");
  CHECK(build_error(MetaKeys().list("raw_latent_shape", {5, 12, 14})) == "");
  CHECK(build_error(MetaKeys().list("raw_latent_shape", {10, 18, 14}).list("patch_size", {2, 3, 2})) == "");
  CHECK(names(build_error(grid_keys(kGrid).list("patch_resolution", {5, 7, 6})), "patch_resolution gives [5, 7, 6]"));
  CHECK(names(build_error(grid_keys(kGrid).list("raw_latent_shape", {5, 6, 7})), "raw_latent_shape gives [5, 3, 3]"));
  CHECK(names(build_error(grid_keys({5, 6, 8})), "dit_seq_shape [5, 6, 8] has 240 tokens, q has 210"));
  CHECK(names(build_error(MetaKeys().list("dit_seq_shape", {5, 42})), "dit_seq_shape"));
  CHECK(names(build_error(grid_keys({5, 0, 7})), "dit_seq_shape is [5, 0, 7]"));
  CHECK(names(build_error(grid_keys(kGrid).list("tile_size", {8, 8, 8})), "tile_size [8, 8, 8] has 512 tokens"));
  CHECK(names(build_error(grid_keys(kGrid).text("layout", "tile")), "layout is 'tile'"));
  CHECK(names(build_error(grid_keys(kGrid).text("layout", "tiled")), "has 512 tokens in the tiled layout"));
  CHECK(names(build_error(grid_keys(kGrid).number("VSA_sparsity", 1.1)), "VSA_sparsity is 1.1"));
  CHECK(names(build_error(grid_keys(kGrid).numbers("VSA_sparsity", {})), "VSA_sparsity is empty"));
}

TEST_CASE("what a GPU is refused for: this build's lack of kernels, or float32") {
  fvattn_device device = cpu_device();
  device.type = FVATTN_CUDA, device.cc_major = 9, device.smem_optin = 227 * 1024;
  Session session(backend(), kGood);
  fvattn_support support{};
  support.size = sizeof support;
  must("query", [&](fvattn_error* e) { return backend().query(nullptr, &device, &session.problem(), &support, e); });
  CHECK(support.reasons == (FVATTN_VSA_GPU ? FVATTN_R_DTYPE : FVATTN_R_ARCH));
}

TEST_CASE("lists and sparsity contradict each other") {
  const MetaKeys keys = grid_keys(kGrid).number("VSA_sparsity", 0.5);
  const std::string message = message_of([&] {
    Session session(backend(), kGood, 0, keys.c(), {},
                    {{"block_index", Tensor(plugin::kI32, {1, 4, 8, 3})}, {"block_count", Tensor(plugin::kI32, {1, 4, 8})}});
    session.prepare();
  });
  CHECK(names(message, "VSA_sparsity and block_index"));
}
