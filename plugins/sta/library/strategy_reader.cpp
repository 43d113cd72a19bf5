#include "strategy_reader.hpp"

#include <nlohmann/json.hpp>

#include <charconv>
#include <cstddef>
#include <iterator>
#include <limits>

namespace fvattn::sta {
namespace {

using Json = nlohmann::json;

/// Where the parser is: it does not say so for values that are well formed.
struct Position {
  int line = 1;
  bool after_newline = false;  // the last character read was a line break: the token before it ended on the line before
  int token_line() const { return line - after_newline; }
};

class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, Position* position) : at_(at), position_(position) {}
  const char& operator*() const { return *at_; }
  CountingIterator& operator++() {
    position_->after_newline = *at_ == '\n';
    position_->line += position_->after_newline;
    ++at_;
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const CountingIterator& o) const { return at_ == o.at_; }
  bool operator!=(const CountingIterator& o) const { return at_ != o.at_; }

 private:
  const char* at_;
  Position* position_;
};

class Handler : public Json::json_sax_t {
 public:
  Handler(std::string origin, const Position& position) : origin_(std::move(origin)), position_(position) {}
  std::vector<StrategyEntry> entries;

  bool null() override { return refuse_value("null"); }
  bool boolean(bool value) override { return refuse_value(value ? "true" : "false"); }
  bool string(string_t& value) override { return refuse_value("the string \"" + value + "\""); }
  bool binary(binary_t&) override { return refuse_value("binary data"); }
  bool number_float(number_float_t, const string_t& text) override { return number(text + ", which is no integer"); }
  bool number_integer(number_integer_t value) override { return number(std::to_string(value) + ", which is negative"); }
  bool number_unsigned(number_unsigned_t value) override {
    if (value == 0) return number("0");
    if (value > static_cast<number_unsigned_t>(std::numeric_limits<int>::max()))
      return number(std::to_string(value) + ", which is too large");
    if (depth_ != 2) return refuse_value(std::to_string(value));
    if (count_ < 3) entries.back().window[count_] = static_cast<int>(value);
    ++count_;
    return true;
  }
  bool start_object(std::size_t) override {
    if (depth_ > 0) return refuse_value("an object");
    ++depth_;
    return true;
  }
  bool key(string_t& text) override {
    key_ = text;
    StrategyEntry entry{{}, {}, position_.token_line()};
    if (!parse_strategy_key(text, entry.key)) fail("the key is not \"step_layer_head\", three numbers from 0");
    entries.push_back(entry);
    return true;
  }
  bool end_object() override { return true; }
  bool start_array(std::size_t) override {
    if (depth_ != 1) return refuse_value("a list");
    ++depth_;
    count_ = 0;
    return true;
  }
  bool end_array() override {
    if (count_ != 3) fail("a window has three extents [t, h, w]; got " + std::to_string(count_));
    --depth_;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) override {
    const std::string text = error.what();  // "[json.exception.parse_error.101] parse error at line 3, column 2: ..."
    const size_t start = text.find("] ");
    throw StaError(origin_ + " is not valid JSON: " + text.substr(start == std::string::npos ? 0 : start + 2) +
                   (key_.empty() ? "" : " (last key \"" + key_ + "\")"));
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw StaError(origin_ + ", line " + std::to_string(position_.token_line()) +
                   (key_.empty() ? ": " : ", key \"" + key_ + "\": ") + what);
  }
  bool number(const std::string& got) {
    if (depth_ != 2) return refuse_value(got);
    fail("a window's extents are integers of at least 1; got " + got);
  }
  bool refuse_value(const std::string& got) const {
    if (depth_ == 0) fail("a strategy is an object of \"step_layer_head\": [t, h, w]; got " + got);
    if (depth_ == 1) fail("a window is a list of three integers; got " + got);
    fail("a window's extents are integers of at least 1; got " + got);
  }

  std::string origin_, key_;
  const Position& position_;
  int depth_ = 0;  // 0 outside, 1 in the object, 2 in a window
  size_t count_ = 0;
};

}  // namespace

bool parse_strategy_key(std::string_view text, Window& key) {
  const char *at = text.data(), *end = at + text.size();
  for (size_t i = 0; i < 3; ++i) {
    if (i > 0 && (at == end || *at++ != '_')) return false;
    if (at == end || *at < '0' || *at > '9' || (*at == '0' && at + 1 != end && at[1] != '_')) return false;
    const auto [stop, error] = std::from_chars(at, end, key[i]);
    if (error != std::errc()) return false;
    at = stop;
  }
  return at == end;
}

std::vector<StrategyEntry> read_strategy_entries(std::string_view json, const std::string& origin) {
  Position position;
  Handler handler(origin, position);
  const char *first = json.data(), *last = first + json.size();
  Json::sax_parse(CountingIterator(first, &position), CountingIterator(last, &position), &handler);
  return std::move(handler.entries);
}

}  // namespace fvattn::sta
