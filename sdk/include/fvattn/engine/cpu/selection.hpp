// Which rows of memory a tile holds and which pairs of it are visible. One side of a step is stationary (columns of
// the score matrix), the other one streams by (rows). The streaming side is packed: slots without a token and rows
// that see nothing are left out, so that whatever lies in a hidden row cannot reach a result.
#pragma once

#include <fvattn/engine/policy.hpp>

#include <cstdint>

namespace fvattn::engine::cpu {

template <int kSlots>
struct Columns {
  static constexpr int kWords = kSlots / 64;
  int row[kSlots];
  int m = 0;  // slots up to the last token
  std::uint64_t present[kWords] = {};

  /// row_of(slot) -> row or kNoRow
  template <class RowOf>
  void locate(RowOf&& row_of) {
    m = 0;
    for (std::uint64_t& word : present) word = 0;
    for (int slot = 0; slot < kSlots; ++slot) {
      row[slot] = row_of(slot);
      if (row[slot] == kNoRow) continue;
      present[slot / 64] |= std::uint64_t{1} << (slot % 64);
      m = slot + 1;
    }
  }
};

template <int kSlots>
struct Words {
  std::uint64_t word[kSlots / 64] = {};
};
template <int kSlots, class IsVisible>
Words<kSlots> words_of(IsVisible&& is_visible) {
  Words<kSlots> words;
  for (int slot = 0; slot < kSlots; ++slot)
    words.word[slot / 64] |= static_cast<std::uint64_t>(is_visible(slot)) << (slot % 64);
  return words;
}

template <int kSlots, int kColumns>
struct Selection {
  static constexpr int kWords = kColumns / 64;
  int row[kSlots];
  int n = 0;
  std::uint64_t visible[kSlots * kWords];
  bool masked = false;

  const std::uint64_t* mask() const { return masked ? visible : nullptr; }

  template <class RowOf>
  void select_all(RowOf&& row_of) {
    n = 0;
    masked = false;
    for (int slot = 0; slot < kSlots; ++slot) {
      row[n] = row_of(slot);
      n += row[n] != kNoRow;
    }
  }

  /// is_visible(slot, column) for every pair.
  template <class RowOf, class IsVisible>
  void select_pairs(const Columns<kColumns>& columns, RowOf&& row_of, IsVisible&& is_visible) {
    n = 0;
    masked = false;
    for (int slot = 0; slot < kSlots; ++slot) {
      row[n] = row_of(slot);
      if (row[n] == kNoRow) continue;
      add(columns, [&](int w) {
        std::uint64_t word = 0;
        for (int bit = 0; bit < 64; ++bit) word |= static_cast<std::uint64_t>(is_visible(slot, w * 64 + bit)) << bit;
        return word;
      });
    }
  }

  /// is_visible(slot) of the streaming side, and columns_visible: a pair is visible when both are.
  template <class RowOf, class IsVisible>
  void select_separable(const Columns<kColumns>& columns, const std::uint64_t (&columns_visible)[kWords], RowOf&& row_of,
                        IsVisible&& is_visible) {
    n = 0;
    masked = false;
    for (int slot = 0; slot < kSlots; ++slot) {
      row[n] = row_of(slot);
      if (row[n] != kNoRow && is_visible(slot)) add(columns, [&](int w) { return columns_visible[w]; });
    }
  }

 private:
  template <class WordOf>
  void add(const Columns<kColumns>& columns, WordOf&& word_of) {
    std::uint64_t any = 0, hidden = 0;
    for (int w = 0; w < kWords; ++w) {
      const std::uint64_t word = word_of(w) & columns.present[w];
      visible[n * kWords + w] = word;
      any |= word;
      hidden |= word ^ columns.present[w];
    }
    masked |= any && hidden;
    n += any != 0;
  }
};

/// The keys of a tile that some row of a query tile sees.
template <class Tile, class Policy>
void select_keys(const Policy& policy, const WorkItem& item, int tile, const Columns<Tile::kTileQ>& queries,
                 Selection<Tile::kTileKv, Tile::kTileQ>& keys) {
  const auto row_of = [&](int slot) { return policy.kv_map.template row<Tile::kTileKv>(item, tile, slot); };
  if (!policy.template needs_mask<Tile>(item, tile)) return keys.select_all(row_of);
  const auto mask = policy.template mask<Tile>(item, tile);
  if constexpr (SeparableMask<decltype(mask)>) {
    const auto words = words_of<Tile::kTileQ>([&](int q) { return mask.row_visible(q); });
    keys.select_separable(queries, words.word, row_of, [&](int key) { return mask.key_visible(key); });
  } else {
    keys.select_pairs(queries, row_of, [&](int key, int q) { return mask.visible(q, key); });
  }
}

/// The rows of a query tile that see some key of a key tile.
template <class Tile, class Policy>
void select_queries(const Policy& policy, const WorkItem& item, int tile, const Columns<Tile::kTileKv>& keys,
                    Selection<Tile::kTileQ, Tile::kTileKv>& queries) {
  const auto row_of = [&](int slot) { return policy.q_map.template row<Tile::kTileQ>(item, item.q_tile, slot); };
  if (!policy.template needs_mask<Tile>(item, tile)) return queries.select_all(row_of);
  const auto mask = policy.template mask<Tile>(item, tile);
  if constexpr (SeparableMask<decltype(mask)>) {
    const auto words = words_of<Tile::kTileKv>([&](int key) { return mask.key_visible(key); });
    queries.select_separable(keys, words.word, row_of, [&](int q) { return mask.row_visible(q); });
  } else {
    queries.select_pairs(keys, row_of, [&](int q, int key) { return mask.visible(q, key); });
  }
}

}  // namespace fvattn::engine::cpu
