// What ranks must agree on before they exchange anything.
#pragma once

#include <fvattn/export.hpp>

#include <fvattn/status.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fvattn FVATTN_PUBLIC {

/// One rank's view of a call, in words: names with values. Every rank must list the same names in the same order.
struct Contract {
  struct Entry {
    std::string name, value;
    bool shared = true;  // false: may differ between ranks (the local length), and is only reported to the others
    bool operator==(const Entry&) const = default;
  };
  std::vector<Entry> entries;
  /// Not ok: this rank cannot take part, and all ranks get to know why in place of waiting for it.
  Status failure;

  void add(std::string name, std::string value, bool shared = true) {
    entries.push_back({std::move(name), std::move(value), shared});
  }
  void add(std::string name, int64_t value, bool shared = true) {
    add(std::move(name), std::to_string(value), shared);
  }
  /// FNV-1a of all names and values: equal contracts have equal hashes, on every machine.
  uint64_t hash() const;
  /// The value by name; empty if there is none.
  std::string value(std::string_view name) const;
};

/// FNV-1a, 64 bits; `seed` chains.
uint64_t hash_bytes(std::span<const std::byte> bytes, uint64_t seed = 0xcbf29ce484222325u);

/// OK if all shared values are equal and no rank failed. Otherwise FAILED_PRECONDITION with every rank's value side by
/// side ("ranks disagree on dtype; got rank 0: float32, rank 1: bfloat16"), or the code and the text of the first rank
/// that failed. `contracts` is by rank; `rank` is who asks: its own failure comes back unchanged.
Status check_agreement(std::span<const Contract> contracts, int rank);

}  // namespace fvattn
