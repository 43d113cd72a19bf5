// How many query blocks a CTA of the sm90 forward kernel has. Host code.
#pragma once

namespace vsa::gpu {

/// Of a CTA that loads what the lists of its blocks have in common once. The kernels take 3 as well, but at head dim 128
/// that leaves a consumer too few registers (ptxas: C7512, 176 bytes spilled).
inline constexpr int kSharedBlocks = 2;

/// Share of the key blocks that a query block sees from which lists are shared; 0: always, above 1: never. Lists chosen at
/// random have this share in common. Measured on an H100 at a share of 0.1 (Wan 1.3B 480p, N(0,1), head dim 128): 3.35 ms
/// shared, 2.52 ms with one block a CTA. Where it turns is reckoned, not measured: a pair saves its common blocks.
inline constexpr double kSharingFrom = 0.25;

/// 1 or kSharedBlocks. kept: key blocks of a query block, of `blocks`.
inline constexpr int blocks_of_cta(int kept, int blocks) {
  return static_cast<double>(kept) >= kSharingFrom * blocks ? kSharedBlocks : 1;
}

}  // namespace vsa::gpu
