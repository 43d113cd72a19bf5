#include "flash_test.hpp"

using namespace flash_test;

namespace {

/// n sequences of up to `longest` tokens, some empty.
std::vector<double> random_sequences(int64_t n, int64_t longest) {
  std::vector<double> cu{0};
  for (int64_t s = 0; s < n; ++s)
    cu.push_back(cu.back() + static_cast<double>(random_int(0, 3) == 0 ? 0 : random_int(1, longest)));
  if (cu.back() == 0) cu.back() = 1;
  return cu;
}
Tensor as_tensor(const std::vector<double>& cu) { return Tensor(plugin::kI32, {static_cast<int64_t>(cu.size())}).fill(cu); }

int64_t sequence_of(const std::vector<double>& cu, int64_t row) {
  int64_t s = 0;
  while (static_cast<double>(row) >= cu[static_cast<size_t>(s + 1)]) ++s;
  return s;
}

}  // namespace

TEST_CASE("packed sequences, causal bottom-right in each") {
  for (int trial = 0; trial < 60; ++trial) {
    const int64_t n = random_int(1, 6), longest = trial % 3 == 0 ? 20 : 150;
    const std::vector<double> cu_q = random_sequences(n, longest), cu_k = random_sequences(n, longest);
    const bool causal = random_int(0, 1) == 1;
    Case c{1,  static_cast<int64_t>(cu_q.back()),      static_cast<int64_t>(cu_k.back()), 4, 2, 16,
           24, trial % 2 ? plugin::kF32 : plugin::kF64};
    c.visible = [&](int64_t, int64_t, int64_t i, int64_t j) {
      const auto s = static_cast<size_t>(sequence_of(cu_q, i));
      if (sequence_of(cu_k, j) != static_cast<int64_t>(s)) return false;
      const double q_at = static_cast<double>(i) - cu_q[s], k_at = static_cast<double>(j) - cu_k[s];
      return !causal || k_at <= q_at + (cu_k[s + 1] - cu_k[s]) - (cu_q[s + 1] - cu_q[s]);
    };
    const uint32_t flags = FVATTN_PROBLEM_VARLEN | (causal ? uint32_t{FVATTN_PROBLEM_CAUSAL} : 0);
    check(c, {{"cu_seqlens_q", as_tensor(cu_q)}, {"cu_seqlens_k", as_tensor(cu_k)}}, flags);
  }
}

TEST_CASE("cu_seqlens that do not fit are errors with a reason") {
  const Case c{1, 10, 12, 1, 1, 8, 8, plugin::kF32};
  const auto message = [&](const std::vector<double>& cu_q, const std::vector<double>& cu_k) -> std::string {
    Session session(backend(), c, FVATTN_PROBLEM_VARLEN, {}, {},
                    {{"cu_seqlens_q", as_tensor(cu_q)}, {"cu_seqlens_k", as_tensor(cu_k)}});
    session.prepare();
    try {
      session.forward(random_inputs(c));
    } catch (const Failure& failure) {
      CHECK(failure.status == FVATTN_INVALID_ARGUMENT);
      return failure.what();
    }
    return "no error";
  };
  CHECK(message({0, 4, 10}, {0, 3, 12}) == "no error");
  CHECK(message({0, 4, 9}, {0, 3, 12}).find("to the 10 tokens") != std::string::npos);
  CHECK(message({0, 4, 10}, {0, 13, 12}).find("falls from 13 to 12") != std::string::npos);
  CHECK(message({0, 4, 10}, {0, 3, 5, 12}).find("both must name the same") != std::string::npos);
}
