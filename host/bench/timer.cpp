#include "bench/timer.hpp"

#include <ATen/ATen.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/cuda.h>

#include <chrono>

namespace fvattn::bench {

double Timer::time(const Work& work, int calls) const {
  if (!device_.is_cuda()) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < calls; ++i) work();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  }
  const c10::Stream stream = c10::impl::VirtualGuardImpl(device_.type()).getStream(device_);
  c10::Event begin(device_.type(), c10::EventFlag::BACKEND_DEFAULT), end(device_.type(), c10::EventFlag::BACKEND_DEFAULT);
  begin.record(stream);
  for (int i = 0; i < calls; ++i) work();
  end.record(stream);
  end.synchronize();
  return begin.elapsedTime(end);
}

double Timer::time_cold(const Work& work) const {
  constexpr int64_t kBytes = int64_t{256} << 20;  // more than any L2, or a socket's last level
  if (!flush_.defined()) flush_ = at::empty({kBytes}, at::TensorOptions(at::kByte).device(device_));
  flush_.fill_(1);
  return time(work, 1);
}

void Timer::wait() const {
  if (device_.is_cuda()) torch::cuda::synchronize(device_.index());
}

}  // namespace fvattn::bench
