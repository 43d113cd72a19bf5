// Which LibTorch a plugin would get, found without loading it: a wrong one crashes or fails with an undefined symbol.
#pragma once

#include "elf_file.hpp"

#include <fvattn/manifest.hpp>

#include <optional>
#include <string>
#include <vector>

namespace fvattn {

struct Libtorch {
  std::string path;                // of libtorch_cpu.so; empty: none was found
  bool loaded = false;             // it is in this process already
  std::string version;             // "2.11.0+cu130"; empty: not known
  std::optional<bool> cxx11_abi;   // none: not known
  std::vector<std::string> tried;  // folders looked into, when none was found
};

/// The one in the process, else what the dynamic linker would take: LD_LIBRARY_PATH, the plugin's RUNPATH (with
/// $ORIGIN), the system's folders.
Libtorch find_libtorch(const ElfFile& plugin, const std::string& plugin_path);

/// Version and ABI of the LibTorch at `path` from the files around it: version.py, build-version, version.h and libc10.so.
void describe_libtorch(Libtorch& torch);

/// FAILED_PRECONDITION, with both versions in the text, if `torch` is not what is required.
Status check_libtorch(const TorchRequirement& required, const Libtorch& torch);

/// `entry` with $ORIGIN and ${ORIGIN} replaced.
std::string expand_origin(std::string entry, const std::string& library_path);

}  // namespace fvattn
