#include <layers/layer_index.hpp>

#include <doctest/doctest.h>

using fvattn::layer_index_of;

TEST_CASE("the layer's index is the first blocks.<n> of its prefix") {
  CHECK(layer_index_of("Wan.blocks.7.attn1.impl") == 7);
  CHECK(layer_index_of("Hunyuan.double_blocks.19.attn.impl") == 19);
  CHECK(layer_index_of("Hunyuan.single_blocks.21.attn.impl") == 21);
  CHECK(layer_index_of("blocks.x.blocks.12") == 12);
  CHECK(layer_index_of("blocks.3.blocks.4") == 3);
  CHECK_FALSE(layer_index_of("").has_value());
  CHECK_FALSE(layer_index_of("blocks.").has_value());
  CHECK_FALSE(layer_index_of("blocks.-1").has_value());
  CHECK_FALSE(layer_index_of("blocks.99999999999").has_value());
  CHECK_FALSE(layer_index_of("refiner.layers.3").has_value());
}
