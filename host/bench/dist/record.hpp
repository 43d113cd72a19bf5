// The document that grows with the run. Rank 0 has it; the others' stays empty.
#pragma once

#include "common/json.hpp"

#include <string>

namespace fvattn::bench::dist {

class Record {
 public:
  /// Written to `file` after each change, whole; empty: kept only.
  Record(std::string file, bool is_root) : file_(std::move(file)), is_root_(is_root) {}

  void set(const std::string& key, host::Json value);
  /// Appends to the list `key`.
  void add(const std::string& key, host::Json value);
  const host::Json& json() const { return json_; }
  /// The first failure to write the file.
  const Status& trouble() const { return trouble_; }

 private:
  void save();

  const std::string file_;
  const bool is_root_;
  host::Json json_ = host::Json::object();
  Status trouble_;
};

}  // namespace fvattn::bench::dist
