// Files that are wrong from outside: nothing of them is ever run.
#include "bad_case.hpp"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>

using namespace fvattn;
using namespace fvattn::test;

namespace {

struct BadFile {
  Zoo zoo;
  std::string path;

  explicit BadFile(const std::string& manifest = bad_manifest(), const std::string& built = "unspoilt") {
    zoo.add_good();
    path = zoo.add("bad", built, manifest);
  }
  void check(const Refused& expected) { check_refused(zoo, path, expected); }
  std::string bytes() const { return read_text(path); }
  void replace(const std::string& bytes) { zoo.folder.write("libfvattn_bad.so", bytes); }
};

}  // namespace

TEST_CASE("the unspoilt library is fine") {
  BadFile file;
  const auto found = file.zoo.registry().find("BAD_ATTN");
  REQUIRE_MESSAGE(found.ok(), found.status().text());
  check_works(**found);
}

TEST_CASE("a truncated library") {
  for (const double part : {0.0, 0.001, 0.3, 0.999}) {
    CAPTURE(part);
    BadFile file;
    file.replace(file.bytes().substr(0, static_cast<size_t>(part * static_cast<double>(file.bytes().size()))));
    file.check({"elf", "FVP-1", "not a usable ELF file"});
  }
}

TEST_CASE("a text named .so") {
  BadFile file;
  file.replace("This is not a library.\n");
  file.check({"elf", "FVP-1", "does not start with the ELF signature"});
}

TEST_CASE("a library for another machine") {
  BadFile file;
  std::string bytes = file.bytes();
  bytes[offsetof(Elf64_Ehdr, e_machine)] = static_cast<char>(EM_RISCV);
  file.replace(bytes);
  file.check({"elf", "FVP-1", "for another machine; got riscv"});
}

TEST_CASE("a hash that does not fit") {
  BadFile file(bad_manifest("[library.sha256]\nlinux_x86_64 = \"" + std::string(64, 'a') + "\"\nlinux_aarch64 = \"" +
                            std::string(64, 'a') + "\"\n"));
  file.check({"hash", "FVH-5", "not the one that its manifest describes; got sha256 "});
}

TEST_CASE("two manifests that disagree") {
  Zoo zoo;
  zoo.add_good();
  std::string bytes = read_text(zoo.add("bad", "embedded", {}));
  zoo.folder.write("bad.fvattn.toml", bad_manifest());
  check_refused(zoo, zoo.folder.path("libfvattn_bad.so"),
                {"manifest", "FVH-5", "the manifest beside the library and the one in it disagree"});
}

TEST_CASE("files that others can write") {
  SUBCASE("the library") {
    BadFile file;
    chmod(file.path.c_str(), 0646);
    file.check({"trust", "FVH-5", "libfvattn_bad.so can be written by everybody"});
  }
  SUBCASE("the manifest") {
    BadFile file;
    chmod(file.zoo.folder.path("bad.fvattn.toml").c_str(), 0602);
    file.check({"trust", "FVH-5", "bad.fvattn.toml can be written by everybody"});
  }
  SUBCASE("the folder of a plugin") {
    Zoo zoo;
    zoo.add_good();
    const std::string path = zoo.folder.path("bad/libfvattn_bad.so");
    std::filesystem::create_directory(zoo.folder.path("bad"));
    std::filesystem::copy_file(Zoo::built_path("unspoilt"), path);
    zoo.folder.write("bad/bad.fvattn.toml", bad_manifest());
    chmod(zoo.folder.path("bad").c_str(), 0707);
    check_refused(zoo, path, {"trust", "FVH-5", "/bad can be written by everybody"});
  }
  SUBCASE("unless anybody is trusted") {
    BadFile file;
    chmod(file.path.c_str(), 0646);
    file.zoo.values[env::kPluginTrust] = "any";
    CHECK(file.zoo.registry().find("BAD_ATTN").ok());
  }
}

TEST_CASE("the same id twice") {
  Zoo zoo;
  zoo.add_good("a");
  const std::string second = zoo.add_good("b");
  const auto good = zoo.registry().find("GOOD_ATTN");
  REQUIRE(good.ok());
  CHECK((*good)->plugin_path() == zoo.folder.path("libfvattn_a.so"));
  check_works(**good);
  CHECK(zoo.info_of(second).state == PluginState::shadowed);
  const auto refusals = zoo.refusals_of(second);
  REQUIRE(refusals.size() == 1);
  CHECK(refusals[0].rule == "FVH-5");
  CHECK_CONTAINS(refusals[0].reason, "the id test.good was found earlier: " + zoo.folder.path("libfvattn_a.so"));
}

TEST_CASE("a manifest from the future") {
  Zoo zoo;
  zoo.add_good();
  const std::string path =
      zoo.add("bad", "unspoilt", "manifest_version = 2\n[plugin]\nid = \"test.bad\"\n[shape_of_things_to_come]\n");
  const auto good = zoo.registry().find("GOOD_ATTN");
  REQUIRE(good.ok());
  check_works(**good);
  const auto refusals = zoo.refusals_of(path);
  REQUIRE(refusals.size() == 1);
  CHECK(refusals[0].stage == "manifest");
  CHECK(refusals[0].rule == "FVH-5");
  CHECK_CONTAINS(refusals[0].reason, "newer than this fvattn understands; got manifest_version 2");
  CHECK_CONTAINS(refusals[0].hint, "upgrade fvattn");
  CHECK_CONTAINS(zoo.registry().find("BAD_ATTN").status().text(), "newer than this fvattn understands");
}

TEST_CASE("manifests that cannot be read, or none at all") {
  const std::pair<const char*, const char*> cases[] = {
      {"manifest_version = ", "it is not TOML"},
      {"manifest_version = 1\n", "the table [plugin] is missing"},
      {"manifest_version = 1\n[plugin]\nid = 3\n", "'plugin.id' has the wrong type"},
      {"manifest_version = 1\n[plugin]\nid = \"test.bad\"\n", "it has no [[backend]] table"},
  };
  for (const auto& [manifest, reason] : cases) {
    CAPTURE(manifest);
    Zoo zoo;
    const std::string path = zoo.add("bad", "unspoilt", manifest);
    const auto refusals = zoo.refusals_of(path.empty() ? path : (zoo.registry().plugins(), path));
    REQUIRE(refusals.size() == 1);
    CHECK(refusals[0].stage == "manifest");
    CHECK_CONTAINS(refusals[0].reason, reason);
  }
  Zoo zoo;
  const std::string path = zoo.add("bad", "unspoilt", {});
  zoo.registry().plugins();
  const auto refusals = zoo.refusals_of(path);
  REQUIRE(refusals.size() == 1);
  CHECK(refusals[0].rule == "FVH-5");
  CHECK_CONTAINS(refusals[0].reason, "no manifest");
}

TEST_CASE("a manifest without its library, and one that points elsewhere") {
  Zoo zoo;
  zoo.add_good();
  zoo.folder.write("bad.fvattn.toml", bad_manifest());
  check_refused(zoo, zoo.folder.path("libfvattn_bad.so"), {"search", "FVH-5", "cannot be opened: No such file"});

  Zoo elsewhere;
  elsewhere.add_good();
  const std::string path = Zoo::built_path("unspoilt");
  elsewhere.folder.write("bad.fvattn.toml", bad_manifest("[library.shared]\nlinux_x86_64 = \"" + path +
                                                         "\"\nlinux_aarch64 = \"" + path + "\"\n"));
  check_refused(elsewhere, path, {"manifest", "FVH-5", "an absolute library path"});
}

TEST_CASE("requirements that this machine does not meet") {
  BadFile libc(bad_manifest("[requires]\nglibc = \"9.1\"\n"));
  libc.check({"requires", "FVP-12", "a newer C library; got glibc 2."});
  BadFile minor(bad_manifest("[abi]\nname = \"fvattn\"\nmajor = 1\nmin_minor = 99\n"));
  minor.check({"manifest", "FVP-4", "the plugin needs a newer fvattn; got fvattn 1.99"});
  BadFile major(bad_manifest("[abi]\nname = \"fvattn\"\nmajor = 3\n"));
  major.check({"manifest", "FVP-4", "another major version"});
}

TEST_CASE("another LibTorch") {
  const std::string needs = bad_manifest("[requires.libtorch]\nversion = \"==2.11.*\"\ncxx11_abi = true\n");
  SUBCASE("another version: both are in the message") {
    BadFile file(needs);
    file.zoo.folder.write("torch/lib/libtorch_cpu.so", "");
    file.zoo.folder.write("torch/version.py", "__all__ = ['__version__']\n__version__ = '2.3.1+cu121'\n");
    file.check({"requires", "FVP-12", "the plugin needs LibTorch ==2.11.*; got LibTorch 2.3.1+cu121"});
  }
  SUBCASE("another C++ ABI") {
    BadFile file(needs);
    file.zoo.folder.write("torch/lib/libtorch_cpu.so", "");
    file.zoo.folder.write("torch/build-version", "2.11.3\n");
    std::filesystem::copy_file(Zoo::built_path("good"),
                               file.zoo.folder.path("torch/lib/libc10.so"));  // nothing of __cxx11 in it
    file.check({"requires", "FVP-12", "_GLIBCXX_USE_CXX11_ABI=1; got LibTorch 2.11.3"});
  }
  SUBCASE("none") {
    BadFile file(needs);
    file.check({"requires", "FVP-12", "no libtorch_cpu.so was found"});
  }
  SUBCASE("the right one") {
    BadFile file(needs);
    file.zoo.folder.write("torch/lib/libtorch_cpu.so", "");
    file.zoo.folder.write("torch/include/torch/version.h",
                          "#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 11\n#define TORCH_VERSION_PATCH 0\n");
    CHECK(file.zoo.registry().find("BAD_ATTN").ok());
  }
}
