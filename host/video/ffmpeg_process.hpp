// The program ffmpeg as a child whose standard output is read through a pipe.
#pragma once

#include <fvattn/status.hpp>

#include <cstddef>
#include <string>
#include <sys/types.h>
#include <vector>

namespace fvattn::video {

/// Arguments go to execvp one by one: no shell sees them, whatever a file is called. Standard input is empty, what the
/// child says on standard error is kept for messages. Ends the child when it goes. Move-only.
class FfmpegProcess {
 public:
  /// UNAVAILABLE if there is no ffmpeg on PATH.
  static Result<FfmpegProcess> start(const std::vector<std::string>& arguments);
  FfmpegProcess(FfmpegProcess&& other) noexcept;
  FfmpegProcess& operator=(FfmpegProcess&&) = delete;
  ~FfmpegProcess();

  /// Fills `data` as far as the child's output goes; fewer bytes than asked mean that it ended.
  size_t read(void* data, size_t bytes);
  /// One line without its end; empty at the end of the output.
  std::string read_line();
  /// Waits for the child. True if it exited with 0.
  bool succeeded();
  /// The last line of its standard error.
  std::string complaint() const;

 private:
  FfmpegProcess(pid_t child, int output, int errors) : child_(child), output_(output), errors_(errors) {}

  pid_t child_;
  int output_, errors_;
};

/// `-i` and a name that ffmpeg takes for a local file, whatever characters it has, and nothing else.
std::vector<std::string> ffmpeg_input(const std::string& path);

}  // namespace fvattn::video
