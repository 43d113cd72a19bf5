#include "checks.hpp"

#include "device_memory.hpp"
#include "exchange_case.hpp"

#include <csignal>
#include <thread>

namespace fvattn::test {
namespace {

constexpr int kRepeats = 100;

// A case with its tensors on a GPU.
class Tensors {
 public:
  Tensors(const ExchangeCase& of, const Communicator& self, int device, const Stream& stream)
      : case_(of), rank_(self.rank()), stream_(stream.value) {
    std::vector<std::byte*> from, to;
    for (const auto& bytes : case_.sources(rank_, 0)) from.push_back(sources_.emplace_back(bytes).get());
    for (const auto& bytes : case_.poison(rank_)) to.push_back(targets_.emplace_back(bytes).get());
    exchange = case_.of(rank_, from, to);
    exchange.device = device;
    exchange.stream = stream_;
  }
  void fill(unsigned content) {
    const auto sources = case_.sources(rank_, content), poison = case_.poison(rank_);
    for (size_t i = 0; i < sources.size(); ++i) {
      sources_[i].write(sources[i], stream_);
      targets_[i].write(poison[i], stream_);
    }
    cuda(cudaStreamSynchronize(stream_));  // the host's memory goes
  }
  bool is_right(unsigned content) const {
    const auto expected = case_.expected(rank_, content);
    for (size_t i = 0; i < expected.size(); ++i)
      if (targets_[i].read(stream_) != expected[i]) return false;
    return true;
  }
  Exchange exchange;

 private:
  const ExchangeCase& case_;
  const int rank_;
  const cudaStream_t stream_;
  std::vector<DeviceMemory> sources_, targets_;
};

// q there and back into itself.
struct RoundTrip {
  RoundTrip(const Communicator& self, int device, const Stream& s)
      : stream(s.value),
        bytes(static_cast<size_t>(rows_of(self) * kHeads * kHeadBytes), std::byte{0x5a}),
        q(bytes),
        whole(std::vector<std::byte>(static_cast<size_t>(kRows * split(self).size * kHeadBytes))) {
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 2'654'435'761u >> 11);
    const Ranges sequence = split_evenly(kRows, self.size()), heads = split_evenly(kHeads, self.size());
    const int64_t all = kHeads * kHeadBytes, few = split(self).size * kHeadBytes;
    const Layout mine{q.get(), 1, rows_of(self), kHeads, kHeadBytes, all, rows_of(self) * all},
        wide{whole.get(), 1, kRows, split(self).size, kHeadBytes, few, kRows * few};
    there = {"scatter_heads", {{"q", Pattern::scatter_heads, sequence, heads, mine, wide}}, nullptr, device, stream};
    back = {"gather_heads", {{"o", Pattern::gather_heads, sequence, heads, wide, mine}}, nullptr, device, stream};
    q.write(bytes, stream);
    cuda(cudaStreamSynchronize(stream));
  }
  Status run(Communicator& self) const {
    Status status = self.exchange(there);
    return status.ok() ? self.exchange(back) : status;
  }
  bool is_unchanged() const { return q.read(stream) == bytes; }

  static constexpr int64_t kRows = 1001, kHeads = 11, kHeadBytes = 256;
  static Range split(const Communicator& self) {
    return split_evenly(kHeads, self.size())[static_cast<size_t>(self.rank())];
  }
  static int64_t rows_of(const Communicator& self) {
    return split_evenly(kRows, self.size())[static_cast<size_t>(self.rank())].size;
  }
  const cudaStream_t stream;
  std::vector<std::byte> bytes;
  DeviceMemory q, whole;
  Exchange there, back;
};

bool is_last(const Communicator& self) { return self.rank() == self.size() - 1; }

// After the last rank has stopped to come.
std::string error_in_time(Communicator& self, const RoundTrip& trip) {
  constexpr std::chrono::seconds kMost{8};  // the transports of these checks wait 3 seconds
  const auto begin = std::chrono::steady_clock::now();
  Status status = self.exchange(trip.there);
  cudaStreamSynchronize(trip.stream);
  if (status.ok()) status = self.barrier();
  if (status.ok()) return "the lost rank was not noticed";
  if (std::chrono::steady_clock::now() - begin > kMost) return "the lost rank was noticed late: " + status.text();
  return {};
}

}  // namespace

std::string check_geometries(Communicator& self, int device) {
  const Stream stream(device);
  for (unsigned seed = 1; seed <= 40; ++seed) {
    const ExchangeCase random(self.size(), seed);
    Tensors tensors(random, self, device, stream);
    tensors.fill(seed);
    if (const Status status = self.exchange(tensors.exchange); !status.ok()) return status.text();
    if (!tensors.is_right(seed)) return "wrong bytes, exchange of seed " + std::to_string(seed);
  }
  return {};
}

std::string check_repeats(Communicator& self, int device) {
  const Stream stream(device);
  const ExchangeCase one(self.size(), 101), two(self.size(), 102);
  Tensors first(one, self, device, stream), second(two, self, device, stream);
  for (unsigned i = 0; i < kRepeats; ++i) {
    Tensors& tensors = i % 3 == 0 ? first : second;
    tensors.fill(1000 + i);
    if (const Status status = self.exchange(tensors.exchange); !status.ok()) return status.text();
    if (!tensors.is_right(1000 + i)) return "wrong bytes, repeat " + std::to_string(i);
  }
  return {};
}

std::string check_queued(Communicator& self, int device) {
  const Stream stream(device);
  const RoundTrip trip(self, device, stream);
  for (int i = 0; i < kRepeats; ++i)
    if (const Status status = trip.run(self); !status.ok()) return status.text();
  return trip.is_unchanged() ? "" : "wrong bytes";
}

std::string check_replays(Communicator& self, int device) {
  const Stream stream(device);
  const RoundTrip trip(self, device, stream);
  if (const Status status = trip.run(self); !status.ok()) return status.text();
  cuda(cudaStreamSynchronize(stream.value));
  if (const Status status = self.barrier(); !status.ok()) return status.text();
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
  cuda(cudaStreamBeginCapture(stream.value, cudaStreamCaptureModeThreadLocal));
  const Status status = trip.run(self);
  const cudaError_t end = cudaStreamEndCapture(stream.value, &graph);
  if (!status.ok()) return status.text();
  cuda(end);
  cuda(cudaGraphInstantiate(&exec, graph, 0));
  for (int i = 0; i < kRepeats; ++i) cuda(cudaGraphLaunch(exec, stream.value));
  const bool unchanged = trip.is_unchanged();
  cudaGraphExecDestroy(exec);
  cudaGraphDestroy(graph);
  return unchanged ? "" : "wrong bytes";
}

std::string check_lost(Communicator& self, int device) {
  const Stream stream(device);
  const RoundTrip trip(self, device, stream);
  if (const Status status = trip.run(self); !status.ok()) return status.text();
  cuda(cudaStreamSynchronize(stream.value));
  if (!is_last(self)) return error_in_time(self, trip);
  std::this_thread::sleep_for(std::chrono::seconds(6));
  return self.barrier().ok() ? "the others' error did not come to this rank" : "";
}

std::string check_killed(Communicator& self, int device) {
  const Stream stream(device);
  const RoundTrip trip(self, device, stream);
  if (const Status status = trip.run(self); !status.ok()) return status.text();
  cuda(cudaStreamSynchronize(stream.value));
  if (const Status status = self.barrier(); !status.ok()) return status.text();
  if (is_last(self)) raise(SIGKILL);
  return error_in_time(self, trip);
}

}  // namespace fvattn::test
