#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
#include <fvattn/plugin.hpp>
#include <fvattn/testing.hpp>

#include <atomic>
#include <stdexcept>

using namespace fvattn::plugin;
using fvattn::testing::Host;

namespace {
struct WithHost {
  WithHost() { detail::host_pointer = Host::get().c(); }
} with_host;

fvattn_arg argument(const char* name, void* data) {
  fvattn_arg a{};
  a.name = str(name);
  a.t.data = data;
  a.t.device_type = FVATTN_CPU;
  return a;
}
} // namespace

TEST_CASE("tensors are found by name, on the right side") {
  int x[4];
  const fvattn_arg in[] = {argument("q", &x[0]), argument("saved:lse", &x[1])};
  const fvattn_arg out[] = {argument("o", &x[2])};
  fvattn_problem problem{};
  fvattn_call c{};
  c.in = in, c.n_in = 2, c.out = out, c.n_out = 1, c.problem = &problem;
  const Call call(c);
  CHECK(call.in("q").data == &x[0]);
  CHECK(call.out("o").data == &x[2]);
  CHECK(call.saved("lse").data == &x[1]);
  CHECK(call.find("o") == nullptr);
  CHECK(call.find_out("q") == nullptr);
  CHECK(call.find("saved") == nullptr);
  CHECK_THROWS_WITH(call.in("mask"), "the input mask did not come");
  CHECK_THROWS_WITH(call.saved("rows"), "the saved tensor rows did not come");
  CHECK(call.device() == -1);
}

TEST_CASE("one layout function measures and carves") {
  const auto layout = [](Workspace& w) {
    w.take<char>(3);
    double* d = w.take<double>(5);
    w.take<float>(0);
    float* f = w.take<float>(7, 512);
    return std::pair(d, f);
  };
  Workspace measure;
  CHECK(layout(measure) == std::pair<double*, float*>(nullptr, nullptr));
  alignas(512) char memory[2048];
  Workspace carve({memory, measure.bytes()});
  const auto [d, f] = layout(carve);
  CHECK(reinterpret_cast<char*>(d) == memory + 256);
  CHECK(reinterpret_cast<char*>(f) == memory + 512);
  CHECK(carve.bytes() == measure.bytes());
  Workspace small({memory, measure.bytes() - 1});
  CHECK_THROWS_AS(layout(small), Error);
}

TEST_CASE("parallel_for covers the range once and carries an exception out") {
  std::vector<std::atomic<int>> hits(1000);
  parallel_for(1000, 10, [&](int64_t lo, int64_t hi) {
    for (int64_t i = lo; i < hi; ++i) ++hits[static_cast<size_t>(i)];
  });
  for (const auto& hit : hits) REQUIRE(hit == 1);
  CHECK_THROWS_WITH(parallel_for(100, 1, [](int64_t lo, int64_t) { if (lo > 0) throw std::runtime_error("from a thread"); }),
                    "from a thread");
  parallel_for(0, 1, [](int64_t, int64_t) { FAIL("nothing to do"); });
}

TEST_CASE("device memory is freed once, and a refusal has the host's text") {
  Host& host = Host::get();
  const int64_t before = host.live;
  {
    DeviceBuffer a = device_alloc(-1, nullptr, 100), b;
    CHECK(reinterpret_cast<uintptr_t>(a.data()) % 256 == 0);
    CHECK(host.live == before + 1);
    b = std::move(a);
    CHECK(b.bytes() == 100);
    DeviceBuffer c(std::move(b));
    CHECK(host.live == before + 1);
    c.release(nullptr);
    CHECK(host.live == before);
  }
  CHECK(host.live == before);
  host.fail_at = 1;
  try {
    device_alloc(-1, nullptr, 1);
    FAIL("the host refused");
  } catch (const Error& e) {
    CHECK(e.status() == FVATTN_RESOURCE_EXHAUSTED);
    CHECK(e.flags() == FVATTN_ERROR_RETRYABLE);
    CHECK(e.text() == "the test's allocator refuses this one");
  }
}

TEST_CASE("log and ranges reach the host") {
  {
    const Range range("pass");
    CHECK(Host::get().ranges == 1);
    log(FVATTN_LOG_INFO, "tile %d", 5);
  }
  CHECK(Host::get().ranges == 0);
  CHECK(Host::get().log().back() == "tile 5");
}

TEST_CASE("rows address strided tensors") {
  float elements[64];
  int64_t shape[] = {2, 2, 2, 4}, strides[] = {32, 12, 4, 1};
  const fvattn_tensor t{elements, FVATTN_CPU, 0, 4, FVATTN_DTYPE_FLOAT, 32, 1, shape, strides, 8};
  CHECK(Rows<float>(t)(1, 1, 1) == elements + 2 + 32 + 12 + 4);
  CHECK_FALSE(is_contiguous(t));
  CHECK(numel(t) == 32);
}
