#include "manifest_reader.hpp"

#include <fvattn/nearest.hpp>

#include <algorithm>
#include <limits>

namespace fvattn {

const toml::node* TableReader::node(const char* key) {
  known(key);
  return table_ == nullptr || !error_.ok() ? nullptr : table_->get(key);
}

void TableReader::fail(const std::string& what, std::string got, std::string accepted) {
  if (error_.ok()) error_ = Status::error(Code::invalid_argument, what, std::move(got), std::move(accepted));
}

// Manifests are printed on terminals: no escape sequences out of a stranger's file.
std::string TableReader::checked(const std::string& text, const char* key) {
  const auto control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  if (!std::any_of(text.begin(), text.end(), control)) return text;
  fail("'" + full_name(key) + "' holds a control character", {}, "one line of plain text");
  return {};
}

std::string TableReader::text(const char* key, std::string otherwise) {
  const toml::node* found = node(key);
  if (found == nullptr) return otherwise;
  if (const auto* value = found->as_string()) return checked(value->get(), key);
  fail("'" + full_name(key) + "' has the wrong type", {}, "a string");
  return {};
}

std::string TableReader::required_text(const char* key) {
  std::string value = text(key);
  if (value.empty()) fail("'" + full_name(key) + "' is missing", {}, "a string");
  return value;
}

int TableReader::integer(const char* key, int otherwise) {
  const toml::node* found = node(key);
  if (found == nullptr) return otherwise;
  const auto* value = found->as_integer();
  if (value != nullptr && value->get() >= std::numeric_limits<int>::min() && value->get() <= std::numeric_limits<int>::max())
    return static_cast<int>(value->get());
  fail("'" + full_name(key) + "' has the wrong type", {}, "an integer of 32 bits");
  return otherwise;
}

bool TableReader::boolean(const char* key, bool otherwise) {
  const toml::node* found = node(key);
  if (found == nullptr) return otherwise;
  if (const auto* value = found->as_boolean()) return value->get();
  fail("'" + full_name(key) + "' has the wrong type", {}, "true or false");
  return otherwise;
}

std::vector<std::string> TableReader::texts(const char* key) {
  const toml::node* found = node(key);
  std::vector<std::string> values;
  if (found == nullptr) return values;
  const toml::array* list = found->as_array();
  const bool fine =
      list != nullptr && std::all_of(list->begin(), list->end(), [](const toml::node& item) { return item.is_string(); });
  if (!fine) {
    fail("'" + full_name(key) + "' has the wrong type", {}, "a list of strings");
    return values;
  }
  for (const toml::node& item : *list) values.push_back(checked(item.as_string()->get(), key));
  return values;
}

const toml::table* TableReader::table(const char* key) {
  const toml::node* found = node(key);
  if (found == nullptr) return nullptr;
  if (!found->is_table()) fail("'" + full_name(key) + "' has the wrong type", {}, "a table");
  return found->as_table();
}

std::vector<const toml::table*> TableReader::tables(const char* key) {
  const toml::node* found = node(key);
  std::vector<const toml::table*> values;
  if (found == nullptr) return values;
  const toml::array* list = found->as_array();
  if (list == nullptr || !list->is_array_of_tables()) {
    fail("'" + full_name(key) + "' has the wrong type", {}, "[[" + full_name(key) + "]] tables");
    return values;
  }
  for (const toml::node& item : *list) values.push_back(item.as_table());
  return values;
}

void TableReader::note_unknown(std::vector<std::string>& notes) const {
  if (table_ == nullptr || !error_.ok()) return;
  for (const auto& [key, value] : *table_) {
    const std::string name(key.str());
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    const std::string near = nearest_name(name, known_);
    std::string shown;  // of untrusted bytes only what a terminal can take
    for (const char c : name.substr(0, 64)) shown += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    notes.push_back((path_.empty() && value.is_table() ? "table '" : "key '") + full_name(shown) +
                    "' is unknown and has no effect" +
                    (near.empty() ? std::string() : "; did you mean '" + full_name(near) + "'?"));
  }
}

}  // namespace fvattn
