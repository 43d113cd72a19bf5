#include "inspection.hpp"

#include "requirements.hpp"

#include <filesystem>
#include <optional>

namespace fvattn {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMostManifestBytes = uint64_t{256} << 10;

using File = std::shared_ptr<OpenFile>;

/// First everything is read without a word, so that the id is known; then it is judged.
class Inspector {
 public:
  Inspector(const Candidate& candidate, const TrustPolicy& policy, Trace& trace)
      : candidate_(candidate), policy_(policy), trace_(trace) {
    result_.info.source = candidate.source;
  }

  Inspection run(const IdFilter& filter) {
    gather();
    PluginInfo& info = result_.info;
    info.path = path();
    if (const Manifest* manifest = best_manifest()) describe(*manifest);
    if (std::string why = filter.why_not(info.id); !info.id.empty() && !why.empty()) {
      info.state = PluginState::disabled;
      trace_.note(path(), "search", why);
      info.reason = std::move(why);
    } else {
      judge();
    }
    return std::move(result_);
  }

 private:
  std::string path() const { return library_path_.empty() ? candidate_.path() : library_path_; }

  void gather() {
    if (!candidate_.sidecar.empty()) {
      sidecar_file_.emplace(OpenFile::open(candidate_.sidecar));
      if (*sidecar_file_) sidecar_.emplace(parse_file(***sidecar_file_));
    }
    library_path_ = find_library();
    if (library_path_.empty()) return;
    library_file_.emplace(OpenFile::open(library_path_));
    if (!*library_file_) return;
    result_.library = (**library_file_)->status();
    elf_.emplace(read_elf(***library_file_));
    if (*elf_ && (*elf_)->manifest)
      embedded_.emplace(parse_manifest(*(*elf_)->manifest, library_path_ + " (" + kManifestSection + ")"));
  }

  static Result<Manifest> parse_file(const OpenFile& file) {
    auto text = file.text(kMostManifestBytes);
    if (!text) return text.status();
    return parse_manifest(*text, file.path());
  }

  std::string find_library() {
    if (!candidate_.library.empty()) return candidate_.library;
    const fs::path sidecar = candidate_.sidecar;
    const std::string named = sidecar_ && *sidecar_ ? (*sidecar_)->library : std::string();
    if (!named.empty()) return (sidecar.parent_path() / named).lexically_normal();
    const std::string usual = library_name_of(sidecar.filename());
    return usual.empty() ? std::string() : (sidecar.parent_path() / usual).string();
  }

  const Manifest* best_manifest() const {
    if (sidecar_ && *sidecar_) return &**sidecar_;
    return embedded_ && *embedded_ ? &**embedded_ : nullptr;
  }

  void describe(const Manifest& manifest) {
    PluginInfo& info = result_.info;
    info.manifest = manifest;
    info.id = manifest.id;
    info.version = manifest.version;
    info.publisher = manifest.publisher;
    for (const BackendManifest& backend : manifest.backends) info.backends.push_back(backend.name);
  }

  void judge() { judge_search() && judge_trust() && judge_elf() && judge_manifest(); }

  bool judge_search() {
    if (is_reserved_name(plugin_name_of(fs::path(candidate_.path()).filename())))
      return refuse(
          "search",
          Status::error(Code::invalid_argument, "the plugin names torch and torch_ops belong to fvattn's own libraries", {},
                        {}, "rename it"),
          "FVH-5");
    if (sidecar_file_ && !*sidecar_file_) return refuse("search", sidecar_file_->status(), "FVH-5");
    // A broken manifest is the better reason when it is why there is no library.
    if (sidecar_ && !*sidecar_ && (!library_file_ || !*library_file_))
      return refuse("manifest", sidecar_->status(), "FVH-5");
    const std::string& named = result_.info.manifest.library;
    if (sidecar_ && *sidecar_ && named.starts_with('/') && !candidate_.drop_in)
      return refuse("manifest",
                    Status::error(Code::invalid_argument,
                                  "an absolute library path is for manifests in the system's drop-in folder only", named,
                                  "a path relative to the manifest"),
                    "FVH-5");
    if (library_path_.empty())
      return refuse("search", Status::error(Code::invalid_argument, "the manifest names no library"), "FVH-5");
    if (!*library_file_) return refuse("search", library_file_->status(), "FVH-5");
    return true;
  }

  bool judge_trust() {
    if (policy_.owner == TrustPolicy::Owner::core && candidate_.source != "library")
      return refuse("trust",
                    Status::error(Code::failed_precondition, "only the plugins beside libfvattn.so are trusted",
                                  "source " + candidate_.source, {},
                                  std::string(env::kPluginTrust) + "=user trusts your own files too"),
                    "FVH-5");
    for (const auto* file : {&sidecar_file_, &library_file_})
      if (*file)
        if (Status status = check_trust(policy_, ****file, candidate_.folder); !status.ok())
          return refuse("trust", status, "FVH-5");
    trace_.ok(path(), "trust", std::string("policy ") + policy_.name());
    return true;
  }

  bool judge_elf() {
    if (!*elf_) return refuse("elf", elf_->status(), "FVP-1");
    const Refusal refusal = check_elf(**elf_);
    if (refusal.any()) return refuse("elf", refusal.status, refusal.rule);
    trace_.ok(path(), "elf", "exports its entry point");
    return true;
  }

  bool judge_manifest() {
    for (const auto* manifest : {&sidecar_, &embedded_})
      if (*manifest && !**manifest) return refuse("manifest", (*manifest)->status(), "FVH-5");
    if (!sidecar_ && !embedded_)
      return refuse("manifest",
                    Status::error(Code::invalid_argument, "no manifest: neither a file beside it nor a section in it", {},
                                  "NAME.fvattn.toml, or the section " + std::string(kManifestSection),
                                  "build it with fvattn_add_plugin"),
                    "FVH-5");
    const std::string named = fs::path(result_.info.manifest.library).filename();
    if (sidecar_ && !named.empty() && named != fs::path(library_path_).filename())
      return refuse(
          "manifest",
          Status::error(Code::invalid_argument, "the manifest beside the library is for another one", named, library_path_),
          "FVH-5");
    if (sidecar_ && embedded_ && (*sidecar_)->canonical != (*embedded_)->canonical)
      return refuse("manifest",
                    Status::error(Code::failed_precondition, "the manifest beside the library and the one in it disagree",
                                  "id " + (*sidecar_)->id + " " + (*sidecar_)->version + " against " + (*embedded_)->id +
                                      " " + (*embedded_)->version,
                                  "the same text but for hash and signature", "install both files of one build"),
                    "FVH-5");
    const Manifest& manifest = *best_manifest();
    if (const Refusal refusal = check_abi(manifest); refusal.any()) return refuse("manifest", refusal.status, refusal.rule);
    for (const std::string& note : manifest.notes) trace_.note(path(), "manifest", note, "FVH-5");
    if (!embedded_)
      trace_.note(path(), "manifest", "it has only the file beside it; embed it, so that the library can be moved alone");
    result_.elf = std::move(**elf_);
    for (const std::string& note : audit_elf(result_.elf, manifest)) {
      const size_t space = note.find(' ');
      trace_.note(path(), "elf", note.substr(space + 1), note.substr(0, space));
    }
    trace_.ok(path(), "manifest", "id " + manifest.id + " " + manifest.version);
    return true;
  }

  bool refuse(const char* stage, const Status& status, const char* rule) { return refuse(stage, status, std::string(rule)); }
  bool refuse(const char* stage, Status status, std::string rule) {
    result_.info.state = PluginState::refused;
    const std::string hint = std::exchange(status.hint, {});
    result_.info.reason = status.text();
    trace_.refused(path(), stage, result_.info.reason, std::move(rule), hint);
    return false;
  }

  const Candidate& candidate_;
  const TrustPolicy& policy_;
  Trace& trace_;
  std::string library_path_;
  std::optional<Result<File>> sidecar_file_, library_file_;
  std::optional<Result<Manifest>> sidecar_, embedded_;
  std::optional<Result<ElfFile>> elf_;
  Inspection result_;
};

}  // namespace

Status check_trust(const TrustPolicy& policy, const OpenFile& file, const std::string& search_folder) {
  if (policy.owner == TrustPolicy::Owner::any) return {};
  if (Status status = check_owner_and_mode(policy, file.status(), file.path()); !status.ok()) return status;
  std::error_code trouble;
  const fs::path real = fs::canonical(file.path(), trouble);
  for (const std::string& folder :
       {search_folder, fs::path(file.path()).parent_path().string(), real.parent_path().string()})
    if (!folder.empty())
      if (Status status = check_folder(policy, folder); !status.ok()) return status;
  return {};
}

Inspection inspect(const Candidate& candidate, const TrustPolicy& policy, const IdFilter& filter, Trace& trace) {
  return Inspector(candidate, policy, trace).run(filter);
}

}  // namespace fvattn
