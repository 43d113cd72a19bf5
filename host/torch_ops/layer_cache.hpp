// The layers behind the operator: one for each set of arguments that a layer is made of.
#pragma once

#include "torch_ops/arguments.hpp"

#include "run/keys.hpp"

#include <fvattn/device.hpp>

#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>

namespace fvattn::torch_ops {

/// The metadata that `options` holds for one backend.
struct OptionMetadata {
  KeyValues values;
  std::map<const Device*, std::shared_ptr<const AttentionMetadata>> built;  // by whoever holds the entry's mutex
};

/// A layer for one backend (or for whoever is selected).
struct Served {
  LocalAttention layer{nullptr};
  OptionMetadata metadata;
};

/// One set of arguments, its options parsed.
struct LayerEntry {
  host::Keys keys;
  std::mutex mutex;                                                   // of what follows
  std::map<const AttentionBackend*, std::shared_ptr<Served>> served;  // nullptr: options that need no backend's schema
};

/// Thread-safe. Keeps the latest kMost entries; a layer that is in use lives on.
class LayerCache {
 public:
  /// Throws Error for options that make no sense.
  std::shared_ptr<LayerEntry> find(const Settings& settings, int64_t heads, int64_t kv_heads, int64_t head_size);

  static constexpr size_t kMost = 256;

 private:
  using Key = std::tuple<std::string, std::string, double, bool, int64_t, int64_t, int64_t>;
  using Order = std::list<Key>;  // latest use first

  struct Slot {
    std::shared_ptr<LayerEntry> entry;
    Order::iterator place;
  };

  std::mutex mutex_;
  std::map<Key, Slot> slots_;
  Order order_;
};

}  // namespace fvattn::torch_ops
