#include "store.hpp"

#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <atomic>
#include <cstdlib>
#include <mutex>

namespace fvattn::store {
namespace {

// Torchrun's own words for what it starts.
std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

c10::intrusive_ptr<::c10d::Store> connect(const Launch& launch, std::chrono::milliseconds limit) {
  ::c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(launch.port);
  options.isServer = launch.rank == 0 && variable("TORCHELASTIC_USE_AGENT_STORE") != "True";
  options.waitWorkers = false;  // the first agreement waits, and says for whom
  options.timeout = limit;
  return c10::make_intrusive<::c10d::TCPStore>(launch.address, options);
}

}  // namespace

Result<c10::intrusive_ptr<::c10d::Store>> store_of(const Launch& launch, std::chrono::milliseconds limit) {
  static std::mutex mutex;
  static auto* known = new c10::intrusive_ptr<::c10d::Store>;  // never closed: others may still ask when this rank ends
  if (launch.address.empty() || launch.port == 0)
    return Status::error(Code::invalid_argument, "these ranks have no address to meet at", to_string(launch.source), {},
                         "start them with fvattn launch or torchrun");
  const std::lock_guard lock(mutex);
  if (*known) return *known;
  try {
    *known = connect(launch, limit);
    return *known;
  } catch (const std::exception& error) {
    const std::string text = error.what();
    return Status::error(Code::unavailable,
                         "rank " + std::to_string(launch.rank) + " cannot meet the others at " + launch.address + ":" +
                             std::to_string(launch.port),
                         text.substr(0, text.find('\n')), {}, "is rank 0 alive, and is the port free?");
  }
}

std::string next_prefix() {
  static std::atomic<int> count = 0;
  return "fvattn/" + variable("TORCHELASTIC_RUN_ID") + "/" + variable("TORCHELASTIC_RESTART_COUNT") + "/" +
         std::to_string(count++) + "/";
}

}  // namespace fvattn::store
