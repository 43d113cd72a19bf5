// Whose plugin files are loaded: owner and mode of files and folders.
#pragma once

#include <fvattn/environment.hpp>
#include <fvattn/status.hpp>

#include <string>
#include <string_view>
#include <sys/stat.h>

namespace fvattn {

/// any: no check. user: root's and this user's files that nobody else can write. system: root's only.
/// core: only the folder beside libfvattn.so, checked as for user. locked: user, and the bytes that were checked
/// are copied to the cache and loaded from there, so that nobody can change them in between.
struct TrustPolicy {
  enum class Owner { any, user, system, core };
  Owner owner = Owner::user;
  bool locked = false;

  /// From the environment. An unknown word gives the strictest policy; `complaint` says so.
  static TrustPolicy from(const Environment& environment, std::string& complaint);
  /// The stricter of both in every respect: trust is only tightened while a process runs.
  TrustPolicy tightened(const TrustPolicy& by) const;
  const char* name() const;
  bool operator==(const TrustPolicy&) const = default;
};

/// Whether a file or folder with this owner and mode may be used. `path` is for the message.
Status check_owner_and_mode(const TrustPolicy& policy, const struct stat& status, const std::string& path);

/// The folder itself, following links; FAILED_PRECONDITION says who could write there.
Status check_folder(const TrustPolicy& policy, const std::string& path);

}  // namespace fvattn
