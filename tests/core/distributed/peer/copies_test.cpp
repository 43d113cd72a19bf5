// The rows of random jobs: shared by writers and their threads, and as lists for copy engines, against a loop of memcpy.
#include "distributed/peer/copies.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <random>

using namespace fvattn::peer;

namespace {

constexpr size_t kMemory = 1 << 14;

struct Bytes {
  std::vector<std::byte> source = std::vector<std::byte>(kMemory), target = std::vector<std::byte>(kMemory, std::byte{0xff});
};

std::mt19937& generator() {
  static std::mt19937 random(std::random_device{}());
  return random;
}
int64_t pick(int64_t least, int64_t most) { return std::uniform_int_distribution<int64_t>(least, most)(generator()); }

Job random_job(Bytes& memory) {
  constexpr int64_t kUnits[] = {1, 4, 12, 16};
  for (std::byte& x : memory.source) x = static_cast<std::byte>(generator()());
  const int64_t unit = kUnits[pick(0, 3)], batches = pick(1, 3), rows = pick(0, 9), bytes = pick(0, 5) * unit;
  const int64_t source_row = bytes + pick(0, 1) * unit, target_row = bytes + pick(0, 1) * 2 * unit;
  return {memory.source.data(), memory.target.data(), 0, 0, batches, rows, bytes, source_row,
          rows * source_row + pick(0, 1) * unit, target_row, rows * target_row + pick(0, 1) * unit};
}

std::vector<std::byte> wanted(const Job& job, const Bytes& memory) {
  std::vector<std::byte> target = memory.target;
  for (int64_t b = 0; b < job.batches; ++b)
    for (int64_t r = 0; r < job.rows; ++r)
      std::memcpy(target.data() + b * job.target_batch + r * job.target_row,
                  job.source + b * job.source_batch + r * job.source_row, static_cast<size_t>(job.bytes));
  return target;
}

void run(const std::vector<Copy2D>& copies) {
  for (const Copy2D& c : copies) {
    CHECK(c.width > 0);
    CHECK((c.height == 1 || (c.source_pitch >= c.width && c.target_pitch >= c.width)));  // what cudaMemcpy2D demands
    for (int64_t r = 0; r < c.height; ++r)
      std::memcpy(c.target + r * c.target_pitch, c.source + r * c.source_pitch, static_cast<size_t>(c.width));
  }
}

}  // namespace

TEST_CASE("writers and their threads share a job's rows: all of them, and nothing else") {
  for (int i = 0; i < 3000; ++i) {
    constexpr int kLanes[] = {1, 3, 32, 512};
    Bytes memory;
    const Job job = random_job(memory);
    const auto expected = wanted(job, memory);
    const int writers = static_cast<int>(pick(1, 4)), lanes = kLanes[pick(0, 3)];
    CAPTURE(lanes);
    for (int w = 0; w < writers; ++w)
      for (int lane = 0; lane < lanes; ++lane) copy_part(job, 0, w, writers, lane, lanes);
    CHECK(memory.target == expected);
  }
}

TEST_CASE("copies move what the job's rows are, in no more rectangles than batches") {
  size_t one = 0, several = 0;
  for (int i = 0; i < 3000; ++i) {
    Bytes memory;
    const Job job = random_job(memory);
    const auto expected = wanted(job, memory);
    const auto copies = copies_of(job);
    run(copies);
    CHECK(memory.target == expected);
    CHECK(copies.size() <= static_cast<size_t>(job.batches));
    one += copies.size() == 1;
    several += copies.size() > 1;
  }
  CHECK(one > 0);
  CHECK(several > 0);
}

TEST_CASE("rows that touch on both sides are one run") {
  Bytes bytes;
  const Job whole{bytes.source.data(), bytes.target.data(), 0, 0, 2, 5, 48, 48, 240, 48, 240};
  CHECK(copies_of(whole) == std::vector<Copy2D>{{whole.source, whole.target, 480, 480, 480, 1}});
  Job strided = whole;
  strided.target_row = 96;
  strided.target_batch = 480;
  CHECK(copies_of(strided) == std::vector<Copy2D>{{whole.source, whole.target, 48, 96, 48, 10}});
}

TEST_CASE("a push is the copies of all its jobs, in order") {
  Bytes bytes;
  Push push;
  push.peers = 2;
  push.end[0] = 1;
  push.end[1] = 3;
  for (int j = 0; j < 3; ++j)
    push.jobs[j] = {bytes.source.data() + 100 * j, bytes.target.data() + 100 * j, 0, 0, 1, 2, 8, 16, 32, 24, 48};
  const auto copies = copies_of(push);
  REQUIRE(copies.size() == 3);
  for (size_t j = 0; j < 3; ++j) CHECK(copies[j].source == bytes.source.data() + 100 * j);
  CHECK(copies_of(Push()).empty());
}
