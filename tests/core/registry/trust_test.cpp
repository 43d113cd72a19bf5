// Owners and modes, as data: no user has to exist.
#include "core/support/contains.hpp"

#include <registry/trust.hpp>

#include <unistd.h>

using namespace fvattn;
using Owner = TrustPolicy::Owner;

namespace {

Status check(TrustPolicy policy, uid_t owner, mode_t mode, gid_t group = 54321) {
  struct stat status {};
  status.st_uid = owner;
  status.st_gid = group;
  status.st_mode = S_IFREG | mode;
  return check_owner_and_mode(policy, status, "/x/libfvattn_a.so");
}

constexpr uid_t kStranger = 43210;

TrustPolicy policy_of(const char* word, std::string& complaint) {
  return TrustPolicy::from(Environment::from({{env::kPluginTrust, word}}), complaint);
}

}  // namespace

TEST_CASE("whose files are trusted") {
  const uid_t self = geteuid();
  CHECK(check({Owner::user, false}, self, 0644).ok());
  CHECK(check({Owner::user, false}, 0, 0755).ok());
  CHECK(check({Owner::system, false}, 0, 0755).ok());
  CHECK(check({Owner::any, false}, kStranger, 0777).ok());
  const Status stranger = check({Owner::user, false}, kStranger, 0600);
  CHECK(stranger.code == Code::failed_precondition);
  CHECK_CONTAINS(stranger.text(),
                 "/x/libfvattn_a.so belongs to user 43210; accepted: files of root and of user " + std::to_string(self));
  CHECK_CONTAINS(stranger.text(), "FASTVIDEO_ATTENTION_PLUGIN_TRUST=any");
  CHECK_FALSE(check({Owner::system, false}, kStranger, 0600).ok());
  if (self != 0) CHECK_FALSE(check({Owner::system, false}, self, 0600).ok());
}

TEST_CASE("who else can write") {
  CHECK_CONTAINS(check({Owner::user, false}, 0, 0646).text(), "can be written by everybody");
  CHECK_CONTAINS(check({Owner::system, false}, 0, 0646).text(), "chmod o-w /x/libfvattn_a.so");
  CHECK_CONTAINS(check({Owner::user, false}, 0, 0664).text(), "can be written by group 54321");
  // root's own group has no other members.
  CHECK(check({Owner::user, false}, 0, 0664, 0).ok());
}

TEST_CASE("words of the variable") {
  std::string complaint;
  CHECK(TrustPolicy::from(Environment::from({}), complaint) == TrustPolicy{Owner::user, false});
  CHECK(policy_of("any", complaint) == TrustPolicy{Owner::any, false});
  CHECK(policy_of("locked", complaint) == TrustPolicy{Owner::user, true});
  CHECK(policy_of("system", complaint) == TrustPolicy{Owner::system, false});
  CHECK(policy_of("core", complaint) == TrustPolicy{Owner::core, false});
  CHECK(complaint.empty());
  CHECK(policy_of("sytem", complaint) == TrustPolicy{Owner::core, false});
  CHECK_CONTAINS(complaint, "unknown value 'sytem'; accepted: locked, core, system, user, any");
}

TEST_CASE("trust is only tightened") {
  const TrustPolicy any{Owner::any, false}, user{Owner::user, false}, locked{Owner::user, true},
      system{Owner::system, false};
  CHECK(user.tightened(any) == user);
  CHECK(any.tightened(user) == user);
  CHECK(locked.tightened(user) == locked);
  CHECK(locked.tightened(system) == TrustPolicy{Owner::system, true});
}
