#include "trust.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>
#include <vector>

namespace fvattn {
namespace {

constexpr const char* kOverride = "FASTVIDEO_ATTENTION_PLUGIN_TRUST=any turns this check off";

// A group named as its only user, which many systems give everybody: writable by it is writable by the user.
bool is_private_group(gid_t group, uid_t owner) {
  std::vector<char> user_text(16384), group_text(16384);
  passwd user{}, *found_user = nullptr;
  struct group entry {
  }, *found_group = nullptr;
  if (getpwuid_r(owner, &user, user_text.data(), user_text.size(), &found_user) != 0 || found_user == nullptr) return false;
  if (getgrgid_r(group, &entry, group_text.data(), group_text.size(), &found_group) != 0 || found_group == nullptr)
    return false;
  if (user.pw_gid != group || std::strcmp(entry.gr_name, user.pw_name) != 0) return false;
  for (char** member = entry.gr_mem; *member != nullptr; ++member)
    if (std::strcmp(*member, user.pw_name) != 0) return false;
  return true;
}

Status untrusted(const std::string& path, const std::string& why, std::string accepted, const std::string& remedy) {
  return Status::error(Code::failed_precondition, path + " " + why, {}, std::move(accepted), remedy + "; " + kOverride);
}

}  // namespace

TrustPolicy TrustPolicy::from(const Environment& environment, std::string& complaint) {
  // A set-user-id program has no environment to ask, and its user's own files are not to be trusted.
  if (environment.elevated()) return {Owner::system, false};
  const std::string word = environment.get(env::kPluginTrust, "user");
  if (word == "any") return {Owner::any, false};
  if (word == "user" || word.empty()) return {Owner::user, false};
  if (word == "locked") return {Owner::user, true};
  if (word == "system") return {Owner::system, false};
  if (word == "core") return {Owner::core, false};
  complaint = std::string(env::kPluginTrust) + " has an unknown value '" + word +
              "'; accepted: locked, core, system, user, any; core is used";
  return {Owner::core, false};
}

TrustPolicy TrustPolicy::tightened(const TrustPolicy& by) const { return {std::max(owner, by.owner), locked || by.locked}; }

const char* TrustPolicy::name() const {
  switch (owner) {
    case Owner::any:
      return "any";
    case Owner::user:
      return locked ? "locked" : "user";
    case Owner::system:
      return "system";
    case Owner::core:
      break;
  }
  return "core";
}

Status check_owner_and_mode(const TrustPolicy& policy, const struct stat& status, const std::string& path) {
  if (policy.owner == TrustPolicy::Owner::any) return {};
  const uid_t self = geteuid();
  const bool owned = status.st_uid == 0 || (policy.owner != TrustPolicy::Owner::system && status.st_uid == self);
  if (!owned)
    return untrusted(
        path, "belongs to user " + std::to_string(status.st_uid),
        policy.owner == TrustPolicy::Owner::system ? "root's files" : "files of root and of user " + std::to_string(self),
        "give it to one of them (chown)");
  if ((status.st_mode & S_IWOTH) != 0)
    return untrusted(path, "can be written by everybody", "files that only their owner can write", "chmod o-w " + path);
  if ((status.st_mode & S_IWGRP) != 0 && !is_private_group(status.st_gid, status.st_uid))
    return untrusted(path, "can be written by group " + std::to_string(status.st_gid),
                     "files that only their owner can write", "chmod g-w " + path);
  return {};
}

Status check_folder(const TrustPolicy& policy, const std::string& path) {
  if (policy.owner == TrustPolicy::Owner::any) return {};
  struct stat status {};
  if (stat(path.c_str(), &status) != 0)
    return Status::error(Code::unavailable, "the folder " + path + " cannot be examined: " + std::strerror(errno));
  return check_owner_and_mode(policy, status, path);
}

}  // namespace fvattn
