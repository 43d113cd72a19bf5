#include "bench/dist/options.hpp"

#include <algorithm>

namespace fvattn::bench::dist {
namespace {

const std::vector<std::string> kParts{"limits", "exchange", "latency", "sweep", "block"};
constexpr int kMostThreads = 16;

}  // namespace

void Options::add_to(CLI::App& app) {
  app.add_option_function<std::vector<std::string>>(
         "--json",
         [this](const std::vector<std::string>& values) {
           to_stdout = values.empty() || values[0].empty();
           if (!to_stdout) file = values[0];
         },
         "Write everything as one JSON document to FILE, after each step, so that a run that is cut keeps what it had; "
         "without FILE it is printed in place of text")
      ->type_name("[FILE]")
      ->expected(0, 1);
  app.add_option("--transports", transports, "Those that are measured: peer, ce, nccl, c10d, mpi, threads")
      ->delimiter(',')
      ->type_name("NAME,...")
      ->capture_default_str();
  app.add_option("--device", device,
                 "auto; cpu; cuda: the GPU of the rank's number on this machine; cuda:INDEX: all share one")
      ->type_name("D")
      ->capture_default_str();
  app.add_option("--threads", threads, "This many ranks as threads of this process, on one GPU or on as many as there are")
      ->type_name("P");
  app.add_option("--seconds", seconds, "About how long all of it may take: it decides how often things are repeated")
      ->type_name("S")
      ->capture_default_str();
  app.add_flag("--quick", quick, "Few sizes and few repetitions");
  app.add_option("--part", parts, "limits, exchange, latency, sweep or block; all by default")
      ->delimiter(',')
      ->type_name("NAME,...");
  app.add_option("--link-limit", link_gbps,
                 "GB/s for one direction that no figure may exceed; by the number of links otherwise")
      ->type_name("GBPS");
  app.add_option("--peak", peak_tflops, "TFLOP/s of one GPU that no figure may exceed; by the kind of GPU otherwise")
      ->type_name("TFLOPS");
}

Status Options::check() const {
  static const std::vector<std::string> names{"peer", "ce", "nccl", "c10d", "mpi", "threads"};
  const auto unknown = [](const std::vector<std::string>& given, const std::vector<std::string>& known) {
    const auto found = std::find_if(given.begin(), given.end(), [&](const std::string& name) {
      return std::find(known.begin(), known.end(), name) == known.end();
    });
    return found == given.end() ? std::string() : *found;
  };
  if (const std::string name = unknown(transports, names); !name.empty())
    return Status::error(Code::invalid_argument, "--transports names no transport", name,
                         "peer, ce, nccl, c10d, mpi, threads");
  if (const std::string name = unknown(parts, kParts); !name.empty())
    return Status::error(Code::invalid_argument, "--part names no part", name, "limits, exchange, latency, sweep, block");
  if (threads < 0 || threads > kMostThreads)
    return Status::error(Code::invalid_argument, "--threads is the number of ranks", std::to_string(threads),
                         "1 to " + std::to_string(kMostThreads));
  if (!(seconds > 0))
    return Status::error(Code::invalid_argument, "--seconds is a time", std::to_string(seconds), "more than 0");
  return {};
}

bool Options::has(const std::string& part) const {
  return parts.empty() || std::find(parts.begin(), parts.end(), part) != parts.end();
}

}  // namespace fvattn::bench::dist
