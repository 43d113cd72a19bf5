#include "locked_copy.hpp"

#include "search_path.hpp"
#include "sha256.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>
#include <vector>

namespace fvattn {
namespace {

namespace fs = std::filesystem;

Status failed(const std::string& what, const std::string& path) {
  return Status::error(Code::failed_precondition, "the locked copy cannot be made: " + what, path, {},
                       "make the cache folder writable, or set FASTVIDEO_ATTENTION_PLUGIN_TRUST=user");
}

Status write_all(const OpenFile& file, int descriptor) {
  std::vector<char> piece(std::min<uint64_t>(file.size(), uint64_t{1} << 20));
  for (uint64_t at = 0; at < file.size();) {
    const size_t length = std::min<uint64_t>(piece.size(), file.size() - at);
    if (!file.read(at, piece.data(), length))
      return Status::error(Code::unavailable, "the file cannot be read", file.path());
    for (size_t done = 0; done < length;) {
      const ssize_t written = write(descriptor, piece.data() + done, length - done);
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return Status::error(Code::resource_exhausted, std::strerror(errno));
      done += static_cast<size_t>(written);
    }
    at += length;
  }
  return {};
}

bool holds(const std::string& path, const std::string& sha256) {
  const auto copy = OpenFile::open(path);
  if (!copy || (*copy)->status().st_uid != geteuid()) return false;
  const auto hash = sha256_hex(**copy);
  return hash && *hash == sha256;
}

}  // namespace

Result<std::string> locked_copy(const OpenFile& file, const std::string& sha256, const Environment& environment) {
  const std::string base = user_folder(environment, "XDG_CACHE_HOME", "/.cache", "/fvattn/plugins");
  if (base.empty()) return failed("neither XDG_CACHE_HOME nor HOME is set", {});
  const std::string folder = base + "/" + sha256, path = folder + "/" + fs::path(file.path()).filename().string();
  std::error_code trouble;
  fs::create_directories(folder, trouble);
  for (const std::string& made : {base, folder})
    if (!trouble) fs::permissions(made, fs::perms::owner_all, trouble);
  if (trouble) return failed(trouble.message(), folder);
  if (holds(path, sha256)) return path;

  // Written beside and renamed: a copy is whole or not there.
  std::string beside = path + ".XXXXXX";
  const int descriptor = mkostemp(beside.data(), O_CLOEXEC);
  if (descriptor < 0) return failed(std::strerror(errno), beside);
  Status status = write_all(file, descriptor);
  if (status.ok() && fchmod(descriptor, S_IRUSR | S_IXUSR) != 0)
    status = Status::error(Code::unavailable, std::strerror(errno));
  close(descriptor);
  if (status.ok() && rename(beside.c_str(), path.c_str()) != 0)
    status = Status::error(Code::unavailable, std::strerror(errno));
  if (!status.ok()) {
    unlink(beside.c_str());
    return failed(status.text(), path);
  }
  if (!holds(path, sha256)) return failed("its bytes are not those of the original", path);
  return path;
}

}  // namespace fvattn
