// fvattn denoise: non-local means video denoising, which is attention, on any backend.
#include "video/denoise_report.hpp"
#include "video/token_dump.hpp"

#include "common/verb.hpp"

#include <iostream>

namespace {

using namespace fvattn;

Status dump(const video::DenoiseOptions& options, host::Verb& verb) {
  const Result<video::TokenDump> dump = video::dump_tokens(options);
  if (!dump) return dump.status();
  if (verb.json()) verb.print({{"files", dump->files}, {"dit_seq_shape", dump->grid}, {"bandwidth", dump->bandwidth}});
  else
    for (const std::string& file : dump->files) std::cout << "wrote " << file << '\n';
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  host::Verb verb("fvattn denoise",
                  "Denoise a clip by attention (global softmax non-local means) and say how well each backend did",
                  "fvattn denoise clip.mp4 --add-noise 25 --size 320x136 --frames 8 --compare all --out denoised");
  video::DenoiseOptions options;
  options.add_to(verb.app());
  host::Ranks ranks(verb);
  return verb.run(argc, argv, [&]() -> Status {
    const Status completed = options.complete(ranks.launch());
    if (Status connected = ranks.connect(options.wants_gpu()); !connected.ok()) return connected;
    if (const auto told = ranks.tell(completed); !told) return told.status();
    const int gpu = options.device.is_cuda() ? options.device.index() : -1;
    if (Status opened = ranks.open_transport(gpu); !opened.ok()) return opened;
    if (!ranks.is_root()) return video::serve(ranks, options);
    if (!options.dump.empty()) {
      const Status dumped = dump(options, verb);
      return ranks.tell(dumped, {{video::task::kName, video::task::kEnd}}).status();
    }
    const auto started = [&](const video::DenoiseSetup& setup) {
      if (!verb.json()) video::print_setup(std::cout, options, setup);
    };
    Result<video::DenoiseResult> result = video::denoise(options, ranks, started, !verb.json());
    if (!result) return result.status();
    if (verb.json()) verb.print(video::json_of(options, *result));
    else video::print_result(std::cout, *result);
    return {};
  });
}
