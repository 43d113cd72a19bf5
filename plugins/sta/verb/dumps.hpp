// The q, k and v that a search runs on: a folder of dumps, or the attention of `fvattn denoise` on a clip.
#pragma once

#include "common/verb.hpp"

#include <fvattn/sta/window.hpp>
#include <fvattn/status.hpp>

#include <string>
#include <vector>

namespace fvattn::sta {

struct Dump {
  int step, layer;
  std::string path;
};

/// The files <step>_<layer>.safetensors of `folder`, by step and layer. FAILED_PRECONDITION unless every step from 0 has
/// every layer from 0.
Result<std::vector<Dump>> dumps_in(const std::string& folder);

/// What `fvattn denoise` is asked for; it checks the values.
class ClipRequest {
 public:
  void add_to(CLI::App& app);
  const std::string& clip() const { return clip_; }
  /// The clip's name in those of result files.
  std::string name() const;

  struct Dumps {
    std::vector<std::string> folders;  // one a window of frames, for dumps_in()
    Window tokens;                     // of a window: frames, rows, columns
  };
  /// Runs it; its dumps lie below `folder`.
  Result<Dumps> dump_into(const std::string& folder, const std::string& device, int timeout_s) const;

 private:
  std::string clip_, size_, frames_, window_, heads_, noise_, seed_;
};

}  // namespace fvattn::sta
