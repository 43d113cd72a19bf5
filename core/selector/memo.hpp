// Successful selections, keyed by every input of the decision. A look-up copies and allocates nothing.
#pragma once

#include <fvattn/selector.hpp>

#include <cstdint>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace fvattn {

/// The inputs, by reference. `environment` numbers the snapshot, `generation` the registry's state.
struct MemoKeyView {
  const Request& request;
  std::string_view scope;
  const Device& device;
  const Problem& problem;
  uint64_t environment, generation;
};

/// Thread-safe.
class Memo {
 public:
  std::optional<Selection> find(const MemoKeyView& key) const;
  void insert(const MemoKeyView& key, const Selection& selection);
  void clear();
  size_t size() const;

  /// Shapes may change with every call: the memo starts over when it holds this many.
  static constexpr size_t kMost = 1024;

 private:
  struct Key {
    Request request;
    std::string scope;
    fvattn_device device;
    std::string device_name;
    Problem problem;
    uint64_t environment, generation;
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(const MemoKeyView& key) const;
    size_t operator()(const Key& key) const;
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const Key& a, const Key& b) const;
    bool operator()(const MemoKeyView& a, const Key& b) const;
  };

  mutable std::shared_mutex mutex_;
  std::unordered_map<Key, Selection, Hash, Equal> entries_;
};

}  // namespace fvattn
