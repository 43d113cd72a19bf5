#include "bench/dist/machine.hpp"

#include "bench/ceiling.hpp"
#include "bench/dist/link.hpp"

#include "common/table.hpp"

#include <fvattn/device.hpp>
#include <fvattn/distributed/nccl.hpp>

#include <cstdio>
#include <sstream>

namespace fvattn::bench::dist {
namespace {

using host::Json;

std::string output_of(const char* command) {
  std::string text;
  FILE* pipe = popen(command, "r");
  if (pipe == nullptr) return text;
  char part[4096];
  for (size_t got = fread(part, 1, sizeof part, pipe); got > 0; got = fread(part, 1, sizeof part, pipe))
    text.append(part, got);
  return pclose(pipe) == 0 ? text : std::string();
}

Json nccl_json() {
  const auto versions = nccl_versions();
  if (!versions) return {{"not available", versions.status().text()}};
  return {{"header", versions->header}, {"library", versions->library}};
}

// NVLink 2 to 4 carry 25 GB/s a link and direction, NVLink 5 50.
double gbps_of_link(const Device& device) {
  constexpr int kNvLink5 = 10;  // major compute capability
  return device.c.cc_major >= kNvLink5 ? 50 : 25;
}

Bounds bounds_of(const Member& member, const std::vector<int>& devices, const std::string& topology) {
  Bounds bounds;
  if (!member.on_gpu()) return bounds;
  const auto device = cuda_device(member.device().index());
  if (!device) return bounds;
  constexpr int kHopper = 9;
  constexpr double kHopperPeak = 989;  // NVIDIA's figure for SXM boards, without sparsity
  if ((*device)->c.cc_major == kHopper) {
    bounds.peak_tflops = kHopperPeak;
    bounds.peak_why = "dense bf16 of " + (*device)->name;
  } else {
    bounds.peak_tflops = clock_bound(**device);
    bounds.peak_why = "clock x SMs x 4096";
  }
  if (devices.size() > 1 && devices[0] != devices[1]) {
    const int links = links_between(topology, devices[0], devices[1]);
    bounds.link_gbps = links * gbps_of_link(**device);
    bounds.link_why =
        links > 0 ? std::to_string(links) + " NVLinks of " + host::number_text(gbps_of_link(**device)) + " GB/s"
                  : "nvidia-smi topo -m names no NVLink between the GPUs";
  } else {
    bounds.link_why = "ranks share a GPU: there is no link";
  }
  return bounds;
}

// By row "can GPU i reach GPU j"; empty if nobody can say.
Json peer_access(const std::vector<int>& devices, Status& reachable) {
  Json rows = Json::array();
  for (const int from : devices) {
    Json row = Json::array();
    for (const int to : devices) {
      const auto can = can_reach(from, to);
      if (!can) return {{"not available", can.status().text()}};
      row.push_back(*can);
      if (!*can && reachable.ok())
        reachable = Status::error(Code::unavailable, "GPU " + std::to_string(from) + " cannot reach the memory of GPU " +
                                                         std::to_string(to));
    }
    rows.push_back(row);
  }
  return rows;
}

}  // namespace

int links_between(const std::string& topology, int from, int to) {
  std::istringstream lines(topology);
  std::string line;
  std::vector<std::string> heads;
  while (std::getline(lines, line)) {
    // Terminals get the heading underlined.
    for (size_t at = line.find('\x1b'); at != std::string::npos; at = line.find('\x1b'))
      line.erase(at, line.find('m', at) == std::string::npos ? std::string::npos : line.find('m', at) - at + 1);
    std::istringstream words(line);
    std::vector<std::string> cells;
    for (std::string cell; words >> cell;) cells.push_back(cell);
    if (heads.empty()) {
      heads = cells;
      continue;
    }
    if (cells.empty() || cells[0] != "GPU" + std::to_string(from)) continue;
    for (size_t i = 0; i < heads.size() && i + 1 < cells.size(); ++i)
      if (heads[i] == "GPU" + std::to_string(to) && cells[i + 1].starts_with("NV"))
        return std::atoi(cells[i + 1].c_str() + 2);
  }
  return 0;
}

Machine describe_machine(const Member& member) {
  Machine machine;
  Json ranks = Json::array();
  std::vector<int> devices;
  std::string name = "cpu";
  if (member.on_gpu())
    if (const auto device = cuda_device(member.device().index()); device) name = (*device)->name;
  for (const std::string& text : member.texts(member.device().str() + " " + name)) {
    const size_t space = text.find(' ');
    ranks.push_back({{"device", text.substr(0, space)}, {"name", text.substr(space + 1)}});
    if (text.starts_with("cuda:")) devices.push_back(std::atoi(text.c_str() + 5));
  }
  machine.json = {{"ranks", ranks}, {"ranks are", member.is_thread() ? "threads" : "processes"}};
  std::string topology;
  if (member.on_gpu()) {
    if (member.is_root()) topology = output_of("nvidia-smi topo -m 2>/dev/null");
    topology = member.texts(topology).front();
    machine.json["driver"] = cuda_driver_version();
    const char* const ask = "nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null";
    machine.json["driver_version"] = member.texts(member.is_root() ? output_of(ask) : "").front();
    machine.json["topology"] = topology;
    machine.json["peer_access"] = peer_access(devices, machine.reachable);
    machine.json["nccl"] = nccl_json();
    machine.reachable = member.all_well(machine.reachable);
  }
  machine.bounds = bounds_of(member, devices, topology);
  return machine;
}

}  // namespace fvattn::bench::dist
