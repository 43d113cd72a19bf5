// The time of exchanges over one transport.
#pragma once

#include "bench/dist/exchange_case.hpp"
#include "bench/dist/spread.hpp"

#include <functional>

namespace fvattn::bench::dist {

struct ExchangeTimes {
  Spread ms;       // of one exchange: each run's is the slowest rank's
  Spread host_ms;  // until exchange() returned, likewise
  double remote_bytes = 0;  // what the busiest rank receives from others in one exchange
  double copies = 0;        // passes over tensors beside the exchange, in one
  double waits_ms = 0;      // time that the host waited for other ranks, in one
  bool right = false;       // every element arrived where it has to

  /// Remote bytes of one rank and one direction, by the median.
  double gbps() const { return ms.median > 0 ? remote_bytes / ms.median / 1e6 : 0; }
};

/// How often: at least `least` and at most `most` times, else as often as `seconds` allow. The same on all ranks.
struct Repetitions {
  int least = 10, most = 100;
  double seconds = 1;
};

/// Something that moves tensors: `prepare` gives what moves those of a case once, again and again; only the latest may be
/// where the mover wants them (`borrows`). `stats` may be empty.
struct Mover {
  std::string name;
  std::function<Result<std::function<Status()>>(CaseTensors&, bool borrows)> prepare;
  std::function<CommunicatorStats()> stats;
};

/// Ranks start each run together: a barrier on the host, an exchange of one token in the order of the stream, and a pause of
/// the GPU, during which the host gets ahead. Collective; an error is one on all ranks. Memory that is not there is
/// RESOURCE_EXHAUSTED.
Result<ExchangeTimes> measure_moves(const Member& member, const Mover& mover, const ExchangeCase& what,
                                    const Repetitions& repetitions);
/// The same over a transport.
Result<ExchangeTimes> measure_exchange(const Member& member, Communicator& transport, const ExchangeCase& what,
                                       const Repetitions& repetitions);

/// How often something that took `ms` once is repeated, as rank 0 says.
int runs_of(const Member& member, double ms, const Repetitions& repetitions);

}  // namespace fvattn::bench::dist
