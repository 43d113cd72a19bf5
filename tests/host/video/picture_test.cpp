#include "video/label.hpp"
#include "video/png.hpp"
#include "video/sheet.hpp"

#include "../../core/support/temporary_folder.hpp"

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <png.h>

#include <limits>
#include <random>

using namespace fvattn::video;

namespace {

std::vector<uint8_t> read_png(const std::string& path, Size& size) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  REQUIRE(png_image_begin_read_from_file(&image, path.c_str()) != 0);
  image.format = PNG_FORMAT_RGB;
  std::vector<uint8_t> pixels(PNG_IMAGE_SIZE(image));
  REQUIRE(png_image_finish_read(&image, nullptr, pixels.data(), 0, nullptr) != 0);
  size = {static_cast<int>(image.width), static_cast<int>(image.height)};
  return pixels;
}

Frame filled(Size size, float value) {
  Frame frame(size);
  for (float& sample : frame.rgb) sample = value;
  return frame;
}

Colour pixel(const Picture& picture, int x, int y) {
  const size_t at = (static_cast<size_t>(y) * static_cast<size_t>(picture.size.width) + static_cast<size_t>(x)) * 3;
  return {picture.rgb[at], picture.rgb[at + 1], picture.rgb[at + 2]};
}

}  // namespace

TEST_CASE("samples become the nearest byte and are clamped") {
  CHECK(to_byte(-40) == 0);
  CHECK(to_byte(0.49F) == 0);
  CHECK(to_byte(0.5F) == 1);
  CHECK(to_byte(254.6F) == 255);
  CHECK(to_byte(1e9F) == 255);
  CHECK(to_byte(std::numeric_limits<float>::infinity()) == 255);
}

TEST_CASE("a PNG comes back as it was, odd sizes too") {
  const fvattn::test::TemporaryFolder folder;
  std::mt19937 random(std::random_device{}());
  for (const Size size : {Size{1, 1}, Size{17, 5}, Size{64, 33}}) {
    Picture picture(size, {0, 0, 0});
    for (uint8_t& sample : picture.rgb) sample = static_cast<uint8_t>(random());
    const std::string path = folder.path("a.png");
    REQUIRE(write_png(path, picture).ok());
    Size read;
    CHECK(read_png(path, read) == picture.rgb);
    CHECK(read == size);
  }
}

TEST_CASE("a PNG that cannot be written is an error and leaves nothing") {
  const fvattn::test::TemporaryFolder folder;
  CHECK_FALSE(write_png(folder.path("nowhere/a.png"), Picture({2, 2}, {1, 2, 3})).ok());
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("text is drawn where it belongs and cut at the edge") {
  Picture picture({12, 8}, {255, 255, 255});
  draw_label(picture, "I!", 0, 0, {0, 0, 0});
  const auto ink = [&](int x, int y) { return pixel(picture, x, y) == Colour{0, 0, 0}; };
  CHECK(ink(2, 3));  // the stem of I
  CHECK(ink(1, 0));  // its serif
  CHECK_FALSE(ink(1, 3));
  CHECK(ink(8, 0));        // the stroke of !
  CHECK_FALSE(ink(8, 5));  // its gap
  CHECK(ink(8, 6));        // its dot
  draw_label(picture, "outside", 9, -3, {0, 0, 0});
  draw_label(picture, "\xc3\xa4", 100, 100, {0, 0, 0});
}

TEST_CASE("the sheet has a row of noisy, denoised and difference for each backend") {
  SheetContent content;
  content.noisy = filled({20, 10}, 10);
  content.reference = filled({20, 10}, 100);
  content.reference_name = "clean";
  content.rows = {{"A", filled({20, 10}, 100)}, {"B", filled({20, 10}, 110)}};
  const Picture sheet = make_sheet(content);
  const auto count = [&](uint8_t level) {
    int found = 0;
    for (int y = 0; y < sheet.size.height; ++y)
      for (int x = 0; x < sheet.size.width; ++x) found += pixel(sheet, x, y) == Colour{level, level, level} ? 1 : 0;
    return found;
  };
  CHECK(count(10) == 2 * 200);  // noisy, in both rows
  CHECK(count(100) == 200);     // denoised of A
  CHECK(count(128) == 200);     // no difference
  CHECK(count(110) == 200);     // denoised of B
  CHECK(count(168) == 200);     // 128 + 4 * 10
}
