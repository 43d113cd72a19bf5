#include <fvattn/distributed/transport_choice.hpp>

#include <algorithm>

namespace fvattn {
namespace {

constexpr const char* kNames[] = {"local", "threads", "mpi", "c10d", "nccl", "peer", "ce"};

std::string listed() {
  std::string names = "auto";
  for (const char* name : kNames) names += std::string(", ") + name;
  return names;
}

std::vector<std::string> candidates(const TransportVote& vote, size_t ranks) {
  if (!vote.forced.empty()) return {vote.forced};
  if (ranks == 1) return {"local"};
  if (vote.gpu) return {"peer", vote.group_given ? "c10d" : "nccl"};
  return {vote.group_given ? "c10d" : "mpi"};
}

// "rank 1: no such library" for the first rank that cannot; empty if all can.
std::string refusal(std::span<const TransportVote> votes, const std::string& name) {
  for (size_t r = 0; r < votes.size(); ++r)
    if (const auto found = votes[r].refusals.find(name); found != votes[r].refusals.end())
      return "rank " + std::to_string(r) + ": " + found->second;
  return {};
}

Status check_alike(std::span<const TransportVote> votes) {
  const auto differ = [&](const char* what, auto&& value_of) -> Status {
    if (std::all_of(votes.begin(), votes.end(), [&](const auto& v) { return value_of(v) == value_of(votes[0]); })) return {};
    std::string values;
    for (size_t r = 0; r < votes.size(); ++r)
      values.append(r == 0 ? "rank " : ", rank ").append(std::to_string(r)).append(": ").append(value_of(votes[r]));
    return Status::error(Code::failed_precondition, std::string("ranks disagree on ") + what, values,
                         "one value on all ranks");
  };
  Status status = differ("where their tensors are", [](const auto& v) { return std::string(v.gpu ? "cuda" : "cpu"); });
  if (status.ok())
    status = differ("having a process group", [](const auto& v) { return std::string(v.group_given ? "yes" : "no"); });
  if (!status.ok()) return status;
  return differ("the transport", [](const auto& v) { return v.forced.empty() ? std::string("auto") : v.forced; });
}

}  // namespace

Result<TransportChoice> choose_transport(std::span<const TransportVote> votes) {
  if (Status status = check_alike(votes); !status.ok()) return status;
  TransportChoice choice;
  for (const std::string& name : candidates(votes.front(), votes.size())) {
    const std::string why = refusal(votes, name);
    if (why.empty()) {
      choice.name = name;
      return choice;
    }
    choice.fallback_reason.append(choice.fallback_reason.empty() ? "" : "; ").append(name).append(": ").append(why);
  }
  const bool forced = !votes.front().forced.empty();
  return Status::error(Code::unavailable,
                       forced ? "the transport that was asked for cannot be used" : "no transport connects these ranks",
                       choice.fallback_reason, {},
                       forced ? std::string("leave ") + env::kDistTransport + " out, or mend the reason" : std::string());
}

Result<std::string> forced_transport(const Environment& environment) {
  const std::string name = environment.get(env::kDistTransport);
  if (name.empty() || name == "auto") return std::string();
  if (std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames)) return name;
  return Status::error(Code::invalid_argument, std::string(env::kDistTransport) + " names no transport", "'" + name + "'",
                       listed());
}

}  // namespace fvattn
