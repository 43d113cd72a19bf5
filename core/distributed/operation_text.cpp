#include <fvattn/distributed/transport.hpp>

#include <algorithm>

namespace fvattn {

std::string describe(const Exchange& exchange) {
  std::string text = exchange.name;
  const auto add = [&](const char* what, const Ranges& ranges) {
    text += what;
    for (size_t i = 0; i < ranges.size(); ++i)
      text.append(i == 0 ? "" : ",").append(std::to_string(ranges[i].begin)).append("+").append(
          std::to_string(ranges[i].size));
  };
  for (const Transfer& t : exchange.transfers) {
    text += (&t == exchange.transfers.data() ? " of " : ", ") + t.name;
    text += " (" + std::string(to_string(t.pattern)) + " batch " + std::to_string(t.source.batches) + " head " +
            std::to_string(t.source.head_bytes) + " bytes";
    add(" rows ", t.sequence);
    add(" heads ", t.heads);
    text += ")";
  }
  return text;
}

Status check_same_operation(std::span<const std::string> operations) {
  if (std::all_of(operations.begin(), operations.end(), [&](const auto& text) { return text == operations[0]; })) return {};
  std::string all;
  for (size_t r = 0; r < operations.size(); ++r)
    all.append(r == 0 ? "rank " : "; rank ").append(std::to_string(r)).append(": ").append(operations[r]);
  return Status::error(Code::failed_precondition, "ranks came with different operations", all,
                       "the same operations in the same order on all ranks",
                       "make the same calls, with the same shapes, on every rank");
}

}  // namespace fvattn
