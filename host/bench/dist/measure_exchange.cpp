#include "bench/dist/measure_exchange.hpp"

#include "bench/dist/link.hpp"
#include "bench/dist/stopwatch.hpp"

#include <c10/util/Exception.h>

#include <algorithm>
#include <optional>

namespace fvattn::bench::dist {
namespace {

constexpr int kWarmUps = 3;
constexpr double kOverheadMs = 0.5;  // of the barrier and the like around each run
constexpr double kHoldUs = 150;      // longer than the host needs for any exchange that does not wait

/// One rank's tensors; the reason if they do not fit, the same on all ranks.
Result<std::unique_ptr<CaseTensors>> allocate(const Member& member, const ExchangeCase& what) {
  std::unique_ptr<CaseTensors> made;
  Status status;
  try {
    made = std::make_unique<CaseTensors>(what, member);
  } catch (const c10::Error& error) {
    status = Status::error(Code::resource_exhausted, "the tensors of " + what.name + " cannot be made",
                           error.what_without_backtrace());
  }
  if (status = member.all_well(status); !status.ok()) return status;
  return made;
}

}  // namespace

int runs_of(const Member& member, double ms, const Repetitions& repetitions) {
  const double runs = 1e3 * repetitions.seconds / (ms + kOverheadMs);
  return static_cast<int>(member.from_root(std::clamp(runs, double(repetitions.least), double(repetitions.most))));
}

Result<ExchangeTimes> measure_exchange(const Member& member, Communicator& transport, const ExchangeCase& what,
                                       const Repetitions& repetitions) {
  const auto prepare = [&transport](CaseTensors& tensors, bool borrows) -> Result<std::function<Status()>> {
    if (borrows)
      if (Status status = tensors.borrow(transport); !status.ok()) return status;
    return std::function<Status()>([&transport, exchange = tensors.exchange()] { return transport.exchange(exchange); });
  };
  return measure_moves(member, {transport.name(), prepare, [&transport] { return transport.stats(); }}, what, repetitions);
}

Result<ExchangeTimes> measure_moves(const Member& member, const Mover& mover, const ExchangeCase& what,
                                    const Repetitions& repetitions) {
  const auto tensors = allocate(member, what), token = allocate(member, empty_case(member.size()));
  if (!tensors) return tensors.status();
  if (!token) return token.status();
  const auto start_line = mover.prepare(**token, false);
  const auto move = start_line ? mover.prepare(**tensors, true) : start_line;
  if (Status status = member.all_well(move.status()); !status.ok()) return status;
  const auto stats = [&] { return mover.stats ? mover.stats() : CommunicatorStats{}; };
  Stopwatch watch(member.device());
  CommunicatorStats before, after;
  const auto run = [&]() -> Status {
    member.barrier();
    Status status = (*start_line)();
    before = stats();
    hold(member.device(), kHoldUs);
    watch.start();
    if (status.ok()) status = (*move)();
    watch.queued();
    watch.stop();
    after = stats();
    return status;
  };

  ExchangeTimes times;
  times.remote_bytes = what.remote_bytes(member.size());
  (*tensors)->poison();
  Status status = run();
  times.right = status.ok() && (*tensors)->is_right();
  if (status.ok() && !times.right)
    status = Status::error(Code::internal,
                           mover.name + " moved bytes of " + what.name + " to where they do not belong");
  if (status = member.all_well(status); !status.ok()) return status;
  for (int i = 1; i < kWarmUps && status.ok(); ++i) status = run();
  if (status = member.all_well(status); !status.ok()) return status;

  const int runs = runs_of(member, watch.ms(), repetitions);
  std::vector<double> ms, host_ms, waits_ms;
  for (int i = 0; i < runs && status.ok(); ++i) {
    status = run();
    ms.push_back(watch.ms());
    host_ms.push_back(watch.host_ms());
    waits_ms.push_back(static_cast<double>(after.waits_us - before.waits_us) / 1e3);
  }
  if (status = member.all_well(status); !status.ok()) return status;
  times.ms = spread_of(member.most_of_all(ms));
  times.host_ms = spread_of(member.most_of_all(host_ms));
  times.waits_ms = spread_of(member.most_of_all(waits_ms)).median;
  times.copies = member.most_of_all({static_cast<double>(after.copies - before.copies)}).front();
  return times;
}

}  // namespace fvattn::bench::dist
