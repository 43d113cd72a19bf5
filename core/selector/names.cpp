// Names and ids. The id of a name outside the reference is given once and holds for the life of the process.
#include "catalog.hpp"

#include <fvattn/context.hpp>
#include <fvattn/selector.hpp>

#include <algorithm>
#include <mutex>

namespace fvattn {
namespace {

struct ForeignIds {
  std::mutex mutex;
  std::vector<std::string> names;  // index + kFirstForeignId is the id

  static ForeignIds& get() {
    static auto* ids = new ForeignIds;
    return *ids;
  }
};

std::optional<AttentionBackendEnum> reference_id(std::string_view name) {
  const auto& names = reference_backend_names();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<AttentionBackendEnum>(found - names.begin() + 1);
}

}  // namespace

const char* to_string(SelectionSource source) {
  switch (source) {
    case SelectionSource::explicit_argument: return "explicit argument";
    case SelectionSource::scope: return "scope";
    case SelectionSource::environment: return "environment";
    case SelectionSource::layer_default: return "layer default";
    case SelectionSource::automatic: break;
  }
  return "automatic";
}

const std::vector<std::string>& reference_backend_names() {
  static const auto* names =
      new std::vector<std::string>{"FLASH_ATTN",      "SLIDING_TILE_ATTN", "TORCH_SDPA", "SAGE_ATTN",
                                   "SAGE_ATTN_THREE", "VIDEO_SPARSE_ATTN", "VMOBA_ATTN", "NO_ATTENTION"};
  return *names;
}

std::optional<AttentionBackendEnum> backend_name_to_enum(std::string_view name) {
  if (const auto id = reference_id(name)) return id;
  if (name.empty()) return std::nullopt;
  const Catalog catalog = Catalog::read(default_context().registry());
  if (catalog.offers_of(name).empty()) return std::nullopt;
  const std::string canonical = catalog.canonical(name);
  if (const auto id = reference_id(canonical)) return id;
  ForeignIds& ids = ForeignIds::get();
  const std::lock_guard lock(ids.mutex);
  auto found = std::find(ids.names.begin(), ids.names.end(), canonical);
  if (found == ids.names.end()) found = ids.names.insert(found, canonical);
  return static_cast<AttentionBackendEnum>(kFirstForeignId + (found - ids.names.begin()));
}

std::string backend_enum_to_name(AttentionBackendEnum id) {
  const int number = static_cast<int>(id);
  const auto& reference = reference_backend_names();
  if (number >= 1 && number <= static_cast<int>(reference.size())) return reference[static_cast<size_t>(number - 1)];
  ForeignIds& ids = ForeignIds::get();
  const std::lock_guard lock(ids.mutex);
  const int index = number - kFirstForeignId;
  return index >= 0 && index < static_cast<int>(ids.names.size()) ? ids.names[static_cast<size_t>(index)] : std::string();
}

bool SupportedBackends::lists(std::string_view name) const {
  return any_ || std::find(names_.begin(), names_.end(), name) != names_.end();
}

bool SupportedBackends::admits_foreign() const {
  return any_ || std::any_of(names_.begin(), names_.end(),
                             [](const std::string& name) { return name != "FLASH_ATTN" && name != "TORCH_SDPA"; });
}

}  // namespace fvattn
