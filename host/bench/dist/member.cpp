#include "bench/dist/member.hpp"

#include <algorithm>
#include <cstring>

namespace fvattn::bench::dist {

void Member::barrier() const {
  if (Status status = control_->barrier(); !status.ok()) throw Error(status);
}

std::vector<std::string> Member::texts(const std::string& mine) const {
  Contract contract;
  contract.add("text", mine, false);
  const auto all = control_->gather_contracts(contract);
  if (!all) throw Error(all.status());
  std::vector<std::string> texts;
  for (const Contract& one : *all) texts.push_back(one.value("text"));
  return texts;
}

std::vector<std::vector<double>> Member::of_all(const std::vector<double>& mine) const {
  std::vector<std::vector<double>> numbers;
  for (const std::string& text : texts({reinterpret_cast<const char*>(mine.data()), mine.size() * sizeof(double)})) {
    numbers.emplace_back(text.size() / sizeof(double));
    std::memcpy(numbers.back().data(), text.data(), text.size());
  }
  return numbers;
}

std::vector<double> Member::most_of_all(const std::vector<double>& mine) const {
  std::vector<double> most = mine;
  for (const auto& numbers : of_all(mine))
    for (size_t i = 0; i < most.size() && i < numbers.size(); ++i) most[i] = std::max(most[i], numbers[i]);
  return most;
}

double Member::from_root(double value) const { return of_all({value}).front().front(); }

Status Member::all_well(const Status& mine) const {
  Contract contract;
  contract.failure = mine;
  const auto all = control_->gather_contracts(contract);
  if (!all) throw Error(all.status());
  for (size_t r = 0; r < all->size(); ++r) {
    Status status = (*all)[r].failure;
    if (status.ok()) continue;
    if (status.what.find("rank ") == std::string::npos) status.what = "rank " + std::to_string(r) + ": " + status.what;
    return status;
  }
  return {};
}

}  // namespace fvattn::bench::dist
