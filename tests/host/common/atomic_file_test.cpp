#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include "common/atomic_file.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace fvattn;
using host::AtomicFile;
namespace fs = std::filesystem;

namespace {

struct Folder {
  fs::path path = fs::temp_directory_path() / ("fvattn-atomic-" + std::to_string(getpid()));
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
  size_t count() const { return static_cast<size_t>(std::distance(fs::directory_iterator(path), fs::directory_iterator())); }
};

std::string content(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("a committed file is whole, an abandoned one leaves nothing") {
  Folder folder;
  const fs::path path = folder.path / "a";
  CHECK(host::write_file(path, "first").ok());
  {
    auto file = AtomicFile::create(path);
    REQUIRE(file.ok());
    CHECK(file->write("second").ok());
  }
  CHECK(content(path) == "first");
  CHECK(folder.count() == 1);
  CHECK(host::write_file(path, "third").ok());
  CHECK(content(path) == "third");
  CHECK(folder.count() == 1);
}

TEST_CASE("the mode follows the umask") {
  Folder folder;
  const mode_t before = umask(027);
  CHECK(host::write_file(folder.path / "a", "x").ok());
  umask(before);
  struct stat info {};
  REQUIRE(stat((folder.path / "a").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0640);
}

TEST_CASE("a link keeps pointing at the file that is replaced") {
  Folder folder;
  CHECK(host::write_file(folder.path / "real", "old").ok());
  fs::create_symlink("real", folder.path / "link");
  CHECK(host::write_file(folder.path / "link", "new").ok());
  CHECK(fs::is_symlink(folder.path / "link"));
  CHECK(content(folder.path / "real") == "new");
}

TEST_CASE("a full disk is an error, and a device is written directly") {
  const Status status = host::write_file("/dev/full", "x");
  CHECK(status.code == Code::resource_exhausted);
  CHECK(status.text().find("/dev/full") != std::string::npos);
  CHECK(fs::is_character_file("/dev/full"));
}

TEST_CASE("a size limit leaves the old file alone") {
  Folder folder;
  const fs::path path = folder.path / "a";
  CHECK(host::write_file(path, "old").ok());
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{1000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const Status status = host::write_file(path, std::string(5000, 'x'));
  setrlimit(RLIMIT_FSIZE, &before);
  CHECK(status.code == Code::resource_exhausted);
  CHECK(content(path) == "old");
  CHECK(folder.count() == 1);
}

TEST_CASE("places where no file can be") {
  Folder folder;
  CHECK(host::write_file(folder.path, "x").code == Code::failed_precondition);
  CHECK(host::write_file(folder.path / "none" / "a", "x").code == Code::failed_precondition);
  CHECK(host::write_file("", "x").code == Code::invalid_argument);
}
