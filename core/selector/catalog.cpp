#include "catalog.hpp"

#include <fvattn/selector.hpp>

#include <algorithm>

namespace fvattn {
namespace {

// "id/NAME" split at the last slash; the id is empty for a bare name.
std::pair<std::string_view, std::string_view> split(std::string_view name) {
  const size_t slash = name.rfind('/');
  if (slash == std::string_view::npos) return {{}, name};
  return {name.substr(0, slash), name.substr(slash + 1)};
}

bool has_alias(const Offer& offer, std::string_view bare) {
  const auto& aliases = offer.manifest.aliases;
  return std::find(aliases.begin(), aliases.end(), bare) != aliases.end();
}

}  // namespace

bool is_reference_name(std::string_view name) {
  const auto& names = reference_backend_names();
  return std::find(names.begin(), names.end(), name) != names.end();
}

Catalog Catalog::read(const Registry& registry) {
  Catalog catalog;
  for (const PluginInfo& plugin : registry.plugins()) {
    for (const std::string& name : plugin.backends) {
      Offer offer;
      offer.plugin = plugin.id;
      offer.name = name;
      offer.sass = plugin.manifest.sass;
      offer.ptx = plugin.manifest.ptx;
      offer.state = plugin.state;
      offer.why_unusable = plugin.reason;
      for (const BackendManifest& backend : plugin.manifest.backends)
        if (backend.name == name) offer.manifest = backend;
      catalog.offers_.push_back(std::move(offer));
    }
  }
  return catalog;
}

std::vector<const Offer*> Catalog::offers_of(std::string_view name) const {
  const auto [id, bare] = split(name);
  std::vector<const Offer*> exact, by_alias;
  for (const Offer& offer : offers_) {
    if (!id.empty() && id != offer.plugin) continue;
    if (offer.name == bare) exact.push_back(&offer);
    else if (has_alias(offer, bare)) by_alias.push_back(&offer);
  }
  // An alias must not take a name from the backend that has it.
  std::vector<const Offer*>& found = exact.empty() ? by_alias : exact;
  std::stable_sort(found.begin(), found.end(), [](const Offer* a, const Offer* b) {
    if (a->usable() != b->usable()) return a->usable();
    return a->manifest.priority > b->manifest.priority;
  });
  return found;
}

std::string Catalog::canonical(std::string_view name) const {
  const std::string_view bare = split(name).second;
  const auto found = offers_of(name);
  const bool exact = std::any_of(found.begin(), found.end(), [&](const Offer* offer) { return offer->name == bare; });
  return found.empty() || exact || is_reference_name(bare) ? std::string(bare) : found.front()->name;
}

std::vector<std::string> Catalog::usable_names() const {
  std::vector<std::string> names;
  for (const Offer& offer : offers_)
    if (offer.usable() && std::find(names.begin(), names.end(), offer.name) == names.end()) names.push_back(offer.name);
  return names;
}

bool Catalog::knows(std::string_view name) const { return is_reference_name(name) || !offers_of(name).empty(); }

}  // namespace fvattn
