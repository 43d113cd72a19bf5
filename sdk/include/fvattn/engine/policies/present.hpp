// The mask of policies that hide nothing but the slots without a token.
#pragma once

#include <fvattn/engine/policy.hpp>

namespace fvattn::engine {

template <class Map, int kRows>
struct PresentMask {
  static constexpr bool kCostly = true;  // row() of boxes divides
  static constexpr bool kOfKeyTile =
      std::is_same_v<Map, LinearMap> || std::is_same_v<Map, BoxMap> || requires { Map::kRowsOfTile; };
  Map map;
  WorkItem item;
  int tile;
  int end = kRows;  // slots from here on hold no key

  FVATTN_BOTH bool visible(int, int kv_slot) const { return key_visible(kv_slot); }
  FVATTN_BOTH bool row_visible(int) const { return true; }
  FVATTN_BOTH bool key_visible(int kv_slot) const {
    return kv_slot < end && map.template row<kRows>(item, tile, kv_slot) != kNoRow;
  }
};

}  // namespace fvattn::engine
