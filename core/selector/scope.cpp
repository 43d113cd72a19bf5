// The thread-local stack of forced backends.
#include "scope.hpp"

#include <fvattn/selector.hpp>

#include <algorithm>

namespace fvattn {
namespace {

struct Entry {
  uint64_t id;
  std::string backend;
};

struct Stack {
  std::string forced;  // beneath all scopes
  std::vector<Entry> scopes;
  uint64_t next_id = 1;
};
thread_local Stack stack;

}  // namespace

std::string_view scope_backend() {
  return stack.scopes.empty() ? std::string_view(stack.forced) : stack.scopes.back().backend;
}

void force_scope_backend(std::string backend) {
  (stack.scopes.empty() ? stack.forced : stack.scopes.back().backend) = std::move(backend);
}

std::string current_scope_backend() { return std::string(scope_backend()); }

ScopedAttnBackend::ScopedAttnBackend(std::string backend) : id_(stack.next_id++) {
  stack.scopes.push_back({id_, std::move(backend)});
}

ScopedAttnBackend::~ScopedAttnBackend() {
  // By id and not by position: a scope held on the heap may go before an inner one.
  const auto mine =
      std::find_if(stack.scopes.begin(), stack.scopes.end(), [this](const Entry& entry) { return entry.id == id_; });
  if (mine != stack.scopes.end()) stack.scopes.erase(mine);
}

}  // namespace fvattn
