#include "bench/result.hpp"

#include "common/table.hpp"

#include <fstream>
#include <sstream>

namespace fvattn::bench {
namespace {

using host::number_text;

std::string percent(double part, double whole) { return whole > 0 ? number_text(100 * part / whole, 3) + " %" : "-"; }
std::string optional_text(const std::optional<double>& value, int digits) {
  return value ? number_text(*value, digits) : "-";
}
host::Json optional_json(const std::optional<double>& value) { return value ? host::to_json(Value(*value)) : host::Json(); }

}  // namespace

Status check_plausible(const Line& line) {
  if (line.ceiling.clock_tflops <= 0 || line.tflops() <= line.ceiling.clock_tflops) return {};
  return Status::error(
      Code::failed_precondition,
      line.backend + " on " + line.workload + ": the figure is above clock x SMs x 4096 and cannot be true",
      number_text(line.tflops()) + " TFLOP/s in " + number_text(line.sample.ms) + " ms",
      "at most " + number_text(line.ceiling.clock_tflops) + " TFLOP/s",
      "is the work done at all, and does the backend count its pairs right? See fvattn verify " + line.backend);
}

std::string line_text(const Line& line, const std::string& peer) {
  std::string text = line.backend + (line.backward ? " backward" : "") + "  " + line.workload + "  " + line.shape + "  " +
                     line.dtype + " | " + number_text(line.sample.ms) + " ms [" + number_text(line.sample.least) + ", " +
                     number_text(line.sample.most) + "]";
  if (line.sample.cold_ms > 0) text += " cold " + number_text(line.sample.cold_ms);
  text += " | " + number_text(line.tflops()) + " TFLOP/s (" + percent(line.tflops(), line.ceiling.matmul_tflops) + ") | " +
          number_text(line.gbps(), 3) + " GB/s (" + percent(line.gbps(), line.ceiling.copy_gbps) + ") | " +
          optional_text(line.error, 3);
  if (line.pairs != line.exact_pairs)
    text += " | density " + percent(static_cast<double>(line.pairs), static_cast<double>(line.exact_pairs));
  if (line.of_peer) text += " | " + number_text(*line.of_peer, 3) + "x " + peer;
  if (line.of_base) text += " | " + number_text(*line.of_base, 3) + "x base";
  if (!line.sample.steady) text += " | not steady";
  return text;
}

std::string csv_heading() {
  return "workload,shape,dtype,backend,plugin_version,direction,ms,least_ms,most_ms,cold_ms,rounds,calls,steady,pairs,"
         "tflops,percent_of_matmul,gbps,percent_of_copy,error,of_peer,of_base";
}

std::string csv_text(const Line& line) {
  std::ostringstream out;
  out << '"' << line.workload << "\",\"" << line.shape << "\"," << line.dtype << ',' << line.backend << ','
      << line.plugin_version << ',' << (line.backward ? "backward" : "forward") << ',' << line.sample.ms << ','
      << line.sample.least << ',' << line.sample.most << ',' << line.sample.cold_ms << ',' << line.sample.rounds << ','
      << line.sample.calls << ',' << line.sample.steady << ',' << line.pairs << ',' << line.tflops() << ','
      << 100 * line.tflops() / line.ceiling.matmul_tflops << ',' << line.gbps() << ','
      << 100 * line.gbps() / line.ceiling.copy_gbps;
  for (const std::optional<double>& value : {line.error, line.of_peer, line.of_base})
    out << ',' << (value ? std::to_string(*value) : "");
  return out.str();
}

host::Json line_json(const Line& line) {
  return {{"key", line.key()},
          {"workload", line.workload},
          {"shape", line.shape},
          {"dtype", line.dtype},
          {"backend", line.backend},
          {"plugin", line.plugin},
          {"plugin_version", line.plugin_version},
          {"direction", line.backward ? "backward" : "forward"},
          {"ms", line.sample.ms},
          {"least_ms", line.sample.least},
          {"most_ms", line.sample.most},
          {"cold_ms", line.sample.cold_ms},
          {"rounds", line.sample.rounds},
          {"calls", line.sample.calls},
          {"steady", line.sample.steady},
          {"pairs", line.pairs},
          {"exact_pairs", line.exact_pairs},
          {"tflops", line.tflops()},
          {"percent_of_matmul", 100 * line.tflops() / line.ceiling.matmul_tflops},
          {"gbps", line.gbps()},
          {"percent_of_copy", 100 * line.gbps() / line.ceiling.copy_gbps},
          {"error", optional_json(line.error)},
          {"of_peer", optional_json(line.of_peer)},
          {"of_base", optional_json(line.of_base)}};
}

Result<std::map<std::string, double>> read_base(const std::string& path) {
  std::ifstream file(path);
  if (!file) return Status::error(Code::failed_precondition, "the file of --compare cannot be read", path);
  std::ostringstream text;
  text << file.rdbuf();
  const Result<host::Json> json = host::parse_json(text.str(), path);
  if (!json) return json.status();
  const auto lines = json->find("lines");
  if (lines == json->end() || !lines->is_array())
    return Status::error(Code::failed_precondition, path + " holds no lines of fvattn bench", {}, {},
                         "write it with fvattn bench --json > FILE");
  std::map<std::string, double> times;
  for (const host::Json& line : *lines)
    if (line.is_object() && line.contains("key") && line.contains("ms") && line["key"].is_string() && line["ms"].is_number())
      times[line["key"].get<std::string>()] = line["ms"].get<double>();
  return times;
}

}  // namespace fvattn::bench
