#include "bench/ceiling.hpp"

#include "bench/rounds.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <dlfcn.h>

namespace fvattn::bench {
namespace {

constexpr int kOperationsPerClock = 4096;  // of one Hopper SM, dense 16-bit
constexpr int kClockRate = 13;             // CU_DEVICE_ATTRIBUTE_CLOCK_RATE, kHz

}  // namespace

double clock_bound(const Device& device) {
  if (device.c.type != FVATTN_CUDA) return 0;
  void* driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (driver == nullptr) return 0;
  const auto attribute = reinterpret_cast<int (*)(int*, int, int)>(dlsym(driver, "cuDeviceGetAttribute"));
  int kilohertz = 0;
  if (attribute == nullptr || attribute(&kilohertz, kClockRate, device.c.id) != 0) return 0;
  return 1e3 * kilohertz * device.c.sm_count * kOperationsPerClock / 1e12;
}

Ceiling measure_ceiling(const Device& device, at::Device place, at::ScalarType dtype) {
  const at::NoGradGuard no_grad;
  const int64_t n = place.is_cuda() ? (dtype == at::kDouble ? 4096 : 8192) : 1024;
  const at::TensorOptions options = at::TensorOptions(dtype).device(place);
  const at::Tensor a = at::randn({n, n}, options), b = at::randn({n, n}, options);
  at::Tensor c = at::empty({n, n}, options);
  const int64_t bytes = place.is_cuda() ? int64_t{1} << 30 : int64_t{64} << 20;
  const at::Tensor from = at::ones({bytes}, at::TensorOptions(at::kByte).device(place));
  at::Tensor to = at::empty_like(from);
  Patience patience;
  patience.seconds = 4;
  const std::vector<Sample> samples =
      take_turns({[&] { at::matmul_out(c, a, b); }, [&] { to.copy_(from); }}, place, patience);
  const double cubed = static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n);
  return {2 * cubed / samples[0].least / 1e9, 2.0 * static_cast<double>(bytes) / samples[1].least / 1e6,
          clock_bound(device)};
}

}  // namespace fvattn::bench
