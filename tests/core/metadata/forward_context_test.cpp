#include "core/support/contains.hpp"

#include <fvattn/forward_context.hpp>

#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

using namespace fvattn;

namespace {

/// As much of a backend as a context looks at: its address.
class FakeBackend : public AttentionBackend {
 public:
  const std::string& get_name() const override { return text_; }
  const std::string& qualified_name() const override { return text_; }
  const std::string& plugin_version() const override { return text_; }
  const std::string& plugin_path() const override { return text_; }
  const std::string& plugin_sha256() const override { return text_; }
  bool approximate() const override { return false; }
  bool has_backward() const override { return false; }
  bool has_describe() const override { return false; }
  const Schema& metadata_schema() const override { return schema_; }
  const Schema& option_schema() const override { return schema_; }
  const std::vector<TensorKey>& tensor_keys() const override { return tensors_; }
  Result<Support> query(const Device&, const Problem&, const KeyValues&) const override { return Support{}; }
  Result<std::unique_ptr<AttentionImpl>> make_impl(const Device&, const Problem&, std::string_view,
                                                   const KeyValues&) const override {
    return Status::error(Code::unimplemented, "a fake");
  }
  std::unique_ptr<AttentionMetadataBuilder> make_builder(const Device&) const override { return nullptr; }

 private:
  std::string text_ = "FAKE";
  Schema schema_;
  std::vector<TensorKey> tensors_;
};

class FakeMetadata : public AttentionMetadata {
 public:
  explicit FakeMetadata(const AttentionBackend& backend) : backend_(backend) {}
  const AttentionBackend& backend() const override { return backend_; }
  const KeyValues& values() const override { return values_; }
  fvattn_kvs packed() const override { return {}; }
  const void* handle() const override { return nullptr; }

 private:
  const AttentionBackend& backend_;
  KeyValues values_;
};

ForwardContext at_step(int64_t step) {
  ForwardContext context;
  context.step = step;
  return context;
}

int64_t step_now() {
  const auto context = find_forward_context();
  return context == nullptr ? -1 : context->step;
}

}  // namespace

TEST_CASE("without a context the reference's text is thrown") {
  REQUIRE(find_forward_context() == nullptr);
  CHECK_THROWS_WITH_AS(current_forward_context(),
                       doctest::Contains("Forward context is not set. Please use `set_forward_context`"), Error);
}

TEST_CASE("scopes nest and restore") {
  const ForwardContextScope outer(at_step(1));
  CHECK(step_now() == 1);
  {
    const ForwardContextScope inner(at_step(2));
    CHECK(step_now() == 2);
    { const ForwardContextScope innermost(at_step(3)); CHECK(step_now() == 3); }
    CHECK(step_now() == 2);
  }
  CHECK(step_now() == 1);
}

TEST_CASE("scopes restore when an exception passes") {
  const ForwardContextScope outer(at_step(1));
  try {
    const ForwardContextScope inner(at_step(2));
    throw std::runtime_error("a layer failed");
  } catch (const std::runtime_error&) {
  }
  CHECK(step_now() == 1);
}

TEST_CASE("nothing is left after the last scope") {
  { const ForwardContextScope scope(at_step(1)); }
  CHECK(find_forward_context() == nullptr);
}

TEST_CASE("a thread without a context sees the one that opened the forward, and its own once it has one") {
  const ForwardContextScope scope(at_step(7));
  std::thread([] {
    CHECK(step_now() == 7);
    {
      const ForwardContextScope own(at_step(8));
      CHECK(step_now() == 8);
    }
    CHECK(step_now() == 7);
  }).join();
  CHECK(step_now() == 7);
}

TEST_CASE("two pipelines in two threads do not see each other's step") {
  std::mutex mutex;
  std::condition_variable changed;
  int opened = 0;
  const auto pipeline = [&](int64_t step) {
    const ForwardContextScope scope(at_step(step));
    std::unique_lock lock(mutex);
    ++opened;
    changed.notify_all();
    changed.wait(lock, [&] { return opened == 2; });
    return step_now();
  };
  auto first = std::async(std::launch::async, pipeline, 10), second = std::async(std::launch::async, pipeline, 20);
  CHECK(first.get() == 10);
  CHECK(second.get() == 20);
  CHECK(find_forward_context() == nullptr);
}

TEST_CASE("a saved handle re-installs a context in another thread after its scope went") {
  std::shared_ptr<const ForwardContext> saved;
  {
    const ForwardContextScope scope(at_step(5));
    saved = find_forward_context();
  }
  std::thread([saved] {
    CHECK(step_now() == -1);
    const ForwardContextScope scope(saved);
    CHECK(step_now() == 5);
  }).join();
}

TEST_CASE("an empty handle hides nothing from others") {
  const ForwardContextScope outer(at_step(1));
  {
    const ForwardContextScope empty(std::shared_ptr<const ForwardContext>{});
    std::thread([] { CHECK(step_now() == 1); }).join();
  }
  CHECK(step_now() == 1);
}

TEST_CASE("a thread falls back to the most recently opened scope that is still open") {
  const ForwardContextScope outer(at_step(1));
  {
    const ForwardContextScope inner(at_step(2));
    std::thread([] { CHECK(step_now() == 2); }).join();
  }
  std::thread([] { CHECK(step_now() == 1); }).join();
}

TEST_CASE("metadata reaches only the backend that built it, and building again replaces it") {
  const FakeBackend a, b;
  ForwardContext context;
  const auto first = std::make_shared<FakeMetadata>(a), second = std::make_shared<FakeMetadata>(a),
             other = std::make_shared<FakeMetadata>(b);
  context.add(first);
  CHECK(context.metadata_for(a) == first.get());
  CHECK(context.metadata_for(b) == nullptr);
  context.add(other);
  context.add(second);
  CHECK(context.metadata_for(a) == second.get());
  CHECK(context.metadata_for(b) == other.get());
  CHECK(context.metadata.size() == 2);
  CHECK_THROWS_AS(context.add(nullptr), Error);
}

TEST_CASE("many threads open and leave scopes at once") {
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t, &wrong] {
      for (int i = 0; i < 500; ++i) {
        const ForwardContextScope outer(at_step(t * 1000 + i));
        const ForwardContextScope inner(at_step(t * 1000 + i + 1));
        if (step_now() != t * 1000 + i + 1) ++wrong;
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(find_forward_context() == nullptr);
}
