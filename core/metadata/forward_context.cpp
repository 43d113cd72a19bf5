#include <fvattn/forward_context.hpp>

#include <algorithm>
#include <mutex>

namespace fvattn {
namespace {

using Shared = std::shared_ptr<const ForwardContext>;

/// This thread's innermost context.
thread_local Shared own_context;

/// Every open scope of the process, oldest first: what a thread without a context of its own looks at.
struct OpenScopes {
  std::mutex mutex;
  std::vector<std::pair<const ForwardContextScope*, Shared>> list;

  static OpenScopes& get() {
    static auto* open = new OpenScopes; // autograd's threads may outlive static destructors
    return *open;
  }
};

}  // namespace

void ForwardContext::add(std::shared_ptr<const AttentionMetadata> built) {
  if (built == nullptr)
    throw Error(Status::error(Code::invalid_argument, "a forward context was given no metadata", "nullptr",
                              "what AttentionMetadataBuilder::build returned"));
  const AttentionBackend* backend = &built->backend();
  metadata[backend] = std::move(built);
}

const AttentionMetadata* ForwardContext::metadata_for(const AttentionBackend& backend) const {
  const auto found = metadata.find(&backend);
  return found == metadata.end() ? nullptr : found->second.get();
}

ForwardContextScope::ForwardContextScope(ForwardContext context)
    : ForwardContextScope(std::make_shared<const ForwardContext>(std::move(context))) {}

ForwardContextScope::ForwardContextScope(std::shared_ptr<const ForwardContext> context)
    : installed_(std::move(context)), former_(own_context) {
  if (installed_ != nullptr) { // a saved handle may be empty: then nothing changes for other threads
    OpenScopes& open = OpenScopes::get();
    const std::lock_guard lock(open.mutex);
    open.list.emplace_back(this, installed_);
  }
  own_context = installed_;
}

ForwardContextScope::~ForwardContextScope() {
  own_context = std::move(former_);
  if (installed_ == nullptr) return;
  OpenScopes& open = OpenScopes::get();
  const std::lock_guard lock(open.mutex);
  const auto mine = std::find_if(open.list.rbegin(), open.list.rend(), [this](const auto& entry) { return entry.first == this; });
  if (mine != open.list.rend()) open.list.erase(std::next(mine).base());
}

std::shared_ptr<const ForwardContext> find_forward_context() {
  if (own_context != nullptr) return own_context;
  OpenScopes& open = OpenScopes::get();
  const std::lock_guard lock(open.mutex);
  return open.list.empty() ? nullptr : open.list.back().second;
}

std::shared_ptr<const ForwardContext> current_forward_context() {
  auto context = find_forward_context();
  if (context == nullptr)
    throw Error(Status::error(Code::failed_precondition,
                              "Forward context is not set. Please use `set_forward_context` to set the forward context.", {}, {},
                              "in C++ open a fvattn::ForwardContextScope around the forward pass"));
  return context;
}

}  // namespace fvattn
