#include "video/ffmpeg_process.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

extern char** environ;

namespace fvattn::video {
namespace {

constexpr const char* kProgram = "ffmpeg";

Status cannot_start(int error) {
  const bool missing = error == ENOENT;
  return Status::error(
      missing ? Code::unavailable : Code::failed_precondition,
      missing ? "the program ffmpeg, which decodes clips, is not on PATH"
              : std::string("cannot start the program ffmpeg: ") + std::strerror(error),
      {}, {},
      missing ? "install it (Debian and Ubuntu: apt-get install ffmpeg), or use the clip name 'generated'" : std::string());
}

}  // namespace

Result<FfmpegProcess> FfmpegProcess::start(const std::vector<std::string>& arguments) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return cannot_start(errno);
  const int errors = memfd_create("ffmpeg-errors", MFD_CLOEXEC);
  FfmpegProcess process(-1, ends[0], errors);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  if (errors >= 0) posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);

  std::vector<char*> argv{const_cast<char*>(kProgram)};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const int error = posix_spawnp(&process.child_, kProgram, &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (error != 0) {
    process.child_ = -1;
    return cannot_start(error);
  }
  return process;
}

FfmpegProcess::FfmpegProcess(FfmpegProcess&& other) noexcept
    : child_(std::exchange(other.child_, -1)),
      output_(std::exchange(other.output_, -1)),
      errors_(std::exchange(other.errors_, -1)) {}

FfmpegProcess::~FfmpegProcess() {
  if (output_ >= 0) close(output_);
  if (child_ > 0) {
    kill(child_, SIGKILL);
    succeeded();
  }
  if (errors_ >= 0) close(errors_);
}

size_t FfmpegProcess::read(void* data, size_t bytes) {
  size_t filled = 0;
  while (filled < bytes) {
    const ssize_t got = ::read(output_, static_cast<char*>(data) + filled, bytes - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    filled += static_cast<size_t>(got);
  }
  return filled;
}

std::string FfmpegProcess::read_line() {
  std::string line;
  for (char c = 0; read(&c, 1) == 1 && c != '\n';) line += c;
  return line;
}

bool FfmpegProcess::succeeded() {
  int status = 0;
  while (waitpid(child_, &status, 0) < 0)
    if (errno != EINTR) return false;
  child_ = -1;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

std::string FfmpegProcess::complaint() const {
  char tail[2048];
  const off_t end = errors_ < 0 ? 0 : lseek(errors_, 0, SEEK_END);
  const off_t from = end > static_cast<off_t>(sizeof(tail)) ? end - static_cast<off_t>(sizeof(tail)) : 0;
  const ssize_t got = errors_ < 0 ? 0 : pread(errors_, tail, sizeof(tail), from);
  std::string text(tail, got > 0 ? static_cast<size_t>(got) : 0);
  text.erase(text.find_last_not_of(" \n\r") + 1);
  const size_t line = text.find_last_of("\n\r");
  return line == std::string::npos ? text : text.substr(line + 1);
}

std::vector<std::string> ffmpeg_input(const std::string& path) {
  return {"-nostdin", "-v", "error", "-protocol_whitelist", "file", "-i", "file:" + path};
}

}  // namespace fvattn::video
