// The ELF reader on real libraries and on broken copies of them.
#include "core/bad_plugins/zoo.hpp"
#include "core/support/contains.hpp"

#include <registry/elf_file.hpp>
#include <registry/open_file.hpp>

#include <cstring>
#include <elf.h>

using namespace fvattn;
using namespace fvattn::test;

namespace {

ElfFile read_file(const std::string& path) {
  const auto file = OpenFile::open(path);
  REQUIRE_MESSAGE(file.ok(), file.status().text());
  const auto elf = read_elf(**file);
  REQUIRE_MESSAGE(elf.ok(), elf.status().text());
  return *elf;
}

std::string error_of(const std::string& bytes) {
  const MemoryBytes memory(std::as_bytes(std::span(bytes)));
  const auto elf = read_elf(memory);
  REQUIRE_FALSE(elf.ok());
  return elf.status().text();
}

template <class T>
void put(std::string& bytes, size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof(value));
}

}  // namespace

TEST_CASE("exports, needed libraries, run path and manifest of a real plugin") {
  const ElfFile elf = read_file(Zoo::built_path("embedded"));
  CHECK(elf.machine == host_machine());
  CHECK(elf.exports_name("fvattn_plugin_entry_v1"));
  CHECK_FALSE(elf.exports_name("fvattn_plugin_entry"));
  CHECK(std::find(elf.needed.begin(), elf.needed.end(), "libc.so.6") != elf.needed.end());
  CHECK(elf.run_path == std::vector<std::string>{"$ORIGIN/torch/lib"});
  REQUIRE(elf.manifest.has_value());
  CHECK_CONTAINS(*elf.manifest, "id = \"test.embedded\"");
  CHECK(parse_manifest(*elf.manifest, "section").ok());
  CHECK(elf.mentions("libc.so.6"));
  CHECK_FALSE(read_file(Zoo::built_path("good")).manifest.has_value());
}

TEST_CASE("STB_GNU_UNIQUE symbols are seen") {
  const ElfFile elf = read_file(UNIQUE_LIBRARY);
  const auto unique =
      std::count_if(elf.exports.begin(), elf.exports.end(), [](const ElfSymbol& symbol) { return symbol.unique; });
  CHECK(unique >= 1);
  const ElfFile plain = read_file(Zoo::built_path("good"));
  CHECK(std::none_of(plain.exports.begin(), plain.exports.end(), [](const ElfSymbol& symbol) { return symbol.unique; }));
}

TEST_CASE("headers that lie") {
  const std::string good = read_text(Zoo::built_path("embedded"));
  Elf64_Ehdr header;
  std::memcpy(&header, good.data(), sizeof(header));
  const auto spoilt = [&](size_t at, auto value) {
    std::string bytes = good;
    put(bytes, at, value);
    return error_of(bytes);
  };
  CHECK_CONTAINS(error_of(""), "ELF signature");
  CHECK_CONTAINS(error_of(good.substr(0, 20)), "ends within its header");
  CHECK_CONTAINS(spoilt(EI_CLASS, char{ELFCLASS32}), "not 64-bit little-endian");
  CHECK_CONTAINS(spoilt(EI_DATA, char{ELFDATA2MSB}), "not 64-bit little-endian");
  CHECK_CONTAINS(spoilt(offsetof(Elf64_Ehdr, e_type), uint16_t{ET_EXEC}), "not a shared object");
  CHECK_CONTAINS(spoilt(offsetof(Elf64_Ehdr, e_shoff), uint64_t{0}), "no section table");
  CHECK_CONTAINS(spoilt(offsetof(Elf64_Ehdr, e_shoff), ~uint64_t{0} - 8), "section table lies behind the end");
  CHECK_CONTAINS(spoilt(offsetof(Elf64_Ehdr, e_shnum), uint16_t{0xffff}), "section table is odd");
  CHECK_CONTAINS(spoilt(offsetof(Elf64_Ehdr, e_shstrndx), uint16_t{0xfffe}), "section names are missing");
  // Each section in turn reaches behind the end, has a made-up link, and claims to be enormous: no read goes astray.
  for (size_t i = 0; i < header.e_shnum; ++i) {
    const size_t section = header.e_shoff + i * sizeof(Elf64_Shdr);
    for (const uint64_t value : {uint64_t{1} << 40, ~uint64_t{0}, uint64_t{good.size()}}) {
      for (const size_t field : {offsetof(Elf64_Shdr, sh_offset), offsetof(Elf64_Shdr, sh_size),
                                 offsetof(Elf64_Shdr, sh_name), offsetof(Elf64_Shdr, sh_link)}) {
        std::string bytes = good;
        field == offsetof(Elf64_Shdr, sh_name) || field == offsetof(Elf64_Shdr, sh_link)
            ? put(bytes, section + field, static_cast<uint32_t>(value))
            : put(bytes, section + field, value);
        const MemoryBytes memory(std::as_bytes(std::span(bytes)));
        const auto elf = read_elf(memory);
        if (elf) CHECK(elf->exports.size() < 10000);
      }
    }
  }
}

TEST_CASE("only whole regular files are opened") {
  const TemporaryFolder folder;
  CHECK_CONTAINS(OpenFile::open(folder.path()).status().text(), "not a regular file");
  CHECK_CONTAINS(OpenFile::open("/dev/null").status().text(), "not a regular file");
  CHECK_CONTAINS(OpenFile::open(folder.path("none")).status().text(), "No such file");
  const std::string path = folder.write("text", "0123456789");
  const auto file = OpenFile::open(path);
  REQUIRE(file.ok());
  char four[4];
  CHECK((*file)->read(6, four, 4));
  CHECK(std::string(four, 4) == "6789");
  CHECK_FALSE((*file)->read(7, four, 4));
  CHECK_FALSE((*file)->read(~uint64_t{0}, four, 4));
  CHECK_FALSE((*file)->text(9).ok());
  CHECK((*file)->unchanged());
  folder.write("text", "0123456789+");
  CHECK_FALSE((*file)->unchanged());
}
