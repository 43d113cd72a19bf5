#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "bench/dist/exchange_case.hpp"
#include "bench/dist/machine.hpp"
#include "bench/dist/reference_steps.hpp"
#include "bench/dist/spread.hpp"

#include <doctest/doctest.h>

#include <thread>

using namespace fvattn;
using namespace fvattn::bench::dist;

TEST_CASE("quantiles are values that were measured") {
  const Spread spread = spread_of({5, 1, 4, 2, 3, 6, 7, 8, 9, 10, 11});
  CHECK(spread.median == 6);
  CHECK(spread.p10 == 2);
  CHECK(spread.p90 == 10);
  CHECK(spread.runs == 11);
  CHECK(spread_of({7}).p10 == 7);
  CHECK(spread_of({}).runs == 0);
}

TEST_CASE("links are read from nvidia-smi's table") {
  const char* text =
      "\t\x1b[4mGPU0\tGPU1\tNIC0\tCPU Affinity\tNUMA Affinity\tGPU NUMA ID\x1b[0m\n"
      "GPU0\t X \tNV18\tPIX\t0-31\t0\t\tN/A\n"
      "GPU1\tNV12\t X \tSYS\t0-31\t0\t\tN/A\n"
      "NIC0\tPIX\tSYS\t X \t\t\t\t\n";
  CHECK(links_between(text, 0, 1) == 18);
  CHECK(links_between(text, 1, 0) == 12);
  CHECK(links_between(text, 0, 2) == 0);
  CHECK(links_between("\tGPU0\tGPU1\nGPU0\tX\tSYS\nGPU1\tSYS\tX\n", 0, 1) == 0);
  CHECK(links_between("", 0, 1) == 0);
}

TEST_CASE("Wan 14B at 720p on two ranks: the bytes of the roofline") {
  const std::vector<ExchangeCase> cases = model_cases();
  CHECK(cases[0].remote_bytes(2) == doctest::Approx(580.6e6).epsilon(1e-4));
  CHECK(cases[1].remote_bytes(2) == doctest::Approx(193.5e6).epsilon(1e-3));
  CHECK(cases[0].remote_bytes(4) == doctest::Approx(435.5e6).epsilon(1e-3));
  CHECK(cases[0].remote_bytes(1) == 0);
  for (const double bytes : {5e5, 3.2e7, 6e8})
    CHECK(case_of_bytes(bytes, 2).remote_bytes(2) == doctest::Approx(bytes).epsilon(0.02));
}

// What a rank's tensors hold after an exchange of the thread transport; and that a wrong element is found.
TEST_CASE("an exchange is right, and one that is not is seen") {
  for (const Pattern pattern : {Pattern::scatter_heads, Pattern::gather_heads}) {
    const ExchangeCase what{"odd", pattern, 2, 13, 5, 8};
    auto group = make_thread_communicators(3);
    bool right[3] = {}, poisoned[3] = {};
    std::vector<std::thread> threads;
    for (int r = 0; r < 3; ++r)
      threads.emplace_back([&, r, control = std::move(group[static_cast<size_t>(r)])] {
        const Member member(control, {}, at::kCPU, true);
        CaseTensors tensors(what, member);
        tensors.poison();
        const bool moved = control->exchange(tensors.exchange()).ok();
        right[r] = moved && tensors.is_right();
        const Exchange exchange = tensors.exchange();
        exchange.transfers.back().target.data[3] ^= std::byte{1};
        poisoned[r] = !tensors.is_right();
      });
    for (std::thread& thread : threads) thread.join();
    for (int r = 0; r < 3; ++r) {
      CHECK(right[r]);
      CHECK(poisoned[r]);
    }
  }
}

// The steps of the baseline, with an all-to-all between threads.
class StepsOfThreads final : public ReferenceSteps {
 public:
  StepsOfThreads(std::vector<at::Tensor>& board, Communicator& ranks)
      : ReferenceSteps(ranks.size()), board_(board), ranks_(ranks) {}

 private:
  void all_to_all(at::Tensor& target, at::Tensor& source) override {
    board_[static_cast<size_t>(ranks_.rank())] = source;
    REQUIRE(ranks_.barrier().ok());
    for (int r = 0; r < ranks_.size(); ++r) target[r].copy_(board_[static_cast<size_t>(r)][ranks_.rank()]);
    REQUIRE(ranks_.barrier().ok());
  }

  std::vector<at::Tensor>& board_;
  Communicator& ranks_;
};

TEST_CASE("the reference's steps move what they have to") {
  for (const Pattern pattern : {Pattern::scatter_heads, Pattern::gather_heads}) {
    const ExchangeCase what{"even", pattern, pattern == Pattern::scatter_heads ? 3 : 1, 12, 6, 8};
    auto group = make_thread_communicators(3);
    std::vector<at::Tensor> board(3);
    bool right[3] = {};
    std::vector<std::thread> threads;
    for (int r = 0; r < 3; ++r)
      threads.emplace_back([&, r, control = std::move(group[static_cast<size_t>(r)])] {
        const Member member(control, {}, at::kCPU, true);
        CaseTensors tensors(what, member);
        StepsOfThreads steps(board, *control);
        if (pattern == Pattern::scatter_heads) tensors.set_targets(steps.scatter(tensors.sources()));
        else tensors.set_targets({steps.gather(tensors.sources().front())});
        right[r] = tensors.is_right();
      });
    for (std::thread& thread : threads) thread.join();
    for (const bool is_right : right) CHECK(is_right);
  }
}

TEST_CASE("what ranks tell each other") {
  auto group = make_thread_communicators(2);
  std::vector<double> most[2];
  Status told[2];
  double root[2] = {};
  std::vector<std::thread> threads;
  for (int r = 0; r < 2; ++r)
    threads.emplace_back([&, r, control = std::move(group[static_cast<size_t>(r)])] {
      const Member member(control, {}, at::kCPU, true);
      most[r] = member.most_of_all({1.0 + r, 5.0 - r});
      root[r] = member.from_root(10.0 + r);
      told[r] = member.all_well(r == 1 ? Status::error(Code::unavailable, "no room") : Status());
    });
  for (std::thread& thread : threads) thread.join();
  for (int r = 0; r < 2; ++r) {
    CHECK(most[r] == std::vector<double>{2, 5});
    CHECK(root[r] == 10);
    CHECK(told[r].code == Code::unavailable);
    CHECK(told[r].what == "rank 1: no room");
  }
}
