// The tensor copy engine: what the driver's encoder would refuse is refused here, boxes are clipped, rows of 128 bytes
// are swizzled by their absolute shared address.
#include "scheduler.hpp"

#include <fvattn/emulation/hopper.hpp>

#include <cuda_runtime_api.h>

#include <cstring>

namespace fvattn::emulation {

void mbarrier_complete_bytes(Cta& cta, std::uint32_t address, std::uint32_t bytes);

namespace {

constexpr int kMaxRank = 5;
constexpr std::uint32_t kRowBytes = 128;
constexpr std::uint32_t kElementBytes = 2;

/// What an emulated CUtensorMap holds.
struct Map {
  unsigned char* base;
  std::uint32_t rank;
  std::uint32_t box[kMaxRank];
  std::uint64_t dims[kMaxRank];
  std::uint64_t strides[kMaxRank - 1];
};
static_assert(sizeof(Map) <= sizeof(CUtensorMap));

CUresult encode(CUtensorMap* out, CUtensorMapDataType, cuuint32_t rank, void* base, const cuuint64_t* dims,
                const cuuint64_t* strides, const cuuint32_t* box, const cuuint32_t*, CUtensorMapInterleave,
                CUtensorMapSwizzle swizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill) {
  Map map{static_cast<unsigned char*>(base), rank, {}, {}, {}};
  bool accepted = rank >= 1 && rank <= kMaxRank && reinterpret_cast<std::uintptr_t>(base) % 16 == 0 &&
                  swizzle == CU_TENSOR_MAP_SWIZZLE_128B && box[0] * kElementBytes == kRowBytes;
  for (cuuint32_t i = 0; accepted && i < rank; ++i) {
    map.dims[i] = dims[i];
    map.box[i] = box[i];
    accepted = dims[i] >= 1 && dims[i] <= (std::uint64_t{1} << 32) && box[i] >= 1 && box[i] <= 256;
    if (i == 0) continue;
    map.strides[i - 1] = strides[i - 1];
    accepted = accepted && strides[i - 1] % 16 == 0 && strides[i - 1] < (std::uint64_t{1} << 40);
  }
  if (!accepted) return CUDA_ERROR_INVALID_VALUE;
  std::memcpy(out, &map, sizeof map);
  return CUDA_SUCCESS;
}

Map read(const CUtensorMap* map, int rank) {
  Map copy;
  std::memcpy(&copy, map, sizeof copy);
  if (static_cast<int>(copy.rank) != rank) fail("a tensor copy with another number of coordinates than its map has dimensions");
  return copy;
}

std::uint32_t rows_of(const Map& map) {
  std::uint32_t rows = 1;
  for (std::uint32_t i = 1; i < map.rank; ++i) rows *= map.box[i];
  return rows;
}

struct Coords {
  int at[kMaxRank];
};

/// body(shared address, global bytes or null where the box leaves the tensor) for each 2-byte element.
template <class Body>
void for_elements(const Map& map, std::uint32_t shared, Coords coords, Body body) {
  for (std::uint32_t row = 0; row < rows_of(map); ++row) {
    std::uint32_t rest = row;
    bool inside = true;
    std::uint64_t offset = 0;
    for (std::uint32_t i = 1; i < map.rank; ++i) {
      const std::int64_t at = coords.at[i] + static_cast<std::int64_t>(rest % map.box[i]);
      rest /= map.box[i];
      inside = inside && at >= 0 && at < static_cast<std::int64_t>(map.dims[i]);
      offset += static_cast<std::uint64_t>(at) * map.strides[i - 1];
    }
    for (std::uint32_t c = 0; c < map.box[0]; ++c) {
      const std::int64_t at = coords.at[0] + static_cast<std::int64_t>(c);
      const bool real = inside && at >= 0 && at < static_cast<std::int64_t>(map.dims[0]);
      const std::uint32_t linear = shared + row * kRowBytes + c * kElementBytes;
      body(linear ^ ((linear >> 7 & 7u) << 4), real ? map.base + offset + static_cast<std::uint64_t>(at) * kElementBytes : nullptr);
    }
  }
}

Coords coords_of(const int* coords, int rank) {
  Coords all{};
  for (int i = 0; i < rank; ++i) all.at[i] = coords[i];
  return all;
}

/// Stores read their shared memory at a random time, in the order of their issue.
void enqueue_store(std::function<void()> store) {
  self().stores.push_back(std::move(store));
  if (once_in(2)) bulk_wait_read();
}

}  // namespace

void tensor_load(std::uint32_t target, const CUtensorMap* map_at, std::uint32_t mbarrier, const int* coords_at, int rank,
                 std::uint32_t cta_mask) {
  const Map map = read(map_at, rank);
  const Coords coords = coords_of(coords_at, rank);
  const std::uint32_t bytes = rows_of(map) * kRowBytes;
  check_shared(target, bytes, kRowBytes, "a tensor load to a bad shared address");
  std::vector<Cta*> targets;
  for (Cta& cta : cluster().ctas)
    if (cta_mask == 0 ? &cta == &my_cta() : (cta_mask >> cta.rank & 1u) != 0) targets.push_back(&cta);
  for (Cta* cta : targets) {
    std::memset(cta->shared + target, 0xff, bytes);
    cluster().engines.push_back([=] {
      for_elements(map, target, coords, [&](std::uint32_t shared, const unsigned char* global) {
        if (global != nullptr) std::memcpy(cta->shared + shared, global, kElementBytes);
        else std::memset(cta->shared + shared, 0, kElementBytes);
      });
      mbarrier_complete_bytes(*cta, mbarrier, bytes);
    });
  }
}

void tensor_store(const CUtensorMap* map_at, std::uint32_t source, const int* coords_at, int rank) {
  const Map map = read(map_at, rank);
  const Coords coords = coords_of(coords_at, rank);
  check_shared(source, rows_of(map) * kRowBytes, kRowBytes, "a tensor store from a bad shared address");
  enqueue_store([=, cta = &my_cta()] {
    for_elements(map, source, coords, [&](std::uint32_t shared, unsigned char* global) {
      if (global != nullptr) std::memcpy(global, cta->shared + shared, kElementBytes);
    });
  });
}

void bulk_reduce_add(float* target, std::uint32_t source, std::uint32_t bytes) {
  check_shared(source, bytes, 16, "a bulk reduction from a bad shared address");
  if (bytes % 16 != 0 || reinterpret_cast<std::uintptr_t>(target) % 16 != 0) fail("a bulk reduction that is not 16-byte aligned");
  enqueue_store([=, cta = &my_cta()] {
    for (std::uint32_t i = 0; i < bytes / 4; ++i) {
      float value;
      std::memcpy(&value, cta->shared + source + 4 * i, sizeof value);
      target[i] += value;
    }
  });
}

void bulk_wait_read() {
  auto& stores = self().stores;
  while (!stores.empty()) {
    stores.front()();
    stores.pop_front();
  }
}

}  // namespace fvattn::emulation

extern "C" cudaError_t cudaGetDriverEntryPointByVersion(const char* symbol, void** entry, unsigned, unsigned long long,
                                                        cudaDriverEntryPointQueryResult* result) {
  const bool known = std::strcmp(symbol, "cuTensorMapEncodeTiled") == 0;
  *entry = known ? reinterpret_cast<void*>(&fvattn::emulation::encode) : nullptr;
  if (result != nullptr) *result = known ? cudaDriverEntryPointSuccess : cudaDriverEntryPointSymbolNotFound;
  return known ? cudaSuccess : cudaErrorInvalidValue;
}
