// Throws spoilt manifests and ELF files at the readers: fuzz_readers SEED_LIBRARY [--runs N] [--seed S].
//
// A failure is a crash, a sanitizer's report, or a broken promise: a manifest that was accepted reads the same from its
// own canonical text's source again, every string it gives is printable, and a refusal has a text. A mutator of a few
// operations over valid inputs is enough here, as both formats are shallow; no coverage instrumentation is needed.
#include <registry/elf_file.hpp>

#include <fvattn/manifest.hpp>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <elf.h>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace {

using namespace fvattn;

const std::vector<std::string> kManifests = {
    "manifest_version = 1\n[plugin]\nid = \"a.b\"\n[[backend]]\nname = \"X_ATTN\"\n",
    "manifest_version = 1\n[plugin]\nid = \"org.example.naive\"\nversion = \"0.3.1\"\npublisher = \"Ex\"\n[abi]\nname = "
    "\"fvattn\"\nmajor = 1\n"
    "min_minor = 0\n[library]\nshared.linux_x86_64 = \"libfvattn_naive.so\"\n"
    "sha256.linux_x86_64 = \"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"\n[cuda]\nruntime = "
    "\"13.0\"\nsass = [\"90a\"]\n"
    "[requires]\nglibc = \"2.34\"\nlibtorch = { version = \"==2.11.*\", cxx11_abi = true }\n[[backend]]\nname = "
    "\"N_ATTN\"\naliases = [\"N\"]\n"
    "priority = 3\nhead_dims = { max = 256 }\ngraph_safe = true\n[trust]\nsignature = \"x\"\n",
    "manifest_version = 2\n",
};
const std::vector<std::string> kWords = {"\xe2\x80\xa8",
                                         "\xc2\x85",
                                         "\r",
                                         "\v",
                                         "é",
                                         "\xc2\xa0",
                                         "\xe3\x80\x80",
                                         "\\\n",
                                         "#",
                                         "[[backend]]\n",
                                         "[plugin]\n",
                                         "\"\"\"",
                                         "'''",
                                         "{",
                                         "}",
                                         "[",
                                         "]",
                                         "=",
                                         "\\u001b",
                                         "\\U0010FFFF",
                                         "1979-05-27T07:32:00Z",
                                         "inf",
                                         "nan",
                                         "0x",
                                         "9223372036854775808",
                                         "1e400",
                                         "\xff\xfe",
                                         std::string(1, '\0'),
                                         "\xef\xbb\xbf",
                                         "a.b.c.d",
                                         "true"};

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  size_t below(size_t bound) { return bound == 0 ? 0 : random_() % bound; }

  void flip(std::string& text) {
    if (!text.empty()) text[below(text.size())] = static_cast<char>(random_());
  }

  void edit(std::string& text, const std::vector<std::string>& words) {
    const size_t at = below(text.size() + 1), length = below(std::min<size_t>(text.size() - at, 64) + 1);
    switch (below(7)) {
      case 0:
        return flip(text);
      case 1:
        return text.resize(at);
      case 2:
        text.erase(at, length);
        return;
      case 3:
        text.insert(below(text.size() + 1), text.substr(at, length));
        return;
      case 4:
        text.insert(at, words[below(words.size())]);
        return;
      case 5:
        text.replace(at, length, words[below(words.size())]);
        return;
      default:
        text.insert(at, std::string(below(300), "[{\"'\n "[below(6)]));
        return;
    }
  }

  // Numbers in the ELF header, the section headers and the dynamic tables, where it hurts.
  void spoil_number(std::string& bytes) {
    const uint64_t interesting[] = {0,
                                    1,
                                    7,
                                    0xff,
                                    0xffff,
                                    0x7fffffff,
                                    0xffffffff,
                                    uint64_t{1} << 40,
                                    ~uint64_t{0},
                                    ~uint64_t{0} - 63,
                                    bytes.size(),
                                    bytes.size() - 1,
                                    random_() % (bytes.size() + 1),
                                    random_()};
    const uint64_t value = interesting[below(std::size(interesting))];
    const size_t width = size_t{1} << below(4);
    if (bytes.size() < sizeof(Elf64_Ehdr)) return flip(bytes);
    size_t at = below(sizeof(Elf64_Ehdr));
    Elf64_Ehdr header;
    std::memcpy(&header, bytes.data(), sizeof(header));
    if (below(4) != 0 && header.e_shoff < bytes.size()) at = header.e_shoff + below(bytes.size() - header.e_shoff);
    if (below(8) == 0) at = below(bytes.size());
    at -= at % width;
    if (at + width <= bytes.size()) std::memcpy(bytes.data() + at, &value, width);
  }

 private:
  std::mt19937_64 random_;
};

// What is being read, for whoever has to find out why a sanitizer stopped the program (with abort_on_error=1).
const std::string* current = nullptr;

void save_current(int) {
  const int file = open("fuzz_readers.failure", O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (current != nullptr && file >= 0 && write(file, current->data(), current->size()) < 0) _exit(2);
  _exit(1);
}

[[noreturn]] void broken(const char* promise, const std::string& input) {
  std::ofstream("fuzz_readers.failure", std::ios::binary) << input;
  std::fprintf(stderr, "fuzz_readers: %s; the input is in fuzz_readers.failure\n", promise);
  std::exit(1);
}

bool printable(const std::string& text) {
  return std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

bool try_manifest(const std::string& text) {
  const auto manifest = parse_manifest(text, "fuzz");
  if (!manifest) {
    if (manifest.status().what.empty()) broken("a refusal without a text", text);
    return false;
  }
  if (manifest->id.empty() || manifest->backends.empty() || manifest->canonical.empty())
    broken("an accepted manifest without id, backend or text", text);
  for (const std::string* shown :
       {&manifest->id, &manifest->version, &manifest->publisher, &manifest->description, &manifest->library})
    if (!printable(*shown)) broken("a control character got through", text);
  const auto again = parse_manifest(text + "\n# comment\n", "fuzz");
  if (again && again->canonical != manifest->canonical) broken("a comment changed the canonical text", text);
  return true;
}

bool try_elf(const std::string& bytes) {
  const MemoryBytes memory(std::as_bytes(std::span(bytes)));
  const auto elf = read_elf(memory);
  if (!elf && elf.status().what.empty()) broken("a refusal without a text", bytes);
  if (elf && elf->manifest) parse_manifest(*elf->manifest, "section").ok();
  return elf.ok();
}

}  // namespace

int main(int argc, char** argv) {
  long runs = 20000;
  uint64_t seed = 1;
  for (int i = 2; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--runs") == 0) runs = std::atol(argv[i + 1]);
    if (std::strcmp(argv[i], "--seed") == 0) seed = std::strtoull(argv[i + 1], nullptr, 10);
  }
  if (argc < 2) return std::fprintf(stderr, "usage: fuzz_readers SEED_LIBRARY [--runs N] [--seed S]\n"), 2;
  std::ifstream file(argv[1], std::ios::binary);
  const std::string library{std::istreambuf_iterator<char>(file), {}};
  if (!try_elf(library) || !try_manifest(kManifests[1]))
    return std::fprintf(stderr, "fuzz_readers: the seeds are not accepted\n"), 1;

  std::signal(SIGABRT, &save_current);
  Mutator mutator(seed);
  long accepted[2] = {0, 0}, tried[2] = {0, 0};
  for (long run = 0; run < runs; ++run) {
    const bool elf = run % 2 == 0;
    std::string input = elf ? library : kManifests[mutator.below(kManifests.size())];
    for (size_t edits = 1 + mutator.below(elf ? 6 : 2); edits > 0; --edits) {
      if (elf && mutator.below(16) != 0)
        mutator.spoil_number(input);
      else if (elf)
        mutator.below(2) == 0 ? input.resize(mutator.below(input.size() + 1)) : mutator.flip(input);
      else
        mutator.edit(input, kWords);
    }
    ++tried[elf];
    current = &input;
    if (elf ? try_elf(input) : try_manifest(input)) ++accepted[elf];
  }
  std::printf("manifests: %ld of %ld accepted; ELF files: %ld of %ld accepted\n", accepted[0], tried[0], accepted[1],
              tried[1]);
  // Both ways out of both readers were taken, or the mutator is of no use.
  const bool useful =
      runs < 1000 || (accepted[0] > 0 && accepted[0] < tried[0] && accepted[1] > 0 && accepted[1] < tried[1]);
  return useful ? 0 : 1;
}
