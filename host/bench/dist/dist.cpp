#include "bench/dist/dist.hpp"

#include "bench/dist/run.hpp"
#include "bench/dist/tables.hpp"

#include "common/verb.hpp"
#include "ranks/echo.hpp"
#include "ranks/rank_device.hpp"
#include "ranks/ranks.hpp"

#include <fvattn/torch/store_communicator.hpp>

#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <mutex>
#include <optional>
#include <thread>

namespace fvattn::bench::dist {
namespace {

Result<const Device*> device_of(const Options& options, const Launch& launch) {
  const std::string name = options.device != "auto" ? options.device : cuda_device_count() > 0 ? "cuda" : "cpu";
  return host::device_of_rank(name, launch);
}

Status run_member(const Options& options, const Member& member, Record& record) {
  Status status;
  try {
    return Run(options, member, record).all();
  } catch (const Error& error) {
    status = error.status();
  } catch (const c10::Error& error) {
    status = Status::error(Code::internal, error.what_without_backtrace());
  } catch (const std::exception& error) {
    status = Status::error(Code::internal, error.what());
  }
  member.control().abort(host::abort_reason(status));  // the others wait for this rank
  return status;
}

/// What is left to do once a rank's Run has ended; only rank 0 has anything to do.
using Finish = std::function<void(const Status&)>;

Status as_process(const Options& options, host::Ranks& ranks, Record& record, const Finish& finish) {
  if (ranks.alone())
    return Status::error(Code::invalid_argument, "one rank has nobody to exchange anything with", {}, {},
                         "fvattn launch -n 2 --device cuda -- fvattn bench dist, or fvattn bench dist --threads 2");
  const auto device = device_of(options, ranks.launch());
  if (!device) return device.status();
  host::use_device(host::torch_device(**device));
  const auto limits = communicator_options(Environment::capture());
  if (!limits) return limits.status();
  const Connect connect = [&launch = ranks.launch(), limits = *limits] {
    return launch.address.empty() ? open_cpu_communicator(launch, limits) : make_store_communicator(launch, limits);
  };
  auto control = connect();
  if (!control) return control.status();
  ranks.adopt(*control);
  const Member member(*control, connect, host::torch_device(**device), false);
  const Status status = run_member(options, member, record);
  if (ranks.is_root()) finish(status);
  // The launcher ends all ranks when one has failed: not before rank 0 has said what there is to say. If nobody aborted, all
  // ranks have the same status.
  if ((*control)->barrier().ok()) ranks.all_fail_alike();
  return status;
}

/// The k-th connection of each thread is with the k-th of the others.
class Meetings {
 public:
  explicit Meetings(int ranks) : counts_(static_cast<size_t>(ranks)) {}
  std::shared_ptr<Communicator> next(int rank, const CommunicatorOptions& options) {
    const std::lock_guard lock(mutex_);
    const auto r = static_cast<size_t>(rank), at = counts_[r]++;
    if (at == groups_.size()) groups_.push_back(make_thread_communicators(static_cast<int>(counts_.size()), options));
    return std::move(groups_[at][r]);  // the caller's alone: its end is the end of that rank
  }

 private:
  std::mutex mutex_;
  std::vector<size_t> counts_;
  std::vector<std::vector<std::shared_ptr<Communicator>>> groups_;
};

Status as_threads(const Options& options, Record& record, const Finish& finish) {
  // Else a rank's first launch of a kernel, or a queue that it shares, can wait for another rank's wait.
  setenv("CUDA_MODULE_LOADING", "EAGER", 0);
  setenv("CUDA_DEVICE_MAX_CONNECTIONS", "32", 0);
  const auto limits = communicator_options(Environment::capture());
  if (!limits) return limits.status();
  const auto first = device_of(options, Launch{});
  if (!first) return first.status();
  Meetings meetings(options.threads);
  std::vector<Status> ends(static_cast<size_t>(options.threads));
  std::vector<std::thread> threads;
  for (int r = 0; r < options.threads; ++r)
    threads.emplace_back([&, r] {
      at::Device device = host::torch_device(**first);
      if (device.is_cuda() && options.device.find(':') == std::string::npos)
        device = at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(r % cuda_device_count()));
      host::use_device(device);
      // Ranks on one GPU wait for each other: a stream they shared would stand still.
      std::optional<c10::StreamGuard> stream;
      if (device.is_cuda()) stream.emplace(c10::impl::VirtualGuardImpl(device.type()).getNewStream(device));
      auto control = meetings.next(r, *limits);
      const Connect connect = [&meetings, r, &limits]() -> Result<std::shared_ptr<Communicator>> {
        return meetings.next(r, *limits);
      };
      Record nothing({}, false);
      Status& end = ends[static_cast<size_t>(r)];
      const Member member(control, connect, device, true);
      end = run_member(options, member, r == 0 ? record : nothing);
    });
  for (std::thread& thread : threads) thread.join();
  // The one that failed by itself, not the ones that heard of it.
  const auto is_origin = [](const Status& end) { return !end.ok() && !host::origin_of(end); };
  const auto origin = std::find_if(ends.begin(), ends.end(), is_origin);
  const auto failed = std::find_if(ends.begin(), ends.end(), [](const Status& end) { return !end.ok(); });
  const Status status = origin != ends.end() ? *origin : failed != ends.end() ? *failed : Status();
  finish(status);
  return status;
}

}  // namespace

int run_dist(int argc, char** argv) {
  host::Verb verb("fvattn bench dist",
                  "Measures what connects the ranks: the link, exchanges over each transport, and attention blocks on one "
                  "and on all ranks. Figures above the link's or the chip's limit make it fail.",
                  "fvattn launch -n 2 --device cuda -- fvattn bench dist --json dist.json\n"
                  "  fvattn bench dist --threads 2 --transports peer --quick");
  Options options;
  verb.app().remove_option(verb.app().get_option("--json"));
  options.add_to(verb.app());
  host::Ranks ranks(verb);
  return verb.run(argc, argv, [&]() -> Status {
    if (Status status = options.check(); !status.ok()) return status;
    Record record(options.file, ranks.is_root());
    const Finish finish = [&](const Status& status) {
      if (!status.ok()) record.set("error", host::to_json(status));
      if (options.to_stdout) verb.print(record.json());
      else print_tables(std::cout, record.json()), std::cout.flush();
    };
    return options.threads > 0 ? as_threads(options, record, finish) : as_process(options, ranks, record, finish);
  });
}

}  // namespace fvattn::bench::dist
