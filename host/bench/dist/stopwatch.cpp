#include "bench/dist/stopwatch.hpp"

#include <c10/core/impl/VirtualGuardImpl.h>

namespace fvattn::bench::dist {
namespace {

c10::Stream current(at::Device device) { return c10::impl::VirtualGuardImpl(device.type()).getStream(device); }

}  // namespace

void Stopwatch::start() {
  if (device_.is_cuda()) {
    if (!begin_) {  // once: making them takes time
      begin_.emplace(device_.type(), c10::EventFlag::BACKEND_DEFAULT);
      end_.emplace(device_.type(), c10::EventFlag::BACKEND_DEFAULT);
      end_->record(current(device_));
    }
    begin_->record(current(device_));
  }
  start_ = Clock::now();
}

void Stopwatch::queued() { host_ms_ = std::chrono::duration<double, std::milli>(Clock::now() - start_).count(); }

void Stopwatch::stop() {
  if (!device_.is_cuda()) {
    ms_ = std::chrono::duration<double, std::milli>(Clock::now() - start_).count();
    return;
  }
  end_->record(current(device_));
  end_->synchronize();
  ms_ = begin_->elapsedTime(*end_);
}

}  // namespace fvattn::bench::dist
