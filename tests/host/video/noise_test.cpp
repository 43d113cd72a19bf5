#include "video/gaussian_noise.hpp"
#include "video/noise_estimate.hpp"

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <cmath>

using namespace fvattn::video;

namespace {

Frame grey(Size size) {
  Frame frame(size);
  for (float& sample : frame.rgb) sample = 100;
  return frame;
}

}  // namespace

TEST_CASE("a seed gives the same noise on every machine") {
  Frame frame({4, 1});
  GaussianNoise(1, 5489).add_to(frame);
  // By a separate implementation of MT19937-64 and Box-Muller in Python.
  const double expected[] = {-0.002089907, 0.692462816, 0.780522423, -0.271800428};
  for (size_t i = 0; i < 4; ++i) CHECK(frame.rgb[i] == doctest::Approx(expected[i]).epsilon(1e-6));
}

TEST_CASE("another seed gives other noise") {
  Frame a({16, 16}), b({16, 16});
  GaussianNoise(10, 1).add_to(a);
  GaussianNoise(10, 2).add_to(b);
  CHECK(a.rgb != b.rgb);
}

TEST_CASE("frames continue one stream, however they are grouped") {
  GaussianNoise noise(3, 7);
  Frame a({5, 3}), b({5, 3}), both({5, 6});
  noise.add_to(a);
  noise.add_to(b);
  GaussianNoise(3, 7).add_to(both);
  CHECK(std::equal(a.rgb.begin(), a.rgb.end(), both.rgb.begin()));
  CHECK(std::equal(b.rgb.begin(), b.rgb.end(), both.rgb.begin() + 45));
}

TEST_CASE("mean, spread and tails are those of a normal distribution") {
  Frame frame({400, 300});
  GaussianNoise(25, 11).add_to(frame);
  double sum = 0, squares = 0, beyond = 0;
  for (const float sample : frame.rgb) {
    sum += sample;
    squares += static_cast<double>(sample) * sample;
    beyond += std::fabs(sample) > 50 ? 1 : 0;
  }
  const double n = static_cast<double>(frame.rgb.size());
  CHECK(std::fabs(sum / n) < 0.2);
  CHECK(std::sqrt(squares / n) == doctest::Approx(25).epsilon(0.01));
  CHECK(beyond / n == doctest::Approx(0.0455).epsilon(0.05));
}

TEST_CASE("sigma is estimated from a noisy frame") {
  for (const double sigma : {3.0, 25.0, 60.0}) {
    Frame frame = grey({320, 200});
    GaussianNoise(sigma, 3).add_to(frame);
    CHECK(estimate_noise(frame) == doctest::Approx(sigma).epsilon(0.03));
  }
  CHECK(estimate_noise(grey({320, 200})) == 0);
  CHECK(estimate_noise(grey({1, 9})) == 0);
}
