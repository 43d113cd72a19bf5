#include "bench/dist/tables.hpp"

#include "common/table.hpp"

namespace fvattn::bench::dist {
namespace {

using host::Json;
using host::number_text;
using host::Table;

std::string number(const Json& line, const char* key, int digits = 4) {
  return line.contains(key) && line[key].is_number() ? number_text(line[key].get<double>(), digits) : "-";
}
std::string text(const Json& line, const char* key) { return line.contains(key) ? line[key].get<std::string>() : ""; }
std::string figure_of(const Json& line) { return line.contains("failed") ? text(line, "failed") : number(line, "gbps"); }
std::string spread(const Json& s, double scale = 1) {
  return number_text(scale * s["median"].get<double>()) + " [" + number_text(scale * s["p10"].get<double>()) + ", " +
         number_text(scale * s["p90"].get<double>()) + "]";
}

void print_machine(std::ostream& out, const Json& machine) {
  for (const Json& rank : machine["ranks"]) out << text(rank, "device") << ": " << text(rank, "name") << '\n';
  if (machine.contains("driver_version")) out << "driver " << text(machine, "driver_version");
  if (machine.contains("nccl"))
    out << "NCCL " << machine["nccl"].dump() << ", peer access " << machine["peer_access"].dump() << '\n';
  if (machine.contains("topology")) out << text(machine, "topology");
  const Json& bounds = machine["bounds"];
  out << "no figure above " << number(bounds, "link_gbps") << " GB/s (" << text(bounds, "link_why") << ") and "
      << number(bounds, "peak_tflops") << " TFLOP/s (" << text(bounds, "peak_why") << "); 0: not known\n";
}

void print_limits(std::ostream& out, const Json& limits) {
  out << "\nLimits: a copy within a rank's memory moves " << number(limits["own_copy"], "gbps") << " GB/s\n";
  if (limits.contains("not available")) out << "  the link: " << text(limits, "not available") << '\n';
  if (!limits.contains("lines")) return;
  Table table({"link", ">ms", ">GB/s each way"});
  for (const Json& line : limits["lines"])
    table.row({text(line, "name"), number(line, "ms"), figure_of(line)});
  table.print(out);
}

void print_exchanges(std::ostream& out, const Json& lines) {
  out << "\nExchanges: ms are the slowest rank's, GB/s are remote bytes of one rank and one direction\n";
  Table table({"case", "transport", ">remote MB", ">ms [p10, p90]", ">GB/s", ">% of link", ">% of stores", ">copies",
               ">runs"});
  for (const Json& line : lines)
    table.row({text(line, "case"), text(line, "transport"), number_text(line["remote_bytes"].get<double>() / 1e6),
               spread(line["ms"]), number(line, "gbps"), number(line, "percent_of_link", 3),
               number(line, "percent_of_stores", 3), number(line, "copies"), line["ms"]["runs"].dump()});
  table.print(out);
}

void print_latency(std::ostream& out, const Json& lines) {
  out << "\nOne token\n";
  Table table({"transport", ">us [p10, p90]", ">us on the host"});
  for (const Json& line : lines) table.row({text(line, "transport"), spread(line["us"]), number(line, "host_us")});
  table.print(out);
}

void print_stages(std::ostream& out, const Json& lines) {
  out << "\nWhat " << text(lines.front(), "case")
      << " is made of, in ms: an exchange of one token, the bytes at the rate of stores, copies at this machine's rate\n";
  Table table({"transport", ">total", ">one token", ">wire", ">copies", ">rest", ">host", ">waits"});
  for (const Json& line : lines)
    table.row({text(line, "transport"), number(line, "total_ms"), number(line, "start_and_end_ms"), number(line, "wire_ms"),
               number(line, "copies_ms"), number(line, "rest_ms"), number(line, "host_ms"), number(line, "waits_ms")});
  table.print(out);
}

void print_sweep(std::ostream& out, const Json& record) {
  out << "\nThread blocks of peer\n";
  Table table({">blocks", ">ms", ">GB/s"});
  for (const Json& line : record["sweep"])
    table.row({number(line, "writers"), number(line, "ms"), figure_of(line)});
  table.print(out);
  if (record.contains("fewest_writers_within_2_percent"))
    out << "fewest within 2 % of the best: " << record["fewest_writers_within_2_percent"] << '\n';
}

void print_blocks(std::ostream& out, const Json& lines) {
  out << "\nAttention blocks: T1 on one rank, T2 on all\n";
  Table table({"case", "backend", "transport", ">T1 ms", ">T2 ms", ">exchange ms", ">T1/(P T2)", ">T2/(T1/P + exchange)",
               ">TFLOP/s T1", ">each in T2", ">error"});
  for (const Json& line : lines)
    table.row({text(line, "case"), text(line, "backend"),
               line.contains("not available") ? text(line, "not available") : text(line, "transport"), number(line, "t1_ms"),
               number(line, "t2_ms"), number(line, "exchange_ms"), number(line, "efficiency"), number(line, "of_ideal"),
               number(line, "t1_tflops"), number(line, "t2_tflops_each"), number(line, "error", 2)});
  table.print(out);
}

}  // namespace

void print_tables(std::ostream& out, const Json& record) {
  if (record.contains("machine")) print_machine(out, record["machine"]);
  if (record.contains("limits")) print_limits(out, record["limits"]);
  if (record.contains("exchange")) print_exchanges(out, record["exchange"]);
  if (record.contains("latency")) print_latency(out, record["latency"]);
  if (record.contains("stages")) print_stages(out, record["stages"]);
  if (record.contains("sweep")) print_sweep(out, record);
  if (record.contains("block")) print_blocks(out, record["block"]);
  if (record.contains("transports"))
    for (const auto& [name, state] : record["transports"].items())
      if (state != "ready") out << name << ": " << state.get<std::string>() << '\n';
  if (record.contains("failed"))
    for (const Json& one : record["failed"])
      out << text(one, "transport") << " failed in " << text(one, "where") << ": " << text(one, "why") << '\n';
  if (record.contains("left_out")) out << "left out, because the time was up: " << record["left_out"].dump() << '\n';
}

}  // namespace fvattn::bench::dist
