#include <fvattn/distributed/contract.hpp>

#include <algorithm>

namespace fvattn {
namespace {

std::string rank_text(size_t rank) { return "rank " + std::to_string(rank); }

Status disagreement(std::span<const Contract> contracts, const std::string& about, auto&& value_of) {
  std::string values;
  for (size_t r = 0; r < contracts.size(); ++r)
    values.append(r == 0 ? "" : ", ").append(rank_text(r)).append(": ").append(value_of(contracts[r]));
  return Status::error(Code::failed_precondition, "ranks disagree on " + about, values, "one value on all ranks",
                       "make the same call with the same configuration on every rank");
}

std::string names_of(const Contract& contract) {
  std::string names;
  for (const Contract::Entry& entry : contract.entries) names += (names.empty() ? "" : " ") + entry.name;
  return names.empty() ? "nothing" : names;
}

}  // namespace

uint64_t hash_bytes(std::span<const std::byte> bytes, uint64_t seed) {
  for (const std::byte byte : bytes) seed = (seed ^ static_cast<uint64_t>(byte)) * 0x100000001b3u;
  return seed;
}

uint64_t Contract::hash() const {
  const auto add_text = [](uint64_t hash, const std::string& text) {
    // The closing NUL separates "ab", "c" from "a", "bc".
    return hash_bytes(std::as_bytes(std::span(text.c_str(), text.size() + 1)), hash);
  };
  uint64_t hash = hash_bytes({});
  for (const Entry& entry : entries) hash = add_text(add_text(hash, entry.name), entry.value);
  return hash;
}

std::string Contract::value(std::string_view name) const {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.name == name; });
  return found == entries.end() ? std::string() : found->value;
}

Status check_agreement(std::span<const Contract> contracts, int rank) {
  if (const Status& own = contracts[static_cast<size_t>(rank)].failure; !own.ok()) return own;
  for (size_t r = 0; r < contracts.size(); ++r) {
    if (contracts[r].failure.ok()) continue;
    Status status = contracts[r].failure;
    status.what = rank_text(r) + " cannot take part: " + status.what;
    return status;
  }
  const Contract& first = contracts.front();
  for (const Contract& other : contracts)
    if (names_of(other) != names_of(first)) return disagreement(contracts, "what a call has", names_of);
  for (size_t i = 0; i < first.entries.size(); ++i) {
    if (!first.entries[i].shared) continue;
    for (const Contract& other : contracts)
      if (other.entries[i].value != first.entries[i].value)
        return disagreement(contracts, first.entries[i].name, [&](const Contract& c) { return c.entries[i].value; });
  }
  return {};
}

}  // namespace fvattn
