#include "common/table.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace fvattn::host {
namespace {

// Code points; enough for the characters that appear here.
size_t width(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

Table::Table(std::vector<std::string> headings) : headings_(std::move(headings)) {
  for (std::string& heading : headings_) {
    right_.push_back(heading.starts_with('>'));
    if (right_.back()) heading.erase(0, 1);
  }
}

void Table::row(std::vector<std::string> cells) {
  cells.resize(headings_.size());
  rows_.push_back(std::move(cells));
}

void Table::print(std::ostream& out) const {
  std::vector<size_t> widths;
  for (const std::string& heading : headings_) widths.push_back(width(heading));
  for (const auto& row : rows_)
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));

  const auto line = [&](const std::vector<std::string>& cells) {
    std::string text;
    for (size_t i = 0; i < cells.size(); ++i) {
      const std::string space(widths[i] - width(cells[i]), ' ');
      text += (i == 0 ? "" : "  ") + (right_[i] ? space + cells[i] : cells[i] + space);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out << text << '\n';
  };
  line(headings_);
  for (const auto& row : rows_) line(row);
}

std::string number_text(double value, int digits) {
  char text[48];
  const double size = std::fabs(value);
  if (value == 0 || !std::isfinite(value) || size >= 1e7 || size < 1e-4) {
    std::snprintf(text, sizeof(text), "%.*g", digits, value);
  } else {
    const int before = static_cast<int>(std::floor(std::log10(size))) + 1;
    std::snprintf(text, sizeof(text), "%.*f", std::max(0, digits - before), value);
  }
  return text;
}

std::string bytes_text(double bytes) {
  const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < std::size(units)) bytes /= 1024, ++unit;
  return number_text(bytes, 3) + " " + units[unit];
}

std::string joined(const std::vector<std::string>& items, const std::string& separator) {
  std::string text;
  for (size_t i = 0; i < items.size(); ++i) text += (i == 0 ? "" : separator) + items[i];
  return text;
}

}  // namespace fvattn::host
