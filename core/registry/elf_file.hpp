// What a shared object says about itself, read without loading it. Untrusted input: every offset is checked.
#pragma once

#include "byte_source.hpp"

#include <fvattn/status.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fvattn {

struct ElfSymbol {
  std::string name;
  bool unique = false;  // STB_GNU_UNIQUE: one object for all libraries of the process that have it
};

/// The facts of one ELF64 shared object.
struct ElfFile {
  uint16_t machine = 0;                 // EM_*
  std::vector<ElfSymbol> exports;       // defined dynamic symbols that others can bind to
  std::vector<std::string> needed;      // DT_NEEDED
  std::vector<std::string> run_path;    // DT_RUNPATH, or DT_RPATH where there is none; entries as written
  std::optional<std::string> manifest;  // content of the section .fvattn.manifest

  bool exports_name(std::string_view name) const;
  /// True if a dynamic string holds `text`: undefined symbols, versions and libraries are found as well.
  bool mentions(std::string_view text) const { return dynamic_strings.find(text) != std::string::npos; }

  std::string dynamic_strings;  // the table as it is in the file
};

inline constexpr const char* kManifestSection = ".fvattn.manifest";

/// INVALID_ARGUMENT for what is not a little-endian ELF64 shared object or contradicts itself.
Result<ElfFile> read_elf(const ByteSource& file);

/// The machine this library is built for (EM_X86_64, EM_AARCH64, ...), and a word for a number.
uint16_t host_machine();
std::string machine_name(uint16_t machine);

}  // namespace fvattn
