// Typed reading of one TOML table: wrong types are errors, unknown keys are notes with the nearest name.
#pragma once

#include <fvattn/status.hpp>

#include <toml++/toml.h>

#include <string>
#include <string_view>
#include <vector>

namespace fvattn {

/// Reads keys of one table and remembers which were asked for. The first error sticks; later reads do nothing.
class TableReader {
 public:
  /// `path` names the table in messages ("plugin", "" for the top); `table` may be nullptr: every key is absent then.
  TableReader(const toml::table* table, std::string path, Status& error)
      : table_(table), path_(std::move(path)), error_(error) {}

  std::string text(const char* key, std::string otherwise = {});
  std::string required_text(const char* key);
  int integer(const char* key, int otherwise);
  bool boolean(const char* key, bool otherwise);
  std::vector<std::string> texts(const char* key);
  /// A table inside, nullptr when absent.
  const toml::table* table(const char* key);
  /// The tables of an array of tables; empty when absent.
  std::vector<const toml::table*> tables(const char* key);
  /// Marks `key` as known without reading it.
  void known(const char* key) { known_.emplace_back(key); }
  bool present() const { return table_ != nullptr; }

  /// Adds a note for each key that nobody asked for.
  void note_unknown(std::vector<std::string>& notes) const;
  void fail(const std::string& what, std::string got = {}, std::string accepted = {});
  std::string full_name(std::string_view key) const {
    return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
  }

 private:
  const toml::node* node(const char* key);
  std::string checked(const std::string& text, const char* key);

  const toml::table* table_;
  std::string path_;
  Status& error_;
  std::vector<std::string> known_;
};

}  // namespace fvattn
