// The reference's steps beside the exchanges.
#include "bench/dist/reference_steps.hpp"
#include "bench/dist/run.hpp"

#include <fvattn/distributed/bootstrap.hpp>

#include <c10/util/Exception.h>

#include <algorithm>

namespace fvattn::bench::dist {

void Run::reference() {
  constexpr double kShare = 0.04;
  const auto& names = options_.transports;
  if (!member_.on_gpu() || std::find(names.begin(), names.end(), "c10d") == names.end()) return;
  say("the reference's steps");
  const auto limits = communicator_options(Environment::capture());
  auto steps = limits ? ReferenceSteps::open(member_, *limits) : Result<std::unique_ptr<ReferenceSteps>>(limits.status());
  if (!steps) return record_.set("reference_steps", "not available: " + steps.status().text());
  const std::vector<ExchangeCase> cases{model_cases()[0], model_cases()[1]};
  const Repetitions each = repetitions(kShare, cases.size(), 10, 50);
  for (const ExchangeCase& what : cases) {
    if (is_late("the reference's steps for " + what.name)) continue;
    const auto prepare = [&steps](CaseTensors& tensors, bool) -> Result<std::function<Status()>> {
      return std::function<Status()>([&steps, &tensors]() -> Status {
        try {
          if (tensors.what().pattern == Pattern::scatter_heads) tensors.set_targets((*steps)->scatter(tensors.sources()));
          else tensors.set_targets({(*steps)->gather(tensors.sources().front())});
          return {};
        } catch (const c10::Error& error) {
          return Status::error(Code::unavailable, error.what_without_backtrace());
        }
      });
    };
    const auto times = measure_moves(member_, {"the reference's steps", prepare, {}}, what, each);
    if (!times) return drop("the reference's steps", "the exchange " + what.name, times.status());
    record_.add("exchange", exchange_line(what, "reference", *times));
  }
}

}  // namespace fvattn::bench::dist
