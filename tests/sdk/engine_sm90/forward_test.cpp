#include "arguments.hpp"
#include "instances.hpp"

#include <algorithm>
#include <cmath>

namespace fvattn::engine::sm90::test {

using sm80::test::Case;
using sm80::test::random_case;
using sm80::test::random_int;

namespace {

void check_dense(const Case& c, Kind kind) {
  CAPTURE(static_cast<int>(kind));
  sm80::test::check_forward(c, sm80::test::dense_rule(c, kind == Kind::causal), [&](const sm80::ForwardArgs& from) {
    const ForwardArgs args = converted(from, c);
    if (c.head_dim <= 64) return run_forward<64>(c.type, kind, args);
    return c.head_dim <= 128 ? run_forward<128>(c.type, kind, args) : run_forward<256>(c.type, kind, args);
  });
}

constexpr Kind kKinds[] = {Kind::alone, Kind::cluster, Kind::causal};

#if defined(FVATTN_EMULATED)
constexpr int kStep = 5;  // of the lengths, since the emulator is slow
#else
constexpr int kStep = 1;
#endif

}  // namespace

TEST_CASE("forward, dense: head dims, random lengths, GQA, strides") {
  for (int head_dim = 8; head_dim <= 256; head_dim += 8 * (kStep / 2 + 1))
    for (const Kind kind : kKinds) check_dense(random_case(head_dim), kind);
}

TEST_CASE("forward, dense: every length up to 300") {
  for (int length = 1; length <= 300; length += kStep) {
    Case c = random_case(length % 2 == 0 ? 64 : 128);
    c.batch = c.q_heads = c.kv_heads = 1;
    c.q_len = length % 3 == 0 ? 1 : length;
    c.kv_len = length % 3 == 1 ? random_int(1, 5) : length;
    check_dense(c, kKinds[length % 3]);
  }
}

TEST_CASE("forward, dense: several query tiles a worker") {
  // More tiles than any GPU has SMs: stages, parities and turns carry over from one tile to the next.
  for (const int head_dim : {64, 128, 256}) {
    for (const Kind kind : kKinds) {
      Case c = random_case(head_dim);
      int workers = 0;
      cudaDeviceGetAttribute(&workers, cudaDevAttrMultiProcessorCount, 0);
      c.batch = 2;
      c.kv_heads = workers / 6 + 1;
      c.q_heads = 2 * c.kv_heads;
      c.q_len = random_int(400, 700);
      c.kv_len = random_int(1, 200);
      check_dense(c, kind);
    }
  }
}

TEST_CASE("forward, dense: more key tiles than stages") {
  for (const int head_dim : {64, 128, 256}) {
    for (const Kind kind : kKinds) {
      Case c = random_case(head_dim);
      c.batch = c.q_heads = c.kv_heads = 1;
      c.q_len = random_int(200, 500);
      c.kv_len = random_int(900, 1300);
      check_dense(c, kind);
    }
  }
}

TEST_CASE("forward, dense: a last round of query tiles cut by keys") {
  for (const int head_dim : {64, 128, 72}) {
    Case c = random_case(head_dim);
    c.batch = random_int(1, 2);
    c.kv_heads = 1;
    c.q_heads = random_int(1, 2);
    c.q_len = random_int(300, 500);
    c.kv_len = random_int(5000, 6000);
    const int rows = 192, items = (c.q_len + rows - 1) / rows * c.q_heads * c.batch;
    const int workers = std::min(random_int(2, 5), items);
    CAPTURE(workers);
    const int columns = c.head_dim <= 64 ? 65 : 129;  // o and lse
    sm80::test::DeviceArray<float> workspace(static_cast<std::size_t>(4 * rows * workers) * columns);
    sm80::test::check_forward(c, sm80::test::dense_rule(c, false), [&](const sm80::ForwardArgs& from) {
      workspace.poison();
      ForwardArgs args = converted(from, c);
      args.sm_count = workers;
      args.workspace = workspace.data();
      return c.head_dim <= 64 ? run_forward<64>(c.type, Kind::alone, args) : run_forward<128>(c.type, Kind::alone, args);
    });
    const bool cut = items % workers > 0 && items % workers <= workers / 2;
    if (cut) CHECK(!std::isnan(workspace.download()[0]));
  }
}

TEST_CASE("forward, causal with more queries than keys: the first rows see nothing") {
  Case c = random_case(128);
  c.q_len = 290;
  c.kv_len = 37;
  check_dense(c, Kind::causal);
  c.kv_len = 1;
  check_dense(c, Kind::causal);
}

TEST_CASE("forward, dense: extreme logits") {
  for (const Kind kind : kKinds) {
    Case c = random_case(64);
    c.deviation = 30.0f;
    check_dense(c, kind);
  }
}

}  // namespace fvattn::engine::sm90::test
