// Tables for people.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace fvattn::host {

/// A heading that starts with '>' makes its column right-aligned. Cells are UTF-8 without line breaks.
class Table {
 public:
  explicit Table(std::vector<std::string> headings);
  /// Missing cells are empty; more cells than headings are a programming error and are dropped.
  void row(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  void print(std::ostream& out) const;

 private:
  std::vector<std::string> headings_;
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;
};

/// `value` with `digits` significant digits, without exponent where it is readable: "0.0123", "1234", "1.2e+09".
std::string number_text(double value, int digits = 4);
/// "1.5 GiB"
std::string bytes_text(double bytes);
/// "a, b, c"
std::string joined(const std::vector<std::string>& items, const std::string& separator = ", ");

}  // namespace fvattn::host
