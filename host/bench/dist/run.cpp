#include "bench/dist/run.hpp"

#include "bench/dist/transports.hpp"

#include "common/table.hpp"

#include <algorithm>
#include <iostream>

namespace fvattn::bench::dist {

using host::Json;
using host::number_text;

Run::Run(const Options& options, const Member& member, Record& record)
    : options_(options), member_(member), record_(record) {}

Status Run::all() {
  Machine machine = describe_machine(member_);
  bounds_ = machine.bounds;
  if (options_.link_gbps > 0) bounds_.link_gbps = options_.link_gbps, bounds_.link_why = "--link-limit";
  if (options_.peak_tflops > 0) bounds_.peak_tflops = options_.peak_tflops, bounds_.peak_why = "--peak";
  machine.json["bounds"] = {{"link_gbps", bounds_.link_gbps},
                            {"link_why", bounds_.link_why},
                            {"peak_tflops", bounds_.peak_tflops},
                            {"peak_why", bounds_.peak_why}};
  record_.set("machine", machine.json);
  if (!machine.reachable.ok()) {
    record_.set("stopped", machine.reachable.text());
    return machine.reachable;
  }
  const Status opened = open_transports();
  if (options_.has("limits")) limits();
  if (opened.ok()) {
    if (options_.has("exchange")) exchanges(), reference();
    if (options_.has("latency")) latency();
    if (options_.has("exchange")) stages();
    if (options_.has("block")) blocks();
    if (options_.has("sweep")) sweep();
  }
  record_.set("seconds", std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count());
  if (!opened.ok()) return opened;
  if (!failed_.ok()) return failed_;
  if (impossible_.empty()) return record_.trouble();
  std::string all;
  for (const std::string& one : impossible_) all += (all.empty() ? "" : "; ") + one;
  record_.set("impossible", impossible_);
  return Status::error(Code::failed_precondition, "figures are above what can be", all, {},
                       "is all of the work done, and is the limit the one of this machine?");
}

Status Run::open_transports() {
  Json found = Json::object();
  std::string reasons;
  for (const std::string& name : options_.transports) {
    auto made = open_by_name(member_, name);
    if (made) transports_.push_back({name, *made});
    found[name] = made ? "ready" : "not available: " + made.status().text();
    reasons += (reasons.empty() ? "" : "; ") + name + ": " + made.status().text();
    say(name + ": " + found[name].get<std::string>());
  }
  record_.set("transports", found);
  if (!transports_.empty()) return {};
  return Status::error(Code::unavailable, "none of the transports connects these ranks", reasons);
}

void Run::say(const std::string& text) const {
  if (member_.is_root()) std::cerr << "fvattn bench dist: " << text << std::endl;
}

void Run::drop(const std::string& name, const std::string& where, const Status& status) {
  record_.add("failed", {{"transport", name}, {"where", where}, {"why", status.text()}});
  say(name + " failed in " + where + ": " + status.text());
  // A shape that does not fit in memory says nothing about the transport.
  if (status.code == Code::resource_exhausted) return;
  if (failed_.ok()) failed_ = Status::error(status.code, name + " failed in " + where, status.text());
  std::erase_if(transports_, [&](const Transport& t) { return t.name == name; });
}

bool Run::is_late(const std::string& what) {
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  if (!late_) late_ = member_.from_root(seconds) > options_.seconds;
  if (late_) record_.add("left_out", what);
  return late_;
}

Repetitions Run::repetitions(double share, size_t things, int least, int most) const {
  if (options_.quick) least = std::min(least, 3), most = std::min(most, 10);
  return {least, most, share * options_.seconds / static_cast<double>(std::max<size_t>(things, 1))};
}

void Run::check(const std::string& what, double value, double limit, const std::string& why, const char* unit) {
  if (limit <= 0 || value <= limit) return;
  impossible_.push_back(what + ": " + number_text(value) + " " + unit + " above " + number_text(limit) + " (" + why + ")");
}

void Run::check_link(const std::string& what, double gbps) {
  check(what, gbps, bounds_.link_gbps, bounds_.link_why, "GB/s");
}

}  // namespace fvattn::bench::dist
