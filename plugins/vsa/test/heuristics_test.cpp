// What the sm90 engine's launches are decided by: host arithmetic.
#include "../gpu/key_order.hpp"
#include "../gpu/sm90_sharing.hpp"

#include <doctest/doctest.h>

using namespace vsa::gpu;

TEST_CASE("key blocks with twice and four times the usual visits come first") {
  CHECK(length_class(39, 1000, 100) == 1);
  CHECK(length_class(40, 1000, 100) == 0);
  CHECK(length_class(20, 1000, 100) == 1);
  CHECK(length_class(19, 1000, 100) == 2);
  CHECK(length_class(0, 0, 100) == 2);
  CHECK(length_class(1 << 20, 1LL << 40, 1 << 20) == 2);
}

TEST_CASE("blocks share a CTA from a share of kept blocks on") {
  CHECK(blocks_of_cta(1000, 1000) == (kSharingFrom <= 1 ? kSharedBlocks : 1));
  if (kSharingFrom <= 0 || kSharingFrom > 1) return;
  const int least = static_cast<int>(kSharingFrom * 1000);  // exact for shares of whole thousandths
  CHECK(blocks_of_cta(least + 1, 1000) == kSharedBlocks);
  CHECK(blocks_of_cta(least - 1, 1000) == 1);
  CHECK(blocks_of_cta(0, 1000) == 1);
  for (int blocks = 1; blocks < 50; ++blocks) {
    for (int kept = 1; kept <= blocks; ++kept) CHECK(blocks_of_cta(kept, blocks) >= blocks_of_cta(kept - 1, blocks));
  }
}
