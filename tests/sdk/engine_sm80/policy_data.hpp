// Random data of the SDK's policies, on the host (for the reference) and on the device.
#pragma once

#include "device_array.hpp"
#include "test_tensor.hpp"

#include <fvattn/engine/policies/gather.hpp>
#include <fvattn/engine/policies/key_padding.hpp>
#include <fvattn/engine/policies/list.hpp>
#include <fvattn/engine/policies/row_mask.hpp>
#include <fvattn/engine/policies/varlen.hpp>
#include <fvattn/engine/policies/window.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace fvattn::engine::sm80::test {

template <class T>
struct Mirrored {
  explicit Mirrored(std::vector<T> values) : host(std::move(values)), device(host) {}
  const T* data(bool on_device) const { return on_device ? device.data() : host.data(); }

  std::vector<T> host;
  DeviceArray<T> device;
};

/// Which of `columns` each of `rows` chose, some none, as lists and as their inverse per group of `per_group` rows.
class RandomLists {
 public:
  RandomLists(int batch, int heads, int tiles, int columns) : RandomLists(heads, tiles, columns, choose(batch * heads * tiles, columns)) {}
  RandomLists(int heads, int tiles, int columns, const std::vector<std::vector<int>>& chosen)
      : heads_(heads), tiles_(tiles), columns_(columns), list_(flat(chosen, columns)), count_(counts(chosen)),
        inverse_(invert(chosen).first), offsets_(invert(chosen).second) {}

  TileLists lists(bool on_device) const { return {list_.data(on_device), count_.data(on_device), heads_, tiles_, columns_}; }
  InverseLists inverse(bool on_device) const {
    return {inverse_.data(on_device), offsets_.data(on_device), heads_, columns_};
  }

  static std::vector<std::vector<int>> choose(int rows, int columns) {
    std::vector<std::vector<int>> chosen(static_cast<std::size_t>(rows));
    for (auto& row : chosen) {
      const int share = random_int(0, 4);
      for (int column = 0; column < columns; ++column) {
        if (random_int(1, 4) <= share) row.push_back(column);
      }
    }
    return chosen;
  }

 private:
  static std::vector<int> flat(const std::vector<std::vector<int>>& chosen, int width) {
    std::vector<int> list;
    for (auto row : chosen) {
      row.resize(static_cast<std::size_t>(width), -1);
      list.insert(list.end(), row.begin(), row.end());
    }
    return list;
  }
  static std::vector<int> counts(const std::vector<std::vector<int>>& chosen) {
    std::vector<int> count;
    for (const auto& row : chosen) count.push_back(static_cast<int>(row.size()));
    return count;
  }
  std::pair<std::vector<int>, std::vector<long long>> invert(const std::vector<std::vector<int>>& chosen) const {
    std::vector<int> inverse;
    std::vector<long long> offsets{0};
    for (std::size_t group = 0; group < chosen.size(); group += static_cast<std::size_t>(tiles_)) {
      for (int column = 0; column < columns_; ++column) {
        for (int tile = 0; tile < tiles_; ++tile) {
          const auto& row = chosen[group + static_cast<std::size_t>(tile)];
          if (std::binary_search(row.begin(), row.end(), column)) inverse.push_back(tile);
        }
        offsets.push_back(static_cast<long long>(inverse.size()));
      }
    }
    return {inverse, offsets};
  }

  int heads_, tiles_, columns_;
  Mirrored<int> list_, count_, inverse_;
  Mirrored<long long> offsets_;
};

/// Valid keys per batch entry: all, a run, some at random, or none.
struct RandomKeys {
  RandomKeys(int batch, int kv_len) : words(ceil_div(kv_len, 256) * 8), bits(make(batch, kv_len, words)), ranges(find(bits.host, batch, words)) {}

  static std::vector<std::uint32_t> make(int batch, int kv_len, int words) {
    std::vector<std::uint32_t> bits(static_cast<std::size_t>(batch * words), 0);
    for (int b = 0; b < batch; ++b) {
      const int style = random_int(0, 5), from = random_int(0, kv_len - 1), to = random_int(from, kv_len);
      for (int j = 0; j < kv_len; ++j) {
        const bool valid = style > 3 || (style > 0 && (style == 3 ? random_int(0, 2) > 0 : j >= from && j < to));
        if (valid) bits[static_cast<std::size_t>(b * words + j / 32)] |= 1u << (j % 32);
      }
    }
    return bits;
  }
  static std::vector<KeyRange> find(const std::vector<std::uint32_t>& bits, int batch, int words) {
    std::vector<KeyRange> ranges(static_cast<std::size_t>(batch), KeyRange{0, 0});
    for (int b = 0; b < batch; ++b) {
      KeyRange& range = ranges[static_cast<std::size_t>(b)];
      for (int j = 0; j < words * 32; ++j) {
        if ((bits[static_cast<std::size_t>(b * words + j / 32)] >> (j % 32) & 1) == 0) continue;
        if (range.end == 0) range.first = j;
        range.end = j + 1;
      }
    }
    return ranges;
  }

  int words;
  Mirrored<std::uint32_t> bits;
  Mirrored<KeyRange> ranges;
};

/// Chunks as runs of the keys, every length from 1.
inline std::vector<int> random_starts(int kv_len) {
  std::vector<int> starts{0};
  while (starts.back() < kv_len) starts.push_back(std::min(kv_len, starts.back() + random_int(1, 130)));
  return starts;
}

}  // namespace fvattn::engine::sm80::test
