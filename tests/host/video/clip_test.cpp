#include "video/clip.hpp"
#include "video/ffmpeg_process.hpp"
#include "video/frame_windows.hpp"
#include "video/output_folder.hpp"
#include "video/psnr.hpp"
#include "video/y4m_writer.hpp"

#include "../../core/support/temporary_folder.hpp"

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>

using namespace fvattn::video;
using fvattn::Code;
using fvattn::test::TemporaryFolder;

namespace {

std::unique_ptr<Clip> generated(int64_t frames, Size size = {32, 24}) {
  return std::move(*open_clip({kGeneratedClip, size, frames}));
}

std::vector<Frame> all_frames(Clip& clip) {
  std::vector<Frame> frames;
  for (;;) {
    auto frame = clip.next();
    REQUIRE(frame.ok());
    if (!frame->has_value()) return frames;
    frames.push_back(std::move(**frame));
  }
}

std::string write_y4m(const TemporaryFolder& folder, const char* name, int64_t count, Size size = {32, 24}) {
  const auto clip = generated(count, size);
  auto writer = Y4mWriter::create(folder.path(name), clip->info());
  REQUIRE(writer.ok());
  for (const Frame& frame : all_frames(*clip)) REQUIRE(writer->write(frame).ok());
  REQUIRE(writer->finish().ok());
  return folder.path(name);
}

double psnr(const Frame& a, const Frame& b) {
  PsnrMeter meter;
  meter.add(a, b);
  return meter.value();
}

// Puts PATH back when it goes.
struct PathScope {
  std::string former = std::getenv("PATH");
  explicit PathScope(const char* path) { setenv("PATH", path, 1); }
  ~PathScope() { setenv("PATH", former.c_str(), 1); }
};

// Goes back when it goes.
struct FolderScope {
  std::filesystem::path former = std::filesystem::current_path();
  explicit FolderScope(const std::string& folder) { std::filesystem::current_path(folder); }
  ~FolderScope() { std::filesystem::current_path(former); }
};

}  // namespace

TEST_CASE("PSNR is that of the formula, over all frames") {
  Frame a({2, 2}), b({2, 2});
  CHECK(std::isinf(psnr(a, b)));
  for (float& sample : b.rgb) sample = 25;
  CHECK(psnr(a, b) == doctest::Approx(20.1720).epsilon(1e-5));
  PsnrMeter meter;
  meter.add(a, b);
  meter.add(a, a);
  CHECK(meter.value() == doctest::Approx(20.1720 + 10 * std::log10(2)).epsilon(1e-5));
}

TEST_CASE("the generated clip is the same each time, and moves") {
  const auto first = all_frames(*generated(4)), again = all_frames(*generated(4));
  REQUIRE(first.size() == 4);
  for (size_t i = 0; i < 4; ++i) CHECK(first[i].rgb == again[i].rgb);
  CHECK(first[0].rgb != first[3].rgb);
  for (const float sample : first[2].rgb) CHECK((sample >= 0 && sample <= 255));
}

TEST_CASE("windows give each frame once as fresh; the last one reaches back") {
  const auto clip = generated(11), again = generated(11);
  const auto frames = all_frames(*again);
  GaussianNoise noise(5, 1);
  FrameWindows windows(*clip, &noise, 4);
  std::vector<std::pair<int64_t, size_t>> seen;  // first, fresh
  int64_t number = 0;
  for (;;) {
    auto window = windows.next();
    REQUIRE(window.ok());
    if (*window == nullptr) break;
    const FrameWindow& w = **window;
    REQUIRE(w.noisy.size() == 4);
    REQUIRE(w.clean.size() == 4);
    seen.emplace_back(w.first, w.fresh);
    for (size_t i = 0; i < 4; ++i) CHECK(w.clean[i].rgb == frames[static_cast<size_t>(w.first) + i].rgb);
    for (size_t i = w.fresh; i < 4; ++i) CHECK(w.first + static_cast<int64_t>(i) == number++);
    CHECK(w.noisy[3].rgb != w.clean[3].rgb);
  }
  CHECK(seen == std::vector<std::pair<int64_t, size_t>>{{0, 0}, {4, 0}, {7, 1}});
  CHECK(number == 11);
}

TEST_CASE("a clip shorter than the window is one window") {
  const auto clip = generated(3);
  FrameWindows windows(*clip, nullptr, 8);
  const auto window = windows.next();
  REQUIRE(window.ok());
  CHECK((*window)->noisy.size() == 3);
  CHECK((*window)->clean.empty());
  CHECK(*windows.next() == nullptr);
}

TEST_CASE("a y4m file has its header and three planes a frame, and no name before it is finished") {
  const TemporaryFolder folder;
  const ClipInfo info{{5, 3}, 30000, 1001, 1, false};
  Frame frame(info.size);
  for (int i = 0; i < 15; ++i) frame.rgb[static_cast<size_t>(3 * i)] = 255;  // red
  {
    auto dropped = Y4mWriter::create(folder.path("dropped.y4m"), info);
    REQUIRE(dropped->write(frame).ok());
  }
  CHECK(std::filesystem::is_empty(folder.path()));
  auto writer = Y4mWriter::create(folder.path("a.y4m"), info);
  REQUIRE(writer->write(frame).ok());
  REQUIRE(writer->finish().ok());
  const std::string text = fvattn::test::read_text(folder.path("a.y4m"));
  const std::string header = "YUV4MPEG2 W5 H3 F30000:1001 Ip A1:1 C444 XCOLORRANGE=LIMITED\nFRAME\n";
  REQUIRE(text.size() == header.size() + 45);
  CHECK(text.substr(0, header.size()) == header);
  CHECK(static_cast<uint8_t>(text[header.size()]) == 81);  // red in BT.601
  CHECK(static_cast<uint8_t>(text[header.size() + 15]) == 90);
  CHECK(static_cast<uint8_t>(text[header.size() + 30]) == 240);
}

TEST_CASE("ffmpeg decodes what was written, scaled and cut as asked") {
  const TemporaryFolder folder;
  const std::string path = write_y4m(folder, "clip.y4m", 5);
  auto clip = open_clip({path, {}, 0});
  REQUIRE(clip.ok());
  CHECK((*clip)->info().size == Size{32, 24});
  CHECK((*clip)->info().rate_numerator == 25);
  CHECK((*clip)->info().frames == 5);
  const auto frames = all_frames(**clip), clean = all_frames(*generated(5));
  REQUIRE(frames.size() == 5);
  for (size_t i = 0; i < 5; ++i) CHECK(psnr(frames[i], clean[i]) > 40);

  auto small = open_clip({path, Size{17, 9}, 2});
  REQUIRE(small.ok());
  CHECK((*small)->info().size == Size{17, 9});
  CHECK((*small)->info().frames == 2);
  CHECK(all_frames(**small).size() == 2);
}

TEST_CASE("names that a shell or ffmpeg would take for something else are just names") {
  const TemporaryFolder folder;
  const FolderScope inside(folder.path());
  for (const char* name :
       {"-y.y4m", "a b;touch pwned.y4m", "$(touch pwned).y4m", "http:x.y4m", "concat:a|b.y4m", "%d.y4m"}) {
    CAPTURE(name);
    write_y4m(folder, name, 1);
    auto clip = open_clip({name, {}, 0});
    REQUIRE(clip.ok());
    CHECK(all_frames(**clip).size() == 1);
  }
  CHECK_FALSE(std::filesystem::exists("pwned"));
}

TEST_CASE("what is no clip is an error with ffmpeg's own words") {
  const TemporaryFolder folder;
  CHECK(open_clip({folder.path("missing.mp4"), {}, 0}).status().what == "there is no such clip");
  CHECK(open_clip({folder.path(), {}, 0}).status().code == Code::failed_precondition);
  const auto text = open_clip({folder.write("text.mp4", "this is no video"), {}, 0});
  CHECK(text.status().code == Code::failed_precondition);
  CHECK(text.status().what.find("ffmpeg says") != std::string::npos);
}

TEST_CASE("a clip that ends within a frame is an error or ends before it") {
  const TemporaryFolder folder;
  const std::string whole = fvattn::test::read_text(write_y4m(folder, "clip.y4m", 3));
  auto clip = open_clip({folder.write("cut.y4m", whole.substr(0, whole.size() - 700)), {}, 0});
  REQUIRE(clip.ok());
  int frames = 0;
  for (;; ++frames) {
    const auto frame = (*clip)->next();
    if (!frame.ok() || !frame->has_value()) break;
  }
  CHECK(frames == 2);
}

TEST_CASE("without ffmpeg the reason and the remedy are named") {
  const TemporaryFolder folder;
  const std::string path = write_y4m(folder, "clip.y4m", 1);
  const PathScope nowhere("/nonexistent");
  const auto status = open_clip({path, {}, 0}).status();
  CHECK(status.code == Code::unavailable);
  CHECK(status.text().find("apt-get install ffmpeg") != std::string::npos);
}

TEST_CASE("a clip may be left before its end") {
  const TemporaryFolder folder;
  auto clip = open_clip({write_y4m(folder, "long.y4m", 40, {320, 200}), {}, 0});
  REQUIRE(clip.ok());
  CHECK((*clip)->next()->has_value());
}

TEST_CASE("output names stay in the output folder") {
  CHECK(file_name("TORCH_SDPA") == "TORCH_SDPA");
  CHECK(file_name("../org.x/A B") == "___org_x_A_B");
  const TemporaryFolder folder;
  CHECK(make_folder(folder.path("a/b")).ok());
  CHECK(make_folder(folder.path("a/b")).ok());
  const std::string file = folder.write("file", "x");
  CHECK(make_folder(file).code == Code::failed_precondition);
  CHECK(make_folder(file + "/below").code == Code::failed_precondition);
}
