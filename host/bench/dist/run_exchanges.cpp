// Exchanges over all transports: sizes and shapes, one token, and what the time of one is made of.
#include "bench/dist/run.hpp"

#include "common/table.hpp"

#include <algorithm>

namespace fvattn::bench::dist {
namespace {

using host::Json;

Json json_of(const Spread& spread) {
  return {{"median", spread.median}, {"p10", spread.p10}, {"p90", spread.p90}, {"runs", spread.runs}};
}

std::vector<ExchangeCase> cases_of(const Member& member, bool quick) {
  const int ranks = member.size();
  if (!member.on_gpu())
    return {{"small qkv", Pattern::scatter_heads, 3, 256, 6, 64}, {"small o", Pattern::gather_heads, 1, 256, 6, 64},
            case_of_bytes(5e4, ranks), case_of_bytes(5e5, ranks)};
  std::vector<ExchangeCase> cases = model_cases();
  if (quick)
    std::erase_if(cases, [](const ExchangeCase& c) {
      return c.name.starts_with("wan14b-480p") || c.name.starts_with("wan1.3b-720p");
    });
  std::vector<double> megabytes{0.5, 1, 2, 8, 32, 128, 300, 600};
  if (quick) megabytes = {0.5, 32, 600};
  for (const double size : megabytes) cases.push_back(case_of_bytes(1e6 * size, ranks));
  return cases;
}

}  // namespace

void Run::exchanges() {
  say("exchanges");
  constexpr double kShare = 0.35;
  const std::vector<ExchangeCase> cases = cases_of(member_, options_.quick);
  const Repetitions each = repetitions(kShare, cases.size() * std::max<size_t>(transports_.size(), 1), 20, 200);
  for (const ExchangeCase& what : cases)
    for (const Transport& transport : std::vector(transports_)) {
      if (is_late("exchange " + what.name + " by " + transport.name)) continue;
      const auto times = measure_exchange(member_, *transport.communicator, what, each);
      if (!times) {
        drop(transport.name, "the exchange " + what.name, times.status());
        continue;
      }
      check_link("exchange " + what.name + " by " + transport.name, times->gbps());
      record_.add("exchange", exchange_line(what, transport.name, *times));
    }
}

Json Run::exchange_line(const ExchangeCase& what, const std::string& transport, const ExchangeTimes& times) const {
  const double gbps = times.gbps();
  Json line = {{"case", what.name},
               {"transport", transport},
               {"pattern", to_string(what.pattern)},
               {"tensors", what.tensors},
               {"rows", what.rows},
               {"heads", what.heads},
               {"dim", what.dim},
               {"remote_bytes", times.remote_bytes},
               {"ms", json_of(times.ms)},
               {"gbps", gbps},
               {"host_ms", json_of(times.host_ms)},
               {"waits_ms", times.waits_ms},
               {"copies", times.copies},
               {"right", times.right}};
  if (bounds_.link_gbps > 0) line["percent_of_link"] = 100 * gbps / bounds_.link_gbps;
  if (link_ms_of_byte_ > 0) line["percent_of_stores"] = 100 * gbps * 1e6 * link_ms_of_byte_;
  return line;
}

void Run::latency() {
  constexpr double kShare = 0.03;
  const Repetitions each = repetitions(kShare, transports_.size(), 50, 500);
  for (const Transport& transport : std::vector(transports_)) {
    if (is_late("latency of " + transport.name)) continue;
    const auto times = measure_exchange(member_, *transport.communicator, empty_case(member_.size()), each);
    if (!times) drop(transport.name, "the exchange of one token", times.status());
    else
      record_.add("latency",
                  {{"transport", transport.name},
                   {"us", {{"median", 1e3 * times->ms.median}, {"p10", 1e3 * times->ms.p10}, {"p90", 1e3 * times->ms.p90}}},
                   {"host_us", 1e3 * times->host_ms.median},
                   {"runs", times->ms.runs}});
  }
}

// From what was measured, as far as communicators say: they count copies and waits, they do not time their own steps.
void Run::stages() {
  if (!member_.is_root() || !record_.json().contains("exchange")) return;
  const Json lines = record_.json()["exchange"];
  for (const Json& line : lines) {
    if (line["case"] != lines.front()["case"] || line["transport"] == "reference") continue;
    double start_us = 0;
    if (record_.json().contains("latency"))
      for (const Json& other : record_.json()["latency"])
        if (other["transport"] == line["transport"]) start_us = other["us"]["median"].get<double>();
    const double total = line["ms"]["median"].get<double>(), bytes = line["remote_bytes"].get<double>();
    // A pass goes over all that a rank has of the tensors: the remote bytes and its own part.
    const double pass = bytes * member_.size() / std::max(1, member_.size() - 1) * copy_ms_of_byte_;
    // Counted for each tensor of the exchange.
    const double passes = line["copies"].get<double>() / std::max(1.0, line["tensors"].get<double>());
    const double wire = bytes * link_ms_of_byte_;
    record_.add("stages", {{"case", line["case"]},
                           {"transport", line["transport"]},
                           {"total_ms", total},
                           {"start_and_end_ms", start_us / 1e3},
                           {"wire_ms", wire},
                           {"copies", line["copies"]},
                           {"copies_ms", passes * pass},
                           {"rest_ms", total - start_us / 1e3 - wire - passes * pass},
                           {"host_ms", line["host_ms"]["median"]},
                           {"waits_ms", line["waits_ms"]}});
  }
}

}  // namespace fvattn::bench::dist
