// fvattn sta: search windows, tune strategies, show them.
#include "verbs.hpp"

#include "common/exit_code.hpp"
#include "common/verb.hpp"

#include <cstdio>
#include <string_view>

namespace fvattn::sta {

Status guarded(const std::function<Status()>& body) {
  try {
    return body();
  } catch (const StaError& error) {
    return Status::error(Code::failed_precondition, error.what());
  }
}

Result<Window> window_option(const char* option, const std::string& text) {
  try {
    return parse_window(text);
  } catch (const StaError&) {
    return Status::error(Code::invalid_argument, std::string("option ") + option + " is no window", text,
                         "three integers of at least 1: t,h,w");
  }
}

}  // namespace fvattn::sta

int main(int argc, char** argv) {
  using namespace fvattn;
  constexpr const char* kUsage =
      "Windows of SLIDING_TILE_ATTN: how to find them, choose them, look at them\n"
      "Usage: fvattn sta VERB [OPTIONS]\n\n"
      "  search   run candidate windows on a clip or on dumped q, k, v and save their losses\n"
      "  tune     choose a window for each step, layer and head from saved losses\n"
      "  show     what a strategy holds, as a table and as a picture\n\n"
      "Example:\n  fvattn sta show mask_strategy.json --png windows.png\n";
  const std::string_view verb = argc > 1 ? argv[1] : "";
  if (verb == "search") return sta::search_verb(argc - 1, argv + 1);
  if (verb == "tune") return sta::tune_verb(argc - 1, argv + 1);
  if (verb == "show") return sta::show_verb(argc - 1, argv + 1);
  if (verb == "--help" || verb == "-h" || verb == "help") return std::fputs(kUsage, stdout) < 0;
  host::print_error("fvattn sta", Status::error(Code::invalid_argument, verb.empty() ? "a verb is missing" : "unknown verb",
                                                std::string(verb), "search, tune, show", "see fvattn sta --help"));
  return host::kExitUsage;
}
