#include "checker.hpp"

#include <array>
#include <unordered_set>

namespace fvattn::test {
namespace {

constexpr size_t kMost = 3;

/// Where each rank is, and which of the stores that it has issued nobody sees yet.
struct State {
  std::array<uint8_t, kMost> at{};
  std::array<uint64_t, kMost> hidden{};  // bit i: the rank's i-th store
  bool operator==(const State&) const = default;
};

struct Hash {
  size_t operator()(const State& s) const {
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t r = 0; r < kMost; ++r) {
      hash = (hash ^ s.at[r]) * 0x9e3779b97f4a7c15u;
      hash = (hash ^ s.hidden[r] ^ (hash >> 29)) * 0xbf58476d1ce4e5b9u;
    }
    return hash ^ (hash >> 31);
  }
};

class Search {
 public:
  Search(const std::vector<Program>& programs, int locations)
      : programs_(programs), writer_(static_cast<size_t>(locations), -1) {
    for (size_t r = 0; r < programs.size(); ++r) {
      numbers_.emplace_back();
      stores_.emplace_back();
      for (const Step& step : programs[r]) {
        numbers_[r].push_back(stores_[r].size());
        if (step.kind != Step::store && step.kind != Step::publish) continue;
        stores_[r].push_back(step);
        writer_[static_cast<size_t>(step.location)] = static_cast<int>(r);
      }
    }
  }

  Verdict run() {
    add({});
    while (!open_.empty() && fault_.empty()) {
      const State state = open_.back();
      open_.pop_back();
      expand(state);
    }
    return {fault_, seen_.size()};
  }

 private:
  void add(const State& state) {
    if (seen_.insert(state).second) open_.push_back(state);
  }

  uint64_t value(const State& state, int location) const {
    const int writer = writer_[static_cast<size_t>(location)];
    if (writer < 0) return 0;
    const auto r = static_cast<size_t>(writer);
    const size_t issued = numbers(r, state.at[r]);
    for (size_t i = issued; i-- > 0;)
      if (stores_[r][i].location == location && (state.hidden[r] >> i & 1) == 0) return stores_[r][i].value;
    return 0;
  }

  // How many stores the rank has issued before step `at`.
  size_t numbers(size_t rank, size_t at) const {
    return at < numbers_[rank].size() ? numbers_[rank][at] : stores_[rank].size();
  }

  bool may_show(const State& state, size_t rank, size_t store) const {
    for (size_t i = 0; i < store; ++i)
      if ((state.hidden[rank] >> i & 1) != 0 && (stores_[rank][store].kind == Step::publish ||
                                                 stores_[rank][i].location == stores_[rank][store].location))
        return false;
    return true;
  }

  void expand(const State& state) {
    bool moved = false, done = true;
    for (size_t r = 0; r < programs_.size(); ++r) {
      for (size_t i = 0; i < numbers(r, state.at[r]); ++i) {
        if ((state.hidden[r] >> i & 1) == 0 || !may_show(state, r, i)) continue;
        State next = state;
        next.hidden[r] &= ~(uint64_t{1} << i);
        add(next);
        moved = true;
      }
      if (state.at[r] == programs_[r].size()) continue;
      done = false;
      const Step& step = programs_[r][state.at[r]];
      State next = state;
      ++next.at[r];
      if (step.kind == Step::wait && value(state, step.location) < step.value) continue;
      if (step.kind == Step::load && value(state, step.location) != step.value) {
        fault_ = "rank " + std::to_string(r) + " reads " + std::to_string(value(state, step.location)) + " where " +
                 std::to_string(step.value) + " belongs";
        return;
      }
      if (step.kind == Step::store || step.kind == Step::publish) next.hidden[r] |= uint64_t{1} << numbers(r, state.at[r]);
      add(next);
      moved = true;
    }
    if (!moved && !done) fault_ = "nobody can go on";
  }

  const std::vector<Program>& programs_;
  std::vector<int> writer_;
  std::vector<std::vector<size_t>> numbers_;
  std::vector<Program> stores_;
  std::unordered_set<State, Hash> seen_;
  std::vector<State> open_;
  std::string fault_;
};

}  // namespace

Verdict check_all(const std::vector<Program>& programs, int locations) { return Search(programs, locations).run(); }

}  // namespace fvattn::test
