// Which backend serves a layer: names, overrides, the rule, and the explanation.
//
// Order: explicit argument > scope > FASTVIDEO_ATTENTION_BACKEND > layer default > automatic.
// The answer is a pure function of Request, the environment snapshot, the scope, the problem, the device and the
// registry's generation; the memo is keyed by all of them.
//
// All four sources use one grammar:
//   NAME          that backend, or an error that says why not
//   id/NAME       the same, of one plugin
//   A,B           in this order, only these
//   prefer:NAME   that backend if it can serve; otherwise as `auto`, with a warning that says why
//   auto          no wish: weaker scopes and the environment are not asked; the layer's default, else automatic choice
// An empty text is no request.
#pragma once

#include <fvattn/export.hpp>

#include <fvattn/attention_backend.hpp>
#include <fvattn/environment.hpp>
#include <fvattn/registry.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fvattn FVATTN_PUBLIC {

/// The reference's AttentionBackendEnum, counted from 1 in its order; other names get ids from 1000 on, for the
/// life of the process, when a plugin registers them or somebody asks.
enum class AttentionBackendEnum : int {
  FLASH_ATTN = 1,
  SLIDING_TILE_ATTN,
  TORCH_SDPA,
  SAGE_ATTN,
  SAGE_ATTN_THREE,
  VIDEO_SPARSE_ATTN,
  VMOBA_ATTN,
  NO_ATTENTION,
};
inline constexpr int kFirstForeignId = 1000;

/// The id of a reference name, or of any name in the default context's registry; nullopt for others.
/// Case-sensitive, not trimmed, as the reference.
std::optional<AttentionBackendEnum> backend_name_to_enum(std::string_view name);
/// The name of an id; empty for an id never given.
std::string backend_enum_to_name(AttentionBackendEnum id);
/// The eight names of the reference, in its order.
const std::vector<std::string>& reference_backend_names();

/// Which backends a layer can use.
class SupportedBackends {
 public:
  static SupportedBackends any() { return SupportedBackends(true, {}); }
  SupportedBackends(std::initializer_list<std::string> names) : SupportedBackends(false, names) {}
  explicit SupportedBackends(std::vector<std::string> names) : SupportedBackends(false, std::move(names)) {}

  bool is_any() const { return any_; }
  bool empty() const { return !any_ && names_.empty(); }
  /// True for any(), or if `name` is in the list. Exact spelling.
  bool lists(std::string_view name) const;
  /// True if the list is any() or names a backend besides FLASH_ATTN and TORCH_SDPA: such a layer admits backends
  /// from outside the reference that the environment or a scope names.
  bool admits_foreign() const;
  const std::vector<std::string>& names() const { return names_; }
  bool operator==(const SupportedBackends&) const = default;

 private:
  SupportedBackends(bool any, std::vector<std::string> names) : any_(any), names_(std::move(names)) {}
  bool any_;
  std::vector<std::string> names_;
};

/// Who decided.
enum class SelectionSource { explicit_argument, scope, environment, layer_default, automatic };
const char* to_string(SelectionSource source);

struct Request {
  std::string backend;        // explicit argument; empty = none
  std::string layer_default;  // empty = none
  SupportedBackends supported = SupportedBackends::any();
  std::string layer;          // for messages: "blocks.3.attn1"
};

struct CandidateTrace {
  struct Stage {
    std::string name;  // registered, listed, opt-in, manifest, loaded, capability
    bool passed;
    std::string detail;
  };
  std::string name, plugin;
  std::vector<Stage> stages;
  Support support;  // of the capability stage
  bool chosen = false;
};

struct Selection {
  const AttentionBackend* backend = nullptr;
  SelectionSource source = SelectionSource::automatic;
};

/// explain() as data: every candidate with every stage it passed or failed.
struct Explanation {
  std::optional<Selection> selection;
  Status status;                     // why there is no selection
  std::string request_text;          // the request, the problem, the device, in words
  std::vector<std::string> steps;    // the chain: what each source asked for and why it did or did not decide
  std::vector<CandidateTrace> candidates;
  std::vector<std::string> changes;  // which setting would change the outcome
};

/// Thread-safe. `registry` must outlive it.
class Selector {
 public:
  Selector(std::shared_ptr<const Environment> environment, Registry& registry);
  ~Selector();

  /// The backend for `problem` on `device`, from the memo if all inputs are as before. Loads no plugin but the named
  /// one; automatic choice loads those whose manifest does not rule them out. Errors: INVALID_ARGUMENT (a name that
  /// nobody registered, bad grammar, a list that excludes the argument, an empty list), UNAVAILABLE (nobody can serve,
  /// every reason in the text). Failures are never remembered.
  Result<Selection> select(const Request& request, const Device& device, const Problem& problem);
  /// The same decision with everything on record. Never memoised.
  Explanation explain(const Request& request, const Device& device, const Problem& problem);
  void set_environment(std::shared_ptr<const Environment> environment);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Forces a backend (grammar above) in this thread until it goes. Nests. An empty text means no request in this scope:
/// outer scopes are hidden and the environment is asked. Names are checked when a layer selects. Destroy it in the
/// thread that made it.
class ScopedAttnBackend {
 public:
  explicit ScopedAttnBackend(std::string backend);
  ~ScopedAttnBackend();
  ScopedAttnBackend(const ScopedAttnBackend&) = delete;
  ScopedAttnBackend& operator=(const ScopedAttnBackend&) = delete;

 private:
  uint64_t id_;
};

/// The innermost scope's value, else the forced one of this thread; empty when there is none.
std::string current_scope_backend();

/// The reference's functions, thin forms of the above on the default context. The forced value is per thread; set
/// inside a scope it holds until that scope goes, as the reference's context manager restores what it found.
/// Throws Error for an id never given.
void global_force_attn_backend(std::optional<AttentionBackendEnum> backend);
/// The value in force in this thread if it is one known name; nullopt for none, a list, prefer: and auto.
std::optional<AttentionBackendEnum> get_global_forced_attn_backend();
using global_force_attn_backend_context_manager = ScopedAttnBackend;
/// The environment's choice if it is one known name; nullopt for none, a list, prefer: and auto; throws Error if it
/// names nobody.
std::optional<AttentionBackendEnum> get_env_variable_attn_backend();
/// The backend of self-attention at this head size and dtype (DLPack code and bits), for a nominal sequence. A layer asks again with
/// its real problem. Throws Error; empty `supported` gives the reference's error.
const AttentionBackend& get_attn_backend(int head_size, uint8_t dtype_code, uint8_t dtype_bits,
                                         const SupportedBackends& supported, const Device& device = cpu_device());

}  // namespace fvattn
