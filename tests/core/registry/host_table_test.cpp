#include "core/support/contains.hpp"
#include "core/support/log_capture.hpp"

#include <fvattn/registry.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

using namespace fvattn;
using namespace fvattn::test;

namespace {

struct Ranges {
  std::vector<std::atomic<int>> seen;
  std::atomic<int64_t> longest{0};
  explicit Ranges(int64_t n) : seen(static_cast<size_t>(n)) {}

  static void visit(void* arg, int64_t lo, int64_t hi) {
    auto& self = *static_cast<Ranges*>(arg);
    for (int64_t i = lo; i < hi; ++i) ++self.seen[static_cast<size_t>(i)];
    int64_t longest = self.longest;
    while (hi - lo > longest && !self.longest.compare_exchange_weak(longest, hi - lo)) {
    }
  }
  bool each_once() const {
    return std::all_of(seen.begin(), seen.end(), [](const auto& count) { return count == 1; });
  }
};

struct ErrorText {
  char text[256] = {};
  fvattn_error error{sizeof(fvattn_error), 0, 0, 0, 0, 0, text, sizeof(text)};
};

// Providers stay until the end of the process: the last test sets none again.
struct Providers {
  explicit Providers(const HostProviders& providers) { set_host_providers(providers); }
  ~Providers() { set_host_providers({}); }
};

}  // namespace

TEST_CASE("the table is complete and of this version") {
  const fvattn_host* host = host_table();
  CHECK(host == host_table());
  CHECK(host->size == sizeof(fvattn_host));
  CHECK(host->abi_major == FVATTN_ABI_MAJOR);
  CHECK(host->abi_minor == FVATTN_ABI_MINOR);
  CHECK(host->get_extension(host->ctx, {"nothing", 7}, 1) == nullptr);
  host->range_push(host->ctx, {"range", 5});
  host->range_pop(host->ctx);
  host->record_stream(host->ctx, 0, {nullptr, 0}, nullptr);
}

TEST_CASE("parallel_for visits every index once") {
  const fvattn_host* host = host_table();
  for (const auto& [n, grain] : std::vector<std::pair<int64_t, int64_t>>{
           {0, 1}, {-5, 1}, {1, 0}, {1, 100}, {7, 3}, {1000, 1}, {100003, 10}, {64, 64}, {65, 64}}) {
    CAPTURE(n);
    CAPTURE(grain);
    Ranges ranges(std::max<int64_t>(n, 0));
    host->parallel_for(host->ctx, n, grain, &Ranges::visit, &ranges);
    CHECK(ranges.each_once());
  }
}

TEST_CASE("parallel_for keeps small work in one piece and uses other threads for large") {
  const fvattn_host* host = host_table();
  Ranges whole(10);
  host->parallel_for(host->ctx, 10, 10, &Ranges::visit, &whole);
  CHECK(whole.longest == 10);
  if (std::thread::hardware_concurrency() < 2) return;
  std::atomic<bool> other{false};
  struct Argument {
    std::thread::id caller;
    std::atomic<bool>& other;
  } argument{std::this_thread::get_id(), other};
  // Every piece waits until a second thread has come: proves that there is one.
  host->parallel_for(
      host->ctx, 8, 1,
      [](void* arg, int64_t, int64_t) {
        auto& a = *static_cast<Argument*>(arg);
        if (std::this_thread::get_id() != a.caller) a.other = true;
        for (int i = 0; i < 5000 && !a.other; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      },
      &argument);
  CHECK(other);
}

TEST_CASE("parallel_for within itself and from several threads") {
  const fvattn_host* host = host_table();
  std::atomic<int64_t> sum{0};
  const auto inner = [](void* arg, int64_t lo, int64_t hi) { *static_cast<std::atomic<int64_t>*>(arg) += hi - lo; };
  struct Argument {
    std::atomic<int64_t>& sum;
    void (*inner)(void*, int64_t, int64_t);
  } argument{sum, inner};
  const auto outer = [](void* arg, int64_t lo, int64_t hi) {
    auto& a = *static_cast<Argument*>(arg);
    for (int64_t i = lo; i < hi; ++i) host_table()->parallel_for(nullptr, 100, 1, a.inner, &a.sum);
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { host->parallel_for(host->ctx, 50, 1, outer, &argument); });
  for (std::thread& thread : threads) thread.join();
  CHECK(sum == 4 * 50 * 100);
}

TEST_CASE("host memory: alignment, size, and refusals") {
  const fvattn_host* host = host_table();
  for (const uint64_t align : {0, 1, 16, 256, 4096}) {
    for (const uint64_t bytes : {0, 1, 63, 1000003}) {
      fvattn_buf buffer{};
      ErrorText error;
      REQUIRE(host->device_alloc(host->ctx, -1, nullptr, bytes, align, &buffer, &error.error) == FVATTN_OK);
      REQUIRE(buffer.p != nullptr);
      CHECK(buffer.bytes == bytes);
      CHECK(reinterpret_cast<uintptr_t>(buffer.p) % std::max<uint64_t>(align, 64) == 0);
      std::memset(buffer.p, 0xff, bytes);
      host->device_free(host->ctx, -1, nullptr, buffer);
    }
  }
  fvattn_buf buffer{};
  ErrorText error;
  CHECK(host->device_alloc(host->ctx, -1, nullptr, 8, 48, &buffer, &error.error) == FVATTN_INVALID_ARGUMENT);
  CHECK_CONTAINS(error.text, "power of two; got 48");
  CHECK(host->device_alloc(host->ctx, -1, nullptr, ~uint64_t{0}, 64, &buffer, &error.error) == FVATTN_RESOURCE_EXHAUSTED);
  CHECK((error.error.flags & FVATTN_ERROR_RETRYABLE) != 0);
  CHECK(host->device_alloc(host->ctx, -1, nullptr, ~uint64_t{0}, 64, &buffer, nullptr) == FVATTN_RESOURCE_EXHAUSTED);
  CHECK(host->device_alloc(host->ctx, 0, nullptr, 8, 64, &buffer, &error.error) == FVATTN_FAILED_PRECONDITION);
  CHECK_CONTAINS(error.text, "libfvattn_torch");
  CHECK(buffer.p == nullptr);
}

TEST_CASE("an error struct of an older producer is filled as far as it reaches") {
  const fvattn_host* host = host_table();
  fvattn_buf buffer{};
  char text[8];
  std::memset(text, 'x', sizeof(text));
  fvattn_error small{offsetof(fvattn_error, flags), 0, 0, 0, 77, 77, text, sizeof(text)};
  CHECK(host->device_alloc(host->ctx, -1, nullptr, 8, 48, &buffer, &small) == FVATTN_INVALID_ARGUMENT);
  CHECK(small.code == FVATTN_INVALID_ARGUMENT);
  CHECK(small.flags == 77);
  CHECK(text[0] == 'x');
  fvattn_error short_text{sizeof(fvattn_error), 0, 0, 0, 0, 0, text, sizeof(text)};
  host->device_alloc(host->ctx, -1, nullptr, 8, 48, &buffer, &short_text);
  CHECK(std::string(text) == "device_");
  CHECK(short_text.msg_len == 7);
}

TEST_CASE("providers can come later") {
  static int calls;
  calls = 0;
  HostProviders providers;
  providers.device_alloc = [](int32_t dev, void*, uint64_t bytes, uint64_t, fvattn_buf* out, fvattn_error*) {
    ++calls;
    *out = {reinterpret_cast<void*>(static_cast<uintptr_t>(0x1000 + dev)), bytes};
    return fvattn_status{FVATTN_OK};
  };
  providers.device_free = [](int32_t, void*, fvattn_buf) { ++calls; };
  providers.parallel_for = [](int64_t n, int64_t, void (*fn)(void*, int64_t, int64_t), void* arg) {
    ++calls;
    fn(arg, 0, n);
  };
  providers.record_stream = [](int32_t, fvattn_buf, void*) { ++calls; };
  const Providers guard(providers);
  const fvattn_host* host = host_table();
  fvattn_buf buffer{};
  CHECK(host->device_alloc(host->ctx, 3, nullptr, 10, 64, &buffer, nullptr) == FVATTN_OK);
  CHECK(buffer.p == reinterpret_cast<void*>(0x1003));
  host->device_free(host->ctx, 3, nullptr, buffer);
  host->record_stream(host->ctx, 3, buffer, nullptr);
  Ranges ranges(100);
  host->parallel_for(host->ctx, 100, 1, &Ranges::visit, &ranges);
  CHECK(ranges.longest == 100);
  CHECK(calls == 4);
  // Host memory stays our own, so that it can be freed whoever came in between.
  CHECK(host->device_alloc(host->ctx, -1, nullptr, 10, 64, &buffer, nullptr) == FVATTN_OK);
  host->device_free(host->ctx, -1, nullptr, buffer);
  CHECK(calls == 4);
}

TEST_CASE("the log of a plugin lands in ours, without escape sequences") {
  LogCapture log("debug");
  const fvattn_host* host = host_table();
  const std::string message = "hello \x1b[2J";
  host->log(host->ctx, FVATTN_LOG_WARN, {message.data(), message.size()});
  host->log(host->ctx, 99, {"loud", 4});
  host->log(host->ctx, -99, {"quiet", 5});
  host->log(host->ctx, FVATTN_LOG_WARN, {nullptr, 0});
  CHECK_CONTAINS(log.text(), "[warning] ");
  CHECK_CONTAINS(log.text(), "hello ?[2J");
  CHECK_CONTAINS(log.text(), "loud");
  CHECK_LACKS(log.text(), "quiet");
}
