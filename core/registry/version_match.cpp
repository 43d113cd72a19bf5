#include "version_match.hpp"

#include <algorithm>
#include <charconv>
#include <vector>

namespace fvattn {
namespace {

std::vector<long> numbers_of(std::string_view text) {
  std::vector<long> numbers;
  const char *at = text.data(), *end = at + text.size();
  for (;;) {
    long number = 0;
    const auto [stop, error] = std::from_chars(at, end, number);
    if (error != std::errc()) break;
    numbers.push_back(number);
    if (stop == end || *stop != '.') break;
    at = stop + 1;
  }
  return numbers;
}

int compare(std::vector<long> a, std::vector<long> b) {
  const size_t length = std::max(a.size(), b.size());
  a.resize(length);
  b.resize(length);
  return a < b ? -1 : a == b ? 0 : 1;
}

std::string_view trimmed(std::string_view text) {
  const auto from = text.find_first_not_of(' ');
  return from == std::string_view::npos ? std::string_view() : text.substr(from, text.find_last_not_of(' ') - from + 1);
}

bool clause_holds(std::string_view version, std::string_view clause) {
  std::string_view operation;
  for (const std::string_view candidate : {"==", "!=", "<=", ">=", "<", ">"})
    if (operation.empty() && clause.starts_with(candidate)) operation = candidate;
  std::string_view wanted = trimmed(clause.substr(operation.size()));
  std::vector<long> have = numbers_of(version);
  if (wanted.ends_with(".*")) {
    wanted.remove_suffix(2);
    have.resize(std::min(have.size(), numbers_of(wanted).size()));
  }
  const int order = compare(have, numbers_of(wanted));
  if (operation == "!=") return order != 0;
  if (operation == "<=") return order <= 0;
  if (operation == ">=") return order >= 0;
  if (operation == "<") return order < 0;
  if (operation == ">") return order > 0;
  return order == 0;
}

}  // namespace

int compare_versions(std::string_view a, std::string_view b) { return compare(numbers_of(a), numbers_of(b)); }

bool version_matches(std::string_view version, std::string_view requirement) {
  for (size_t at = 0; at <= requirement.size();) {
    const size_t end = std::min(requirement.find(',', at), requirement.size());
    const std::string_view clause = trimmed(requirement.substr(at, end - at));
    if (!clause.empty() && !clause_holds(version, clause)) return false;
    at = end + 1;
  }
  return true;
}

}  // namespace fvattn
