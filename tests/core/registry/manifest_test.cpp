#include "core/support/contains.hpp"

#include <fvattn/manifest.hpp>

using namespace fvattn;

namespace {

const std::string kMinimal = R"(manifest_version = 1
[plugin]
id = "org.example.mine"
[[backend]]
name = "MINE_ATTN"
)";

const std::string kFull = R"(manifest_version = 1
[plugin]
id = "org.example.naive"
version = "0.3.1"
publisher = "Example"
license = "Apache-2.0"
url = "https://example.org"
description = "naïve"
[abi]
name = "fvattn"
major = 1
min_minor = 0
[library]
entrypoint = "fvattn_plugin_entry_v1"
shared.linux_x86_64 = "libfvattn_naive.so"
shared.linux_aarch64 = "libfvattn_naive.so"
sha256.linux_x86_64 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
sha256.linux_aarch64 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
[cuda]
runtime = "13.0"
cudart = "static"
min_driver = "580.00"
sass = ["90a", "100a"]
ptx = ["90"]
[requires]
glibc = "2.34"
glibcxx = "3.4.21"
libtorch = { version = "==2.11.*", cxx11_abi = false }
[[backend]]
name = "NAIVE_ATTN"
aliases = ["NAIVE"]
priority = -3
dtypes = ["bf16"]
head_dims = { max = 256 }
features = ["causal", "gqa"]
lacks = ["backward", "mask"]
graph_safe = true
deterministic = true
approximate = true
[[backend]]
name = "OTHER_ATTN"
[trust]
signature = "naive.fvattn.sig"
)";

Manifest read(const std::string& text) {
  const auto manifest = parse_manifest(text, "test");
  REQUIRE_MESSAGE(manifest.ok(), manifest.status().text());
  return *manifest;
}

std::string error_of(const std::string& text) {
  const auto manifest = parse_manifest(text, "test.toml");
  REQUIRE_FALSE(manifest.ok());
  CHECK_CONTAINS(manifest.status().text(), "manifest test.toml: ");
  return manifest.status().text();
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("every field of a full manifest") {
  const Manifest manifest = read(kFull);
  CHECK(manifest.manifest_version == 1);
  CHECK(manifest.id == "org.example.naive");
  CHECK(manifest.version == "0.3.1");
  CHECK(manifest.publisher == "Example");
  CHECK(manifest.license == "Apache-2.0");
  CHECK(manifest.url == "https://example.org");
  CHECK(manifest.description == "naïve");
  CHECK(manifest.abi_name == "fvattn");
  CHECK(manifest.abi_major == 1);
  CHECK(manifest.abi_min_minor == 0);
  CHECK(manifest.library == "libfvattn_naive.so");
  CHECK(manifest.sha256.substr(0, 16) == "0123456789abcdef");
  CHECK(manifest.cuda_runtime == "13.0");
  CHECK(manifest.cudart == "static");
  CHECK(manifest.min_driver == "580.00");
  CHECK(manifest.sass == std::vector<std::string>{"90a", "100a"});
  CHECK(manifest.ptx == std::vector<std::string>{"90"});
  CHECK(manifest.glibc == "2.34");
  CHECK(manifest.glibcxx == "3.4.21");
  CHECK(manifest.needs_torch);
  CHECK(manifest.torch.version == "==2.11.*");
  CHECK_FALSE(manifest.torch.cxx11_abi);
  REQUIRE(manifest.backends.size() == 2);
  const BackendManifest& backend = manifest.backends[0];
  CHECK(backend.name == "NAIVE_ATTN");
  CHECK(backend.aliases == std::vector<std::string>{"NAIVE"});
  CHECK(backend.priority == -3);
  CHECK(backend.dtypes == std::vector<std::string>{"bf16"});
  CHECK(backend.head_dim_max == 256);
  CHECK(backend.features == std::vector<std::string>{"causal", "gqa"});
  CHECK(backend.lacks == std::vector<std::string>{"backward", "mask"});
  CHECK(backend.graph_safe);
  CHECK(backend.deterministic);
  CHECK(backend.approximate);
  CHECK(manifest.notes.empty());
}

TEST_CASE("what a short manifest leaves out") {
  const Manifest manifest = read(kMinimal);
  CHECK(manifest.abi_name == "fvattn");
  CHECK(manifest.abi_major == FVATTN_ABI_MAJOR);
  CHECK(manifest.entrypoint == "fvattn_plugin_entry_v1");
  CHECK(manifest.library.empty());
  CHECK(manifest.sha256.empty());
  CHECK_FALSE(manifest.needs_torch);
  CHECK_FALSE(manifest.backends[0].approximate);
}

TEST_CASE("the canonical form is that of the document without hash and signature") {
  const Manifest full = read(kFull);
  std::string embedded = kFull.substr(0, kFull.find("[trust]"));
  for (int i = 0; i < 2; ++i) {
    const size_t at = embedded.find("sha256.linux");
    embedded.erase(at, embedded.find('\n', at) + 1 - at);
  }
  CHECK(read(embedded).canonical == full.canonical);
  // Layout, comments and order say nothing.
  CHECK(read("# a comment\n" + replaced(embedded, "version = \"0.3.1\"\npublisher = \"Example\"",
                                        "publisher   =   'Example'\nversion = '0.3.1'"))
            .canonical == full.canonical);
  CHECK(read(replaced(embedded, "0.3.1", "0.3.2")).canonical != full.canonical);
  CHECK(read(replaced(embedded, "priority = -3", "priority = -3\nunknown = 1")).canonical != full.canonical);
  // A sidecar whose [library] holds nothing but the hash equals an embedded copy without that table.
  const std::string hash = "[library.sha256]\nlinux_x86_64 = \"" + std::string(64, '0') + "\"\n";
  CHECK(read(kMinimal + hash).canonical == read(kMinimal).canonical);
}

TEST_CASE("a newer manifest version is refused with a word about upgrading, whatever else is in it") {
  const auto manifest = parse_manifest("manifest_version = 2\n[plugin]\nid = [1, 2]\n", "x");
  REQUIRE_FALSE(manifest.ok());
  CHECK(manifest.status().code == Code::unimplemented);
  CHECK_CONTAINS(manifest.status().text(), "manifest_version 2");
  CHECK_CONTAINS(manifest.status().text(), "upgrade fvattn");
}

TEST_CASE("unknown tables and keys are noted with the nearest name") {
  const Manifest manifest = read("colour = 1\n" + replaced(kFull, "publisher", "publishr") + "[pluginn]\nx = 1\n");
  REQUIRE(manifest.notes.size() == 3);
  std::string all;
  for (const std::string& note : manifest.notes) all += note + "\n";
  CHECK_CONTAINS(all, "key 'plugin.publishr' is unknown and has no effect; did you mean 'plugin.publisher'?");
  CHECK_CONTAINS(all, "table 'pluginn' is unknown and has no effect; did you mean 'plugin'?");
  CHECK_CONTAINS(all, "key 'colour' is unknown and has no effect");
  CHECK(read(replaced(kFull, "max = 256", "maxx = 256")).notes.at(0) ==
        "key 'backend.head_dims.maxx' is unknown and has no effect; did you mean 'backend.head_dims.max'?");
}

TEST_CASE("characters outside of ASCII are for comments and for strings of one line") {
  CHECK(read("# naïve\n" + replaced(kMinimal, "[plugin]", "[plugin] # naïve \"\ndescription = 'naïve'\nurl = \"\\\"é\""))
            .description == "naïve");
  CHECK(read("\xef\xbb\xbf" + kMinimal).id == "org.example.mine");
  CHECK(read("\xef\xbb\xbf\"é\" = 1\n" + kMinimal).notes.size() == 1);
  CHECK(read(kMinimal + "x = \"\"\"a\"\"\"\"\"\ny = 'é'\n").notes.size() == 2);
  for (const char* stray : {"é = 1\n", "x = é\n", "x\xc2\xa0= 1\n", "x = 1é\n", "x = \"\"\"\\\n é\"\"\"\n", "x = 'a'é\n",
                            "x = 1\"é\"\n", "x = 1\"y='é'\n", "x = 'a\né'\n"}) {
    CAPTURE(stray);
    CHECK_CONTAINS(error_of(kMinimal + stray), "outside of ASCII where there may be none; got line ");
  }
}

TEST_CASE("wrong types and values are errors that name the key") {
  const std::pair<std::pair<const char*, const char*>, const char*> cases[] = {
      {{"manifest_version = 1", "manifest_version = \"1\""}, "'manifest_version' has the wrong type"},
      {{"manifest_version = 1", "manifest_version = 0"}, "'manifest_version' is missing or too small"},
      {{"id = \"org.example.naive\"", ""}, "'plugin.id' is missing"},
      {{"org.example.naive", "org/example"}, "'plugin.id' is not an id; got org/example"},
      {{"\"Example\"", "7"}, "'plugin.publisher' has the wrong type; accepted: a string"},
      {{"\"Example\"", "\"\\u001b[2J\""}, "'plugin.publisher' holds a control character"},
      {{"major = 1", "major = 1.5"}, "'abi.major' has the wrong type"},
      {{"major = 1", "major = 99999999999"}, "'abi.major' has the wrong type"},
      {{"shared.linux_x86_64 = \"libfvattn_naive.so\"\nshared.linux_aarch64 = \"libfvattn_naive.so\"",
        "shared.plan9 = \"x\""},
       "library.shared has nothing for linux_"},
      {{"\"libfvattn_naive.so\"\nshared.linux_aarch64 = \"libfvattn_naive.so\"",
        "\"../libfvattn_naive.so\"\nshared.linux_aarch64 = \"../libfvattn_naive.so\""},
       "'library.shared' is not a file name"},
      {{"\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"\nsha256.linux_aarch64 = "
        "\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"",
        "\"0123\"\nsha256.linux_aarch64 = \"0123\""},
       "'library.sha256' is not a hash"},
      {{"sass = [\"90a\", \"100a\"]", "sass = [90]"}, "'cuda.sass' has the wrong type; accepted: a list of strings"},
      {{"libtorch = { version = \"==2.11.*\", cxx11_abi = false }", "libtorch = \"2.11\""},
       "'requires.libtorch' has the wrong type"},
      {{"graph_safe = true", "graph_safe = 1"}, "'backend.graph_safe' has the wrong type; accepted: true or false"},
      {{"NAIVE_ATTN", "a,b"}, "a backend's name or alias cannot be used; got a,b"},
      {{"\"NAIVE\"", "\"auto\""}, "a backend's name or alias cannot be used; got auto"},
      {{"OTHER_ATTN", "NAIVE_ATTN"}, "two [[backend]] tables have the same name"},
      {{"[trust]", "trust ="}, "it is not TOML"},
  };
  for (const auto& [change, expected] : cases) {
    CAPTURE(change.second);
    CHECK_CONTAINS(error_of(replaced(kFull, change.first, change.second)), expected);
  }
  CHECK_CONTAINS(error_of("manifest_version = 1\nbackend = 3\n[plugin]\nid = \"a\"\n"),
                 "'backend' has the wrong type; accepted: [[backend]] tables");
  CHECK_CONTAINS(error_of(std::string(300 * 1024, '#')), "it is too long");
}
