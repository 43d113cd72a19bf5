// fvattn version.
#include "cli/builtins.hpp"
#include "common/json.hpp"
#include "common/verb.hpp"

#include <fvattn/plugin.h>
#include <fvattn/version.hpp>

#include <iostream>

namespace fvattn::host {

int version_verb(int argc, const char* const* argv) {
  Verb verb("fvattn version", "The version of the program and of the plugin interface.", "fvattn version --json");
  return verb.run(argc, argv, [&]() -> Status {
    const std::string abi = std::to_string(FVATTN_ABI_MAJOR) + "." + std::to_string(FVATTN_ABI_MINOR);
    if (verb.json()) verb.print({{"version", version()}, {"plugin_abi", abi}});
    else std::cout << "fvattn " << version() << " (plugin interface " << abi << ")\n";
    return {};
  });
}

}  // namespace fvattn::host
