// What the registry offers at one generation, read once and without loading anything.
#pragma once

#include <fvattn/registry.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace fvattn {

/// One backend of one plugin, usable or not.
struct Offer {
  std::string plugin, name;
  BackendManifest manifest;   // empty name when the plugin came through the API
  std::vector<std::string> sass, ptx;
  PluginState state = PluginState::found;
  std::string why_unusable;

  std::string qualified() const { return plugin + "/" + name; }
  bool usable() const { return state == PluginState::found || state == PluginState::loaded; }
};

class Catalog {
 public:
  static Catalog read(const Registry& registry);

  /// In search order.
  const std::vector<Offer>& offers() const { return offers_; }
  /// Offers whose name or "id/NAME" is `name`, or, when there are none, whose alias it is. Usable ones first, then by
  /// manifest priority, then in search order.
  std::vector<const Offer*> offers_of(std::string_view name) const;
  /// The bare name: "id/" cut off, an alias replaced by the name it stands for.
  std::string canonical(std::string_view name) const;
  /// Names of usable offers, without duplicates, in search order.
  std::vector<std::string> usable_names() const;
  /// True for a name of the reference or of any offer, refused and disabled ones too.
  bool knows(std::string_view name) const;

 private:
  std::vector<Offer> offers_;
};

bool is_reference_name(std::string_view name);

}  // namespace fvattn
