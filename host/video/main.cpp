// fvattn denoise: non-local means video denoising, which is attention, on any backend.
#include "video/denoise_report.hpp"

#include "common/verb.hpp"

#include <iostream>

int main(int argc, char** argv) {
  using namespace fvattn;
  host::Verb verb("fvattn denoise",
                  "Denoise a clip by attention (global softmax non-local means) and say how well each backend did",
                  "fvattn denoise clip.mp4 --add-noise 25 --size 320x136 --frames 8 --compare all --out denoised");
  video::DenoiseOptions options;
  options.add_to(verb.app());
  return verb.run(argc, argv, [&]() -> Status {
    if (Status completed = options.complete(); !completed.ok()) return completed;
    const auto started = [&](const video::DenoiseSetup& setup) {
      if (!verb.json()) video::print_setup(std::cout, options, setup);
    };
    Result<video::DenoiseResult> result = video::denoise(options, started, !verb.json());
    if (!result) return result.status();
    if (verb.json()) verb.print(video::json_of(options, *result));
    else video::print_result(std::cout, *result);
    return {};
  });
}
