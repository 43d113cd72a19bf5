// VMOBA_ATTN loaded as the host loads it. --plugin=PATH names the library, --device=emulated runs the GPU side of one that
// was built for the emulator.
#define DOCTEST_CONFIG_IMPLEMENT
#include "vmoba_test.hpp"

namespace vmoba_test {

namespace {
std::string plugin_path;  // NOLINT: set once by main
}

const fvattn_backend& backend() {
  static const fvattn_backend& table = fvattn::testing::Library(plugin_path).backend("VMOBA_ATTN");
  return table;
}

}  // namespace vmoba_test

int main(int argc, char** argv) {
  doctest::Context context(argc, argv);
  const std::string_view option = "--plugin=";
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]).substr(0, option.size()) == option) vmoba_test::plugin_path = argv[i] + option.size();
    fvattn::testing::take_device_option(argv[i]);
  }
  if (vmoba_test::plugin_path.empty()) {
    std::fprintf(stderr, "usage: %s --plugin=PATH [doctest options]\n", argv[0]);
    return 2;
  }
  return context.run();
}
