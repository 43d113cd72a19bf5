// fvattn bench: time of attention, and of the host's part of it.
#include "bench/bench_job.hpp"
#include "bench/dist/dist.hpp"
#include "bench/host_overhead.hpp"
#include "common/table.hpp"
#include "common/verb.hpp"

#include <c10/util/Exception.h>

#include <cstring>
#include <iostream>

namespace {

using namespace fvattn;
using namespace fvattn::bench;
using namespace fvattn::host;

Status print_presets(Verb& verb) {
  if (verb.json()) {
    Json all = Json::array();
    for (const Workload& workload : presets()) all.push_back({{"name", workload.name}, {"shape", workload.shape_text()}});
    verb.print(all);
    return {};
  }
  Table table({"preset", "shape"});
  for (const Workload& workload : presets()) table.row({workload.name, workload.shape_text()});
  table.print(std::cout);
  return {};
}

Status bench_host(const Options& options, Verb& verb) {
  const Result<const Device*> device = device_by_name(options.device);
  if (!device) return device.status();
  const bool cuda = (*device)->c.type == FVATTN_CUDA;
  const auto costs = measure_host(
      **device, cuda ? at::Device(at::kCUDA, static_cast<c10::DeviceIndex>((*device)->c.id)) : at::Device(at::kCPU));
  if (verb.json()) {
    Json lines = Json::array();
    for (const HostCost& cost : costs) lines.push_back({{"what", cost.what}, {"us", cost.us}});
    verb.print({{"device", (*device)->name}, {"host", lines}});
    return {};
  }
  Table table({"on the host", ">microseconds"});
  for (const HostCost& cost : costs) table.row({cost.what, number_text(cost.us, 3)});
  table.print(std::cout);
  return {};
}

Status bench_attention(const Options& options, Verb& verb) {
  const bool text = !verb.json() && !options.csv;
  if (options.csv && !verb.json()) std::cout << csv_heading() << '\n';
  const Result<Report> report = measure_all(options, [&](const Line& line) {
    if (text) std::cout << line_text(line, options.peer) << std::endl;
    else if (options.csv && !verb.json()) std::cout << csv_text(line) << std::endl;
  });
  if (!report) return report.status();
  if (verb.json()) {
    Json lines = Json::array();
    for (const Line& line : report->lines) lines.push_back(line_json(line));
    const Ceiling& ceiling = report->ceiling;
    verb.print({{"device", report->device},
                {"peer", options.peer},
                {"matmul_tflops", ceiling.matmul_tflops},
                {"copy_gbps", ceiling.copy_gbps},
                {"clock_tflops", ceiling.clock_tflops},
                {"lines", lines},
                {"refused", report->refused},
                {"warnings", report->warnings}});
    return {};
  }
  if (text)
    std::cout << report->device << ": matmul " << number_text(report->ceiling.matmul_tflops) << " TFLOP/s, copy "
              << number_text(report->ceiling.copy_gbps) << " GB/s in this run\n";
  for (const std::string& refused : report->refused) std::cerr << "not measured: " << refused << '\n';
  for (const std::string& warning : report->warnings) std::cerr << "fvattn bench: warning: " << warning << '\n';
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "dist") == 0) return dist::run_dist(argc - 1, argv + 1);
  Verb verb("fvattn bench",
            "Times backends in turns on the same tensors: ms, TFLOP/s of the pairs attended, share of the matmul measured "
            "in the same run, error.",
            "fvattn bench --device cuda --preset wan1.3b-480p,16k-d64\n  fvattn bench --axis seq=1024,4096 --axis "
            "dim=64,128 --backward\n"
            "  fvattn bench --json > base.json; fvattn bench --compare base.json\n  fvattn bench host");
  Options options;
  options.add_to(verb.app());
  return verb.run(argc, argv, [&]() -> Status {
    try {
      if (options.list) return print_presets(verb);
      return options.what == "host" ? bench_host(options, verb) : bench_attention(options, verb);
    } catch (const c10::OutOfMemoryError& error) {
      return Status::error(Code::resource_exhausted, error.what_without_backtrace());
    } catch (const c10::Error& error) {
      return Status::error(Code::internal, error.what_without_backtrace());
    }
  });
}
