#include "backward_check.hpp"
#include "box_policy.hpp"
#include "forward_check.hpp"
#include "policy_data.hpp"

#include <functional>

namespace fvattn::engine::sm80::test {

namespace {

using Blocks = TileShape<64, 64>;

/// Both directions with the block configurations. `make(on_device)` gives the policy.
template <class Make>
void check_blocks(const Case& c, const Visible& visible, const Make& make) {
  const auto policy = make(true);
  if (c.head_dim > 64) {
    check_forward_with<Block64Forward<128>>(c, visible, policy);
    check_backward_with<Block64Backward<128>>(c, visible, policy);
  } else {
    check_forward_with<Block64Forward<64>>(c, visible, policy);
    check_backward_with<Block64Backward<64>>(c, visible, policy);
  }
}

template <class Make>
void check_blocks(const Case& c, const Make& make) {
  const PolicyPairs<Blocks> pairs(make(false), c.batch, c.q_heads, c.q_len, c.kv_len);
  check_blocks(c, std::cref(pairs), make);
}

/// The same with the dense configurations.
template <class Policy>
void check_dense(const Case& c, const Visible& visible, const Policy& policy) {
  if (c.head_dim > 64) {
    check_forward_with<DenseForward<128>>(c, visible, policy);
    check_backward_with<DenseBackward<128>>(c, visible, policy);
  } else {
    check_forward_with<DenseForward<64>>(c, visible, policy);
    check_backward_with<DenseBackward<64>>(c, visible, policy);
  }
}

int random_head_dim(int i) { return i % 2 == 0 ? 72 + 8 * random_int(0, 7) : 8 * random_int(1, 8); }

constexpr int rounds(int full) { return kEmulated ? 2 : full; }

Extent3 random_grid() { return {random_int(1, 5), random_int(1, 9), random_int(2, kEmulated ? 5 : 9)}; }

template <bool kCausal>
void check_key_padding(const Case& c) {
  const RandomKeys keys(c.batch, c.kv_len);
  const Visible dense = dense_rule(c, kCausal);
  const Visible visible = [&](int b, int h, int i, int j) {
    return (keys.bits.host[static_cast<std::size_t>(b * keys.words + j / 32)] >> (j % 32) & 1) != 0 && dense(b, h, i, j);
  };
  check_dense(c, visible,
              KeyPaddingPolicy<kCausal>{{{c.q_len}, {c.kv_len}}, keys.bits.data(true), keys.ranges.data(true), keys.words});
}

template <bool kCausal>
void check_varlen(Case c) {
  c.batch = 1;
  std::vector<int> cu_q{0}, cu_k{0};
  for (int s = random_int(1, 5); s > 0; --s) {
    cu_q.push_back(cu_q.back() + random_int(0, kEmulated ? 60 : 150));
    cu_k.push_back(cu_k.back() + random_int(0, kEmulated ? 70 : 150));
  }
  c.q_len = ++cu_q.back();
  c.kv_len = ++cu_k.back();
  const int sequences = static_cast<int>(cu_q.size()) - 1;
  const Mirrored<int> q_starts(cu_q), k_starts(cu_k);
  const Visible visible = [&](int, int, int i, int j) {
    int s = 0;
    while (i >= cu_q[static_cast<std::size_t>(s) + 1]) ++s;
    const auto at = static_cast<std::size_t>(s);
    const int key = j - cu_k[at], keys = cu_k[at + 1] - cu_k[at], row = i - cu_q[at], rows = cu_q[at + 1] - cu_q[at];
    return key >= 0 && key < keys && (!kCausal || key <= row + keys - rows);
  };
  check_dense(c, visible,
              VarlenPolicy<kCausal>{{c.q_len}, {c.kv_len}, q_starts.data(true), k_starts.data(true), sequences});
}

}  // namespace

TEST_CASE("boxes of a raster grid with text behind it") {
  for (int i = 0; i < rounds(6); ++i) {
    const Extent3 grid = random_grid(), box{4, 4, 4};
    const int text = i % 2 == 0 ? random_int(1, 90) : 0;
    Case c = random_case(random_head_dim(i));
    c.q_len = c.kv_len = grid.volume() + text;
    check_blocks(c, [](int, int, int, int) { return true; },
                 [&](bool) { return BoxPolicy{{grid, box, text}, {grid, box, text}}; });
  }
}

TEST_CASE("windows per head, with text") {
  for (int i = 0; i < rounds(6); ++i) {
    const Extent3 grid = random_grid(), box{2, 4, 8};
    const int text = random_int(0, 1) * random_int(1, 90);
    Case c = random_case(random_head_dim(i));
    c.q_len = c.kv_len = grid.volume() + text;
    std::vector<Extent3> sizes;
    for (int h = 0; h < c.q_heads; ++h) sizes.push_back({random_int(1, 5), random_int(1, 5), random_int(1, 5)});
    const Mirrored<Extent3> windows(sizes);
    check_blocks(c, [&](bool device) {
      return WindowPolicy{{grid, box, text, 1}, {grid, box, text, 1}, box, windows.data(device)};
    });
  }
}

TEST_CASE("lists of key blocks, some empty") {
  for (int i = 0; i < rounds(8); ++i) {
    const Case c = random_case(random_head_dim(i));
    const RandomLists lists(c.batch, c.q_heads, ceil_div(c.q_len, 64), ceil_div(c.kv_len, 64));
    check_blocks(c, [&](bool device) {
      return ListPolicy<LinearMap>{{c.q_len}, {c.kv_len}, lists.lists(device), lists.inverse(device)};
    });
  }
}

TEST_CASE("bits per query row over chunks") {
  for (int i = 0; i < rounds(6); ++i) {
    const Case c = random_case(random_head_dim(i));
    const Mirrored<int> starts(random_starts(c.kv_len));
    const int chunks = static_cast<int>(starts.host.size()) - 1, words = ceil_div(chunks, 32), tiles = ceil_div(c.q_len, 64);
    std::vector<std::uint32_t> bits(static_cast<std::size_t>(c.batch * c.q_heads * c.q_len * words), 0);
    std::vector<std::vector<int>> chosen = RandomLists::choose(c.batch * c.q_heads * tiles, chunks);
    for (std::size_t row = 0; row < chosen.size(); ++row) {
      const int list = static_cast<int>(row) / tiles, first = static_cast<int>(row) % tiles * 64;
      for (int chunk : chosen[row]) {
        for (int q = first; q < std::min(c.q_len, first + 64); ++q) {
          if (random_int(0, 2) > 0) bits[static_cast<std::size_t>((list * c.q_len + q) * words + chunk / 32)] |= 1u << (chunk % 32);
        }
      }
    }
    const Mirrored<std::uint32_t> rows(bits);
    const RandomLists lists(c.q_heads, tiles, chunks, chosen);
    check_blocks(c, [&](bool device) {
      return RowMaskPolicy<LinearMap, ChunkRunMap>{{c.q_len},
                                                   {starts.data(device), chunks, 130},
                                                   {rows.data(device), c.q_heads, c.q_len, words},
                                                   lists.lists(device),
                                                   lists.inverse(device)};
    });
  }
}

TEST_CASE("key padding, full and causal") {
  for (int i = 0; i < rounds(8); ++i) {
    check_key_padding<false>(random_case(random_head_dim(i)));
    check_key_padding<true>(random_case(random_head_dim(i + 1)));
  }
}

TEST_CASE("packed sequences, full and causal") {
  for (int i = 0; i < rounds(8); ++i) {
    check_varlen<false>(random_case(random_head_dim(i)));
    check_varlen<true>(random_case(random_head_dim(i + 1)));
  }
}

}  // namespace fvattn::engine::sm80::test
