// Random lists for ListPolicy and GatherPolicy, on the host and on the device.
#pragma once

#include "device_array.hpp"
#include "instances.hpp"
#include "test_policies.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace fvattn::engine::sm80::test {

/// Lists of key tiles per (head, query tile), some empty, and their inverse.
class RandomLists {
 public:
  template <class T>
  static RandomLists make(int heads, int q_len, int kv_len) {
    const int q_tiles = ceil_div(q_len, T::kTileQ), kv_tiles = ceil_div(kv_len, T::kTileKv);
    std::vector<int> offsets{0}, list, inverse_offsets{0}, inverse;
    std::vector<std::vector<int>> seen_by(static_cast<std::size_t>(heads * kv_tiles));
    for (int h = 0; h < heads; ++h) {
      for (int tile = 0; tile < q_tiles; ++tile) {
        std::vector<int> all(static_cast<std::size_t>(kv_tiles));
        std::iota(all.begin(), all.end(), 0);
        std::shuffle(all.begin(), all.end(), random_engine());
        all.resize(static_cast<std::size_t>(random_int(0, kv_tiles)));
        for (int kv_tile : all) seen_by[static_cast<std::size_t>(h * kv_tiles + kv_tile)].push_back(tile);
        list.insert(list.end(), all.begin(), all.end());
        offsets.push_back(static_cast<int>(list.size()));
      }
    }
    for (const auto& tiles : seen_by) {
      inverse.insert(inverse.end(), tiles.begin(), tiles.end());
      inverse_offsets.push_back(static_cast<int>(inverse.size()));
    }
    return RandomLists(q_len, kv_len, {offsets, list, inverse_offsets, inverse});
  }

  ListPolicy host() const {
    return {{q_len_}, {kv_len_}, host_[0].data(), host_[1].data(), host_[2].data(), host_[3].data()};
  }
  ListPolicy device() const {
    return {{q_len_}, {kv_len_}, device_[0].data(), device_[1].data(), device_[2].data(), device_[3].data()};
  }

 private:
  RandomLists(int q_len, int kv_len, std::vector<std::vector<int>> lists)
      : q_len_(q_len), kv_len_(kv_len), host_(std::move(lists)),
        device_{DeviceArray<int>(host_[0]), DeviceArray<int>(host_[1]), DeviceArray<int>(host_[2]), DeviceArray<int>(host_[3])} {}

  int q_len_, kv_len_;
  std::vector<std::vector<int>> host_;
  DeviceArray<int> device_[4];
};

/// For each (head, chunk) a random choice of query rows, padded to whole tiles.
class RandomGather {
 public:
  template <class T>
  static RandomGather make(int heads, int q_len, int kv_len, int chunk_keys) {
    const int chunks = ceil_div(kv_len, chunk_keys), tiles_per_chunk = ceil_div(q_len, T::kTileQ);
    std::vector<int> rows;
    for (int i = 0; i < heads * chunks; ++i) {
      std::vector<int> chosen(static_cast<std::size_t>(q_len));
      std::iota(chosen.begin(), chosen.end(), 0);
      std::shuffle(chosen.begin(), chosen.end(), random_engine());
      chosen.resize(static_cast<std::size_t>(random_int(0, q_len)));
      chosen.resize(static_cast<std::size_t>(tiles_per_chunk * T::kTileQ), kNoRow);
      rows.insert(rows.end(), chosen.begin(), chosen.end());
    }
    return RandomGather(rows, chunks * tiles_per_chunk, tiles_per_chunk, kv_len, chunk_keys);
  }

  GatherPolicy host() const { return policy(rows_.data()); }
  GatherPolicy device() const { return policy(device_.data()); }
  const std::vector<int>& rows() const { return rows_; }
  int tiles() const { return tiles_; }

 private:
  RandomGather(std::vector<int> rows, int tiles, int tiles_per_chunk, int kv_len, int chunk_keys)
      : rows_(std::move(rows)), device_(rows_), tiles_(tiles), tiles_per_chunk_(tiles_per_chunk), kv_len_(kv_len),
        chunk_keys_(chunk_keys) {}
  GatherPolicy policy(const int* rows) const {
    const GatherMap map{rows, tiles_};
    return {map, {map}, {kv_len_}, tiles_per_chunk_, chunk_keys_};
  }

  std::vector<int> rows_;
  DeviceArray<int> device_;
  int tiles_, tiles_per_chunk_, kv_len_, chunk_keys_;
};

}  // namespace fvattn::engine::sm80::test
