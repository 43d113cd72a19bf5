#include "requirements.hpp"

#include "identifiers.hpp"
#include "libtorch.hpp"
#include "version_match.hpp"

#include <fvattn/device.hpp>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <gnu/libc-version.h>

namespace fvattn {
namespace {

bool starts_with_any(std::string_view name, std::initializer_list<std::string_view> starts) {
  return std::any_of(starts.begin(), starts.end(), [&](std::string_view start) { return name.starts_with(start); });
}

// glibc's own parts, the compiler's run-time and the driver.
bool is_base_library(std::string_view name) {
  return starts_with_any(name, {"libc.so.", "libm.so.", "libdl.so.", "libpthread.so.", "librt.so.", "ld-linux",
                                "libgcc_s.so.", "libstdc++.so.", "libcuda.so."});
}
bool is_torch_library(std::string_view name) { return starts_with_any(name, {"libtorch", "libc10"}); }
bool is_sanitizer(std::string_view name) {
  return starts_with_any(name, {"libasan.so.", "libubsan.so.", "libtsan.so.", "liblsan.so."});
}

// "580.65.06" from the kernel module; empty when there is none.
std::string driver_release() {
  std::ifstream file("/sys/module/nvidia/version");
  std::string release;
  file >> release;
  return release;
}

// CUDA's integer for "13.0".
int cuda_number(const std::string& version) {
  char* rest = nullptr;
  const long major = std::strtol(version.c_str(), &rest, 10);
  const long minor = *rest == '.' ? std::strtol(rest + 1, nullptr, 10) : 0;
  return static_cast<int>(major * 1000 + minor * 10);
}

// A release of the driver ("580.00") or the CUDA version that it must support ("13.0"). Without a driver there is
// nothing to check: what such a plugin can do on the CPU, its query says.
Status check_driver(const std::string& wanted) {
  constexpr int kFirstRelease = 100;  // no CUDA version is as large, every release since 2007 is larger
  const int driver = wanted.empty() ? 0 : cuda_driver_version();
  if (driver == 0) return {};
  std::string found;
  if (std::atoi(wanted.c_str()) >= kFirstRelease) {
    found = driver_release();
    if (found.empty() || compare_versions(found, wanted) >= 0) return {};
  } else {
    if (driver >= cuda_number(wanted)) return {};
    found = "CUDA " + std::to_string(driver / 1000) + "." + std::to_string(driver % 1000 / 10);
  }
  return Status::error(Code::failed_precondition, "the plugin needs a newer NVIDIA driver", found, wanted + " or newer",
                       "update the driver");
}

}  // namespace

Refusal check_elf(const ElfFile& elf) {
  if (elf.machine != host_machine())
    return {Status::error(Code::invalid_argument, "the library is for another machine", machine_name(elf.machine),
                          machine_name(host_machine())),
            "FVP-1"};
  if (elf.exports_name(kEntryPoint)) return {};
  std::string others;
  for (const ElfSymbol& symbol : elf.exports)
    if (symbol.name.starts_with(kEntryPointStart)) others += (others.empty() ? "" : ", ") + symbol.name;
  if (!others.empty())
    return {Status::error(Code::unimplemented, "the library speaks another major version of the plugin ABI", others,
                          kEntryPoint, "get a plugin built for ABI " + std::to_string(FVATTN_ABI_MAJOR)),
            "FVP-1"};
  return {Status::error(Code::invalid_argument, "the library exports no entry point",
                        std::to_string(elf.exports.size()) + " other exported symbols", kEntryPoint,
                        "export it: fvattn_add_plugin does, or __attribute__((visibility(\"default\"))) and extern \"C\""),
          "FVP-1"};
}

std::vector<std::string> audit_elf(const ElfFile& elf, const Manifest& manifest) {
  std::vector<std::string> notes;
  size_t foreign = 0, unique = 0;
  std::string example;
  for (const ElfSymbol& symbol : elf.exports) {
    if (symbol.unique) ++unique;
    if (symbol.name.starts_with(kEntryPointStart)) continue;
    if (foreign++ == 0) example = symbol.name.substr(0, 80);
  }
  if (foreign > 0)
    notes.push_back("FVP-1 it exports " + std::to_string(foreign) + " symbols besides its entry point, such as " + example);
  if (unique > 0)
    notes.push_back("FVP-1 it has " + std::to_string(unique) +
                    " STB_GNU_UNIQUE symbols, which all libraries of the process share");
  for (const std::string& name : elf.needed)
    if (!is_base_library(name) && !is_sanitizer(name) && !(manifest.needs_torch && is_torch_library(name)))
      notes.push_back("FVP-12 it needs " + name.substr(0, 80) + ", which its manifest does not declare");
  for (const std::string& entry : elf.run_path)
    if (!manifest.needs_torch && !entry.starts_with("$ORIGIN") && !entry.starts_with("${ORIGIN}"))
      notes.push_back("FVP-12 its run path leaves $ORIGIN: " + entry.substr(0, 200));
  return notes;
}

Refusal check_abi(const Manifest& manifest) {
  const auto version = [](int major, int minor) { return "fvattn " + std::to_string(major) + "." + std::to_string(minor); };
  const std::string ours = version(FVATTN_ABI_MAJOR, FVATTN_ABI_MINOR);
  const std::string theirs =
      manifest.abi_name + " " + std::to_string(manifest.abi_major) + "." + std::to_string(manifest.abi_min_minor);
  if (manifest.abi_name != "fvattn")
    return {Status::error(Code::invalid_argument, "the manifest is of another plugin system", theirs, ours), "FVP-4"};
  if (manifest.abi_major != FVATTN_ABI_MAJOR)
    return {Status::error(Code::unimplemented, "the manifest asks for another major version of the plugin ABI", theirs, ours,
                          "get a plugin built for ABI " + std::to_string(FVATTN_ABI_MAJOR)),
            "FVP-4"};
  if (manifest.abi_min_minor > FVATTN_ABI_MINOR)
    return {Status::error(Code::unimplemented, "the plugin needs a newer fvattn", theirs, ours, "upgrade fvattn"), "FVP-4"};
  return {};
}

Refusal check_requirements(const Manifest& manifest, const ElfFile& elf, const std::string& library_path) {
  if (!manifest.glibc.empty() && compare_versions(gnu_get_libc_version(), manifest.glibc) < 0)
    return {Status::error(Code::failed_precondition, "the plugin needs a newer C library",
                          std::string("glibc ") + gnu_get_libc_version(), "glibc " + manifest.glibc + " or newer",
                          "build the plugin on an older system, or run on a newer one"),
            "FVP-12"};
  if (Status status = check_driver(manifest.min_driver); !status.ok()) return {std::move(status), "FVP-12"};
  if (!manifest.needs_torch) return {};
  return {check_libtorch(manifest.torch, find_libtorch(elf, library_path)), "FVP-12"};
}

}  // namespace fvattn
