// What a manifest asks of this machine, and what the ELF file shows, checked before any of its code runs.
#pragma once

#include "elf_file.hpp"

#include <fvattn/manifest.hpp>

#include <string>
#include <vector>

namespace fvattn {

/// A refusal with the rule that was broken.
struct Refusal {
  Status status;
  std::string rule;
  bool any() const { return !status.ok(); }
};

/// Machine and entry point (FVP-1). A library may have entry points of several major versions; ours counts.
Refusal check_elf(const ElfFile& elf);
/// What the rules forbid but the loader survives: further exports and unique symbols (FVP-1), libraries and run paths
/// that nobody declared (FVP-12). Sentences; the first word of each is the rule.
std::vector<std::string> audit_elf(const ElfFile& elf, const Manifest& manifest);

/// [abi]: name, major, lowest host minor.
Refusal check_abi(const Manifest& manifest);
/// [requires] and [cuda].min_driver: the C library, the driver, LibTorch. Starts the CUDA driver when one is asked for.
Refusal check_requirements(const Manifest& manifest, const ElfFile& elf, const std::string& library_path);

}  // namespace fvattn
