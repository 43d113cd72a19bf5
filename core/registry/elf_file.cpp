#include "elf_file.hpp"

#include <algorithm>
#include <cstring>
#include <elf.h>

namespace fvattn {
namespace {

// Far above any real plugin; they bound the work that a made-up header can cause.
constexpr uint64_t kMostSections = 4096, kMostTableBytes = uint64_t{64} << 20, kMostManifestBytes = uint64_t{256} << 10;

Status malformed(const std::string& why) {
  return Status::error(Code::invalid_argument, "not a usable ELF file: " + why, {},
                       "an ELF64 shared object for " + machine_name(host_machine()));
}

class Reader {
 public:
  explicit Reader(const ByteSource& file) : file_(file) {}

  Result<ElfFile> read() {
    if (Status status = read_header(); !status.ok()) return status;
    if (Status status = read_sections(); !status.ok()) return status;
    if (Status status = read_manifest(); !status.ok()) return status;
    if (Status status = read_dynamic(); !status.ok()) return status;
    return std::move(elf_);
  }

 private:
  Status read_header() {
    unsigned char ident[EI_NIDENT];
    if (!file_.read(0, ident, sizeof(ident)) || std::memcmp(ident, ELFMAG, SELFMAG) != 0)
      return malformed("it does not start with the ELF signature");
    if (ident[EI_CLASS] != ELFCLASS64 || ident[EI_DATA] != ELFDATA2LSB) return malformed("it is not 64-bit little-endian");
    if (!file_.read(0, &header_, sizeof(header_))) return malformed("it ends within its header");
    if (header_.e_type != ET_DYN) return malformed("it is not a shared object");
    elf_.machine = header_.e_machine;
    return {};
  }

  Status read_sections() {
    if (header_.e_shoff == 0 || header_.e_shnum == 0) return malformed("it has no section table");
    if (header_.e_shentsize != sizeof(Elf64_Shdr) || header_.e_shnum > kMostSections)
      return malformed("its section table is odd");
    sections_.resize(header_.e_shnum);
    if (!file_.read(header_.e_shoff, sections_.data(), sections_.size() * sizeof(Elf64_Shdr)))
      return malformed("it is truncated: the section table lies behind the end");
    if (header_.e_shstrndx >= sections_.size()) return malformed("its section names are missing");
    return read_table(sections_[header_.e_shstrndx], names_, "the section names");
  }

  /// A section's bytes. The size is checked against the file before memory is asked for.
  Status read_table(const Elf64_Shdr& section, std::string& bytes, const char* what, uint64_t most = kMostTableBytes) {
    if (section.sh_type == SHT_NOBITS || section.sh_size > most) return malformed(std::string(what) + " have an odd size");
    if (section.sh_offset > file_.size() || section.sh_size > file_.size() - section.sh_offset)
      return malformed("it is truncated: " + std::string(what) + " lie behind the end");
    bytes.resize(section.sh_size);
    if (!file_.read(section.sh_offset, bytes.data(), bytes.size())) return malformed(std::string(what) + " cannot be read");
    return {};
  }

  static std::string string_at(const std::string& table, uint64_t offset) {
    if (offset >= table.size()) return {};
    return table.substr(offset, std::min(table.find('\0', offset), table.size()) - offset);
  }

  Status read_manifest() {
    for (const Elf64_Shdr& section : sections_) {
      if (string_at(names_, section.sh_name) != kManifestSection) continue;
      if (elf_.manifest) return malformed("it has two sections " + std::string(kManifestSection));
      std::string text;
      if (Status status = read_table(section, text, "the bytes of its manifest", kMostManifestBytes); !status.ok())
        return status;
      // The section may be a C string or padded.
      text.erase(std::min(text.find('\0'), text.size()));
      elf_.manifest = std::move(text);
    }
    return {};
  }

  Status read_dynamic() {
    const Elf64_Shdr *symbols = nullptr, *dynamic = nullptr;
    for (const Elf64_Shdr& section : sections_) {
      if (section.sh_type == SHT_DYNSYM) symbols = &section;
      if (section.sh_type == SHT_DYNAMIC) dynamic = &section;
    }
    if (symbols == nullptr || dynamic == nullptr) return malformed("it has no dynamic symbols");
    if (symbols->sh_link >= sections_.size()) return malformed("its symbol names are missing");
    if (Status status = read_table(sections_[symbols->sh_link], elf_.dynamic_strings, "the symbol names"); !status.ok())
      return status;
    if (Status status = read_symbols(*symbols); !status.ok()) return status;
    return read_entries(*dynamic);
  }

  Status read_symbols(const Elf64_Shdr& section) {
    std::string bytes;
    if (Status status = read_table(section, bytes, "the symbols"); !status.ok()) return status;
    uint64_t name_bytes = 0;
    for (size_t i = 0; i + sizeof(Elf64_Sym) <= bytes.size(); i += sizeof(Elf64_Sym)) {
      Elf64_Sym symbol;
      std::memcpy(&symbol, bytes.data() + i, sizeof(symbol));
      const auto binding = ELF64_ST_BIND(symbol.st_info);
      const auto visibility = ELF64_ST_VISIBILITY(symbol.st_other);
      const bool bindable = binding == STB_GLOBAL || binding == STB_WEAK || binding == STB_GNU_UNIQUE;
      if (symbol.st_shndx == SHN_UNDEF || symbol.st_shndx == SHN_ABS || !bindable) continue;  // SHN_ABS: version names
      if (visibility != STV_DEFAULT && visibility != STV_PROTECTED) continue;
      elf_.exports.push_back({string_at(elf_.dynamic_strings, symbol.st_name), binding == STB_GNU_UNIQUE});
      // Made-up symbols could all point at one long string.
      name_bytes += elf_.exports.back().name.size();
      if (name_bytes > kMostTableBytes) return malformed("its symbol names are too long");
    }
    return {};
  }

  Status read_entries(const Elf64_Shdr& section) {
    std::string bytes;
    if (Status status = read_table(section, bytes, "the dynamic entries"); !status.ok()) return status;
    std::string run_path, old_path;
    for (size_t i = 0; i + sizeof(Elf64_Dyn) <= bytes.size(); i += sizeof(Elf64_Dyn)) {
      Elf64_Dyn entry;
      std::memcpy(&entry, bytes.data() + i, sizeof(entry));
      if (entry.d_tag == DT_NULL) break;
      if (entry.d_tag == DT_NEEDED) elf_.needed.push_back(string_at(elf_.dynamic_strings, entry.d_un.d_val));
      if (entry.d_tag == DT_RUNPATH) run_path = string_at(elf_.dynamic_strings, entry.d_un.d_val);
      if (entry.d_tag == DT_RPATH) old_path = string_at(elf_.dynamic_strings, entry.d_un.d_val);
    }
    std::string_view rest = run_path.empty() ? old_path : run_path;
    while (!rest.empty()) {
      const size_t colon = std::min(rest.find(':'), rest.size());
      if (colon > 0) elf_.run_path.emplace_back(rest.substr(0, colon));
      rest.remove_prefix(std::min(colon + 1, rest.size()));
    }
    return {};
  }

  const ByteSource& file_;
  Elf64_Ehdr header_{};
  std::vector<Elf64_Shdr> sections_;
  std::string names_;
  ElfFile elf_;
};

}  // namespace

bool ElfFile::exports_name(std::string_view name) const {
  return std::any_of(exports.begin(), exports.end(), [&](const ElfSymbol& symbol) { return symbol.name == name; });
}

Result<ElfFile> read_elf(const ByteSource& file) { return Reader(file).read(); }

uint16_t host_machine() {
#if defined(__x86_64__)
  return EM_X86_64;
#elif defined(__aarch64__)
  return EM_AARCH64;
#else
#error "name this machine's ELF number here and its platform in manifest_keys.hpp"
#endif
}

std::string machine_name(uint16_t machine) {
  switch (machine) {
    case EM_X86_64:
      return "x86-64";
    case EM_AARCH64:
      return "aarch64";
    case EM_386:
      return "x86";
    case EM_ARM:
      return "arm";
    case EM_RISCV:
      return "riscv";
    case EM_PPC64:
      return "ppc64";
    default:
      return "machine " + std::to_string(machine);
  }
}

}  // namespace fvattn
