// What surrounds a forward pass: the denoising step and the metadata built for it. Thread-local, nests.
#pragma once

#include <fvattn/export.hpp>

#include <fvattn/attention_backend.hpp>

#include <map>
#include <memory>
#include <string>

namespace fvattn FVATTN_PUBLIC {

struct ForwardContext {
  int64_t step = 0;         // loop index of the denoising step
  int64_t total_steps = 0;  // 0 unknown
  double timestep = 0;      // the scheduler's value
  bool is_cfg_negative = false;
  /// One object per backend; a layer takes the one of its own backend and ignores the rest.
  std::map<const AttentionBackend*, std::shared_ptr<const AttentionMetadata>> metadata;

  /// Keeps `built` for the backend that built it, in place of what that backend had. Throws Error on nullptr.
  void add(std::shared_ptr<const AttentionMetadata> built);
  /// What `backend` built, or nullptr: metadata never reaches another backend.
  const AttentionMetadata* metadata_for(const AttentionBackend& backend) const;
};

/// Installs a context for the current thread and restores the former one when it goes, on exceptions too.
/// Threads of autograd (backward, checkpointed recomputation) have no context of their own: they see the one that
/// is open in the thread that opened most recently, or the one a saved handle re-installs. Destroy a scope in the
/// thread that made it, innermost first.
class ForwardContextScope {
 public:
  explicit ForwardContextScope(ForwardContext context);
  explicit ForwardContextScope(std::shared_ptr<const ForwardContext> context);
  ~ForwardContextScope();
  ForwardContextScope(const ForwardContextScope&) = delete;
  ForwardContextScope& operator=(const ForwardContextScope&) = delete;

 private:
  std::shared_ptr<const ForwardContext> installed_, former_;
};

/// The context of this thread, or of the thread that opened the forward; nullptr when there is none.
std::shared_ptr<const ForwardContext> find_forward_context();
/// As above; throws Error with the reference's text when there is none.
std::shared_ptr<const ForwardContext> current_forward_context();

}  // namespace fvattn
