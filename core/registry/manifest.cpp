#include <fvattn/manifest.hpp>

#include "identifiers.hpp"
#include "manifest_reader.hpp"
#include "base/toml_text.hpp"

#include <algorithm>
#include <sstream>

namespace fvattn {
namespace {

constexpr size_t kMostBytes = size_t{256} << 10;

#if defined(__x86_64__)
constexpr const char* kPlatform = "linux_x86_64";
#else
constexpr const char* kPlatform = "linux_aarch64";
#endif

// JSON with sorted keys (toml++ keeps tables sorted): independent of layout, comments and order of the TOML.
std::string canonical_text(toml::table document) {
  document.erase("trust");
  if (toml::table* library = document["library"].as_table()) {
    library->erase("sha256");
    if (library->empty()) document.erase("library");
  }
  std::ostringstream text;
  text << toml::json_formatter{document};
  return text.str();
}

// The entry of this platform in a table such as library.shared.
std::string for_platform(const toml::table* table, const std::string& path, Status& error, std::string* why_none = nullptr) {
  if (table == nullptr) return {};
  TableReader reader(table, path, error);
  std::string value = reader.text(kPlatform);
  if (value.empty() && why_none != nullptr) *why_none = path + " has nothing for " + kPlatform;
  return value;
}

void read_plugin(TableReader top, Manifest& manifest, Status& error) {
  const toml::table* table = top.table("plugin");
  TableReader reader(table, "plugin", error);
  if (table == nullptr) return reader.fail("the table [plugin] is missing");
  manifest.id = reader.required_text("id");
  manifest.version = reader.text("version");
  manifest.publisher = reader.text("publisher");
  manifest.license = reader.text("license");
  manifest.url = reader.text("url");
  manifest.description = reader.text("description");
  reader.note_unknown(manifest.notes);
  if (error.ok() && !is_plugin_id(manifest.id)) reader.fail("'plugin.id' is not an id", manifest.id, kPluginIdGrammar);
}

void read_abi(TableReader top, Manifest& manifest, Status& error) {
  TableReader reader(top.table("abi"), "abi", error);
  manifest.abi_name = reader.text("name", "fvattn");
  manifest.abi_major = reader.integer("major", FVATTN_ABI_MAJOR);
  manifest.abi_min_minor = reader.integer("min_minor", 0);
  reader.note_unknown(manifest.notes);
}

void read_library(TableReader top, Manifest& manifest, Status& error) {
  TableReader reader(top.table("library"), "library", error);
  std::string none;
  const toml::table *shared = reader.table("shared"), *hashes = reader.table("sha256");
  manifest.library = for_platform(shared, "library.shared", error, &none);
  if (!none.empty()) reader.fail(none, {}, "a file name for this platform");
  manifest.sha256 = for_platform(hashes, "library.sha256", error);
  manifest.entrypoint = reader.text("entrypoint", manifest.entrypoint);
  reader.note_unknown(manifest.notes);
  if (!is_library_path(manifest.library))
    reader.fail("'library.shared' is not a file name", manifest.library, "a path without '..'");
  if (!manifest.entrypoint.starts_with(kEntryPointStart))
    reader.fail("'library.entrypoint' is not an entry point", manifest.entrypoint, kEntryPoint);
  if (!manifest.sha256.empty() && !is_sha256(manifest.sha256))
    reader.fail("'library.sha256' is not a hash", manifest.sha256, "64 lower-case hexadecimal digits");
}

void read_cuda(TableReader top, Manifest& manifest, Status& error) {
  TableReader reader(top.table("cuda"), "cuda", error);
  manifest.cuda_runtime = reader.text("runtime");
  manifest.cudart = reader.text("cudart");
  manifest.min_driver = reader.text("min_driver");
  manifest.sass = reader.texts("sass");
  manifest.ptx = reader.texts("ptx");
  reader.note_unknown(manifest.notes);
}

void read_requires(TableReader top, Manifest& manifest, Status& error) {
  TableReader reader(top.table("requires"), "requires", error);
  manifest.glibc = reader.text("glibc");
  manifest.glibcxx = reader.text("glibcxx");
  TableReader torch(reader.table("libtorch"), "requires.libtorch", error);
  manifest.needs_torch = torch.present();
  manifest.torch.version = torch.text("version");
  manifest.torch.cxx11_abi = torch.boolean("cxx11_abi", true);
  torch.note_unknown(manifest.notes);
  reader.note_unknown(manifest.notes);
}

void read_backend(const toml::table* table, Manifest& manifest, Status& error) {
  TableReader reader(table, "backend", error);
  BackendManifest backend;
  backend.name = reader.required_text("name");
  backend.aliases = reader.texts("aliases");
  backend.dtypes = reader.texts("dtypes");
  backend.features = reader.texts("features");
  backend.lacks = reader.texts("lacks");
  backend.priority = reader.integer("priority", 0);
  backend.graph_safe = reader.boolean("graph_safe", false);
  backend.deterministic = reader.boolean("deterministic", false);
  backend.approximate = reader.boolean("approximate", false);
  TableReader head_dims(reader.table("head_dims"), "backend.head_dims", error);
  backend.head_dim_max = head_dims.integer("max", 0);
  head_dims.note_unknown(manifest.notes);
  reader.note_unknown(manifest.notes);
  if (!error.ok()) return;
  std::vector<std::string> names = backend.aliases;
  names.insert(names.begin(), backend.name);
  for (const std::string& name : names)
    if (!is_backend_name(name)) return reader.fail("a backend's name or alias cannot be used", name, kBackendNameGrammar);
  for (const BackendManifest& other : manifest.backends)
    if (other.name == backend.name) return reader.fail("two [[backend]] tables have the same name", backend.name);
  manifest.backends.push_back(std::move(backend));
}

}  // namespace

Result<Manifest> parse_manifest(std::string_view toml, std::string_view origin) {
  const auto refused = [&](Status status) {
    status.what = "manifest " + std::string(origin) + ": " + status.what;
    return status;
  };
  if (toml.size() > kMostBytes)
    return refused(Status::error(Code::invalid_argument, "it is too long", std::to_string(toml.size()) + " bytes",
                                 "at most " + std::to_string(kMostBytes)));
  if (const size_t stray = stray_non_ascii(toml); stray != std::string_view::npos)
    return refused(Status::error(Code::invalid_argument, "it has a character outside of ASCII where there may be none",
                                 "line " + std::to_string(1 + std::count(toml.begin(), toml.begin() + stray, '\n')),
                                 "such characters in comments and in strings of one line"));
  toml::parse_result parsed = toml::parse(toml, std::string_view());
  if (!parsed)
    return refused(Status::error(Code::invalid_argument, "it is not TOML: " + std::string(parsed.error().description()),
                                 "line " + std::to_string(parsed.error().source().begin.line)));
  const toml::table& document = parsed.table();

  Manifest manifest;
  Status error;
  TableReader top(&document, "", error);
  manifest.manifest_version = top.integer("manifest_version", 0);
  if (error.ok() && manifest.manifest_version > kManifestVersion)
    return refused(Status::error(Code::unimplemented, "it is newer than this fvattn understands",
                                 "manifest_version " + std::to_string(manifest.manifest_version),
                                 "up to " + std::to_string(kManifestVersion),
                                 "upgrade fvattn, or get a plugin built for this one"));
  if (manifest.manifest_version < 1) top.fail("'manifest_version' is missing or too small", {}, "1");
  for (const char* table : {"plugin", "abi", "library", "cuda", "requires", "backend", "trust"}) top.known(table);
  read_plugin(top, manifest, error);
  read_abi(top, manifest, error);
  read_library(top, manifest, error);
  read_cuda(top, manifest, error);
  read_requires(top, manifest, error);
  for (const toml::table* backend : top.tables("backend")) read_backend(backend, manifest, error);
  if (manifest.backends.empty()) top.fail("it has no [[backend]] table");
  top.note_unknown(manifest.notes);
  if (!error.ok()) return refused(error);
  manifest.canonical = canonical_text(document);
  return manifest;
}

}  // namespace fvattn
