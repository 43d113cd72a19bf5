// wgmma: products of a warpgroup run in the order of their issue, at a random time between issue and wait.
#include "scheduler.hpp"

#include <fvattn/emulation/hopper.hpp>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

namespace fvattn::emulation {

namespace {

constexpr int kRows = 64, kDepth = 16;
constexpr std::uint32_t kRowBytes = 128;

/// The threads' accumulators while products are under way: what d will hold, and NaN in d itself.
struct Accumulator {
  std::array<float*, kWarpgroupThreads> d;
  std::array<std::vector<float>, kWarpgroupThreads> values;
  int under_way = 0;
};

struct Issued {
  std::array<WarpgroupProduct, kWarpgroupThreads> threads;
  int group = 0;
};

float to_float(std::uint16_t bits, bool bfloat16) {
  if (bfloat16) {
    __nv_bfloat16 value;
    std::memcpy(static_cast<void*>(&value), &bits, sizeof bits);
    return static_cast<float>(value);
  }
  __half value;
  std::memcpy(static_cast<void*>(&value), &bits, sizeof bits);
  return static_cast<float>(value);
}

/// PTX ISA, "Asynchronous Warpgroup Level Matrix Shared Memory Layout", 128-byte swizzle.
struct Descriptor {
  std::uint32_t start, leading, stride;
  explicit Descriptor(std::uint64_t bits)
      : start(static_cast<std::uint32_t>(bits & 0x3fff) << 4),
        leading(static_cast<std::uint32_t>(bits >> 16 & 0x3fff) << 4),
        stride(static_cast<std::uint32_t>(bits >> 32 & 0x3fff) << 4) {
    if (bits >> 62 != 1) fail("a matrix descriptor without the 128-byte swizzle");
  }
  std::uint16_t at(std::uint32_t linear) const {
    const std::uint32_t address = linear ^ ((linear >> 7 & 7u) << 4);
    check_shared(address, 2, 2, "a matrix descriptor that leaves shared memory");
    std::uint16_t value;
    std::memcpy(&value, my_cta().shared + address, sizeof value);
    return value;
  }
  /// Element k of row `row`, k contiguous.
  std::uint16_t k_major(int row, int k) const {
    const auto r = static_cast<std::uint32_t>(row);
    return at(start + r / 8 * stride + r % 8 * kRowBytes + static_cast<std::uint32_t>(k) * 2);
  }
  /// Element k of column `column`, columns contiguous.
  std::uint16_t mn_major(int column, int k) const {
    const auto c = static_cast<std::uint32_t>(column), d = static_cast<std::uint32_t>(k);
    return at(start + c / 64 * leading + d / 8 * stride + d % 8 * kRowBytes + c % 64 * 2);
  }
};

}  // namespace

struct Warpgroup {
  std::deque<Issued> queue;
  std::vector<Accumulator> accumulators;
  int group = 0;

  Accumulator& accumulator_of(const Issued& issued) {
    for (Accumulator& a : accumulators)
      if (a.d[0] == issued.threads[0].d) return a;
    Accumulator fresh;
    for (std::size_t t = 0; t < kWarpgroupThreads; ++t) {
      float* const d = issued.threads[t].d;
      const int count = issued.threads[t].columns / 2;
      fresh.d[t] = d;
      fresh.values[t].assign(d, d + count);
      std::fill(d, d + count, std::numeric_limits<float>::quiet_NaN());
    }
    accumulators.push_back(std::move(fresh));
    return accumulators.back();
  }

  void perform(const Issued& issued) {
    const WarpgroupProduct& first = issued.threads[0];
    std::vector<float> a(kRows * kDepth), b(static_cast<std::size_t>(kDepth * first.columns));
    const Descriptor b_at(first.b_descriptor);
    for (int k = 0; k < kDepth; ++k)
      for (int n = 0; n < first.columns; ++n)
        b[static_cast<std::size_t>(k * first.columns + n)] =
            to_float(first.b_mn_major ? b_at.mn_major(n, k) : b_at.k_major(n, k), first.bfloat16);
    for (int t = 0; t < kWarpgroupThreads; ++t) {
      const std::uint32_t* registers = issued.threads[static_cast<std::size_t>(t)].a;
      for (int i = 0; i < 8 && registers != nullptr; ++i) {
        const int row = t / 32 * 16 + t % 32 / 4 + (i / 2 % 2) * 8, k = t % 4 * 2 + i % 2 + i / 4 * 8;
        a[static_cast<std::size_t>(row * kDepth + k)] = to_float(static_cast<std::uint16_t>(registers[i / 2] >> (i % 2 * 16)), first.bfloat16);
      }
    }
    if (first.a == nullptr) {
      const Descriptor a_at(first.a_descriptor);
      for (int row = 0; row < kRows; ++row)
        for (int k = 0; k < kDepth; ++k)
          a[static_cast<std::size_t>(row * kDepth + k)] =
              to_float(first.a_mn_major ? a_at.mn_major(row, k) : a_at.k_major(row, k), first.bfloat16);
    }
    Accumulator& into = accumulator_of(issued);
    for (int t = 0; t < kWarpgroupThreads; ++t) {
      std::vector<float>& d = into.values[static_cast<std::size_t>(t)];
      for (int i = 0; i < first.columns / 2; ++i) {
        const int row = t / 32 * 16 + t % 32 / 4 + (i / 2 % 2) * 8, column = i / 4 * 8 + t % 4 * 2 + i % 2;
        float sum = 0.0f;
        for (int k = 0; k < kDepth; ++k)
          sum += a[static_cast<std::size_t>(row * kDepth + k)] * b[static_cast<std::size_t>(k * first.columns + column)];
        float& value = d[static_cast<std::size_t>(i)];
        value = first.accumulate ? value + sum : sum;
      }
    }
    --into.under_way;
  }

  /// Performs what was issued up to `group`; the accumulators that are then free get their values.
  void finish(int through, bool hand_out) {
    while (!queue.empty() && queue.front().group <= through) {
      perform(queue.front());
      queue.pop_front();
    }
    if (!hand_out) return;
    for (auto a = accumulators.begin(); a != accumulators.end();) {
      if (a->under_way > 0) {
        ++a;
        continue;
      }
      for (std::size_t t = 0; t < kWarpgroupThreads; ++t) std::copy(a->values[t].begin(), a->values[t].end(), a->d[t]);
      a = accumulators.erase(a);
    }
  }
};

namespace {

Warpgroup& my_warpgroup() {
  auto& mine = my_cta().products[static_cast<std::size_t>(self().thread / kWarpgroupThreads)];
  if (mine == nullptr) mine = std::make_shared<Warpgroup>();
  return *mine;
}

}  // namespace

void wgmma(const WarpgroupProduct& product) {
  WarpgroupProduct mine = product;
  meet_warpgroup(
      [](std::span<void* const> slots) {
        Issued issued;
        for (std::size_t t = 0; t < slots.size(); ++t) {
          issued.threads[t] = *static_cast<WarpgroupProduct*>(slots[t]);
          const WarpgroupProduct &one = issued.threads[t], &first = issued.threads[0];
          if (one.b_descriptor != first.b_descriptor || one.accumulate != first.accumulate ||
              (one.a == nullptr && one.a_descriptor != first.a_descriptor))
            fail("the threads of a warpgroup disagree about a product");
        }
        Warpgroup& warpgroup = my_warpgroup();
        issued.group = warpgroup.group;
        ++warpgroup.accumulator_of(issued).under_way;
        warpgroup.queue.push_back(issued);
        if (once_in(cluster().product_rest)) warpgroup.finish(warpgroup.group, false);
      },
      &mine, "wgmma");
}

void wgmma_fence() {
  meet_warpgroup([](std::span<void* const>) {}, nullptr, "wgmma.fence");
}

void wgmma_commit() {
  meet_warpgroup([](std::span<void* const>) { ++my_warpgroup().group; }, nullptr, "wgmma.commit_group");
  dawdle();
}

void wgmma_wait(int pending) {
  meet_warpgroup(
      [](std::span<void* const> slots) {
        Warpgroup& warpgroup = my_warpgroup();
        warpgroup.finish(warpgroup.group - 1 - *static_cast<const int*>(slots[0]), true);
      },
      &pending, "wgmma.wait_group");
}

}  // namespace fvattn::emulation
