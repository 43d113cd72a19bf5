// The steps of fvattn bench dist on one rank, one after the other.
#pragma once

#include "bench/dist/machine.hpp"
#include "bench/dist/measure_exchange.hpp"
#include "bench/dist/options.hpp"
#include "bench/dist/record.hpp"

#include <chrono>
#include <map>

namespace fvattn::bench::dist {

class Run {
 public:
  Run(const Options& options, const Member& member, Record& record);

  /// All of it. FAILED_PRECONDITION if a figure is above what can be; UNAVAILABLE if the GPUs cannot reach each other.
  Status all();

 private:
  struct Transport {
    std::string name;
    std::shared_ptr<Communicator> communicator;
  };

  /// UNAVAILABLE if there is none.
  Status open_transports();
  void limits();
  void exchanges();
  void reference();
  void latency();
  void sweep();
  void blocks();
  void stages();

  host::Json exchange_line(const ExchangeCase& what, const std::string& transport, const ExchangeTimes& times) const;
  /// To people who wait.
  void say(const std::string& text) const;
  /// The transport cannot be used any more, if it is at fault: then the run fails in the end.
  void drop(const std::string& name, const std::string& where, const Status& status);
  /// True once the time is up, the same on all ranks; says so in the record, once.
  bool is_late(const std::string& what);
  Repetitions repetitions(double share, size_t things, int least, int most) const;
  /// Notes a figure that cannot be true.
  void check(const std::string& what, double value, double limit, const std::string& why, const char* unit);
  void check_link(const std::string& what, double gbps);

  const Options& options_;
  const Member& member_;
  Record& record_;
  Bounds bounds_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::vector<Transport> transports_;
  std::vector<std::string> impossible_;
  Status failed_;  // of a transport
  bool late_ = false;
  double link_ms_of_byte_ = 0, copy_ms_of_byte_ = 0;  // of limits(); 0: not measured
};

}  // namespace fvattn::bench::dist
