#include "core/support/contains.hpp"

#include <fvattn/device.hpp>

using namespace fvattn;

TEST_CASE("the CPU is always there") {
  const Device& cpu = cpu_device();
  CHECK(cpu.c.type == FVATTN_CPU);
  CHECK(cpu.c.size == sizeof(fvattn_device));
  CHECK(cpu.c.mem_bytes > 0);
  CHECK(cpu.c.driver_version == 0);
  CHECK(*device_by_name("cpu") == &cpu);
}

TEST_CASE("names that are no device are refused with the accepted ones") {
  for (const char* name : {"", "gpu", "cuda:", "cuda:x", "cuda:1x", "cuda0", "CPU", " cpu", "cuda:99999999999999999999"}) {
    CAPTURE(name);
    const auto device = device_by_name(name);
    REQUIRE_FALSE(device.ok());
    CHECK(device.status().code == Code::invalid_argument);
    CHECK_CONTAINS(device.status().text(), "cpu, cuda, cuda:0");
  }
}

TEST_CASE("a CUDA device that is not there is unavailable with the reason") {
  const auto beyond = cuda_device(cuda_device_count());
  REQUIRE_FALSE(beyond.ok());
  CHECK(beyond.status().code == Code::unavailable);
  const auto negative = device_by_name("cuda:-1");
  REQUIRE_FALSE(negative.ok());
  CHECK(negative.status().code == Code::unavailable);
}

TEST_CASE("CUDA devices are described once") {
  if (cuda_device_count() == 0) {
    MESSAGE("no GPU on this machine: only the refusals were tested");
    return;
  }
  const auto device = cuda_device(0);
  REQUIRE(device.ok());
  CHECK((*device)->c.type == FVATTN_CUDA);
  CHECK((*device)->c.cc_major >= 5);
  CHECK((*device)->c.sm_count > 0);
  CHECK(*device == *cuda_device(0));
  CHECK(*device == *device_by_name("cuda"));
}
