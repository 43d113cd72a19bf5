#include "memo.hpp"

#include <bit>
#include <cstring>
#include <functional>
#include <mutex>
#include <type_traits>

namespace fvattn {
namespace {

static_assert(std::has_unique_object_representations_v<fvattn_device>, "devices are hashed and compared as bytes");

// A multiply and a fold a word (as wyhash does): most of a key is numbers, and a hit has to stay far below 1 us.
class Hasher {
 public:
  void add(uint64_t word) {
    const auto product = static_cast<unsigned __int128>(state_ ^ word) * 0x9E3779B97F4A7C15ull;
    state_ = static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64) ^ 0xD1B54A32D192ED03ull;
  }
  void add(std::string_view text) { add(std::hash<std::string_view>{}(text)); }
  void add(const Problem& problem);
  size_t value() const { return static_cast<size_t>(state_); }

 private:
  static uint64_t pair(int64_t high, int64_t low) { return static_cast<uint64_t>(high) << 32 ^ static_cast<uint64_t>(low); }
  uint64_t state_ = 0;
};

void Hasher::add(const Problem& p) {
  for (const int64_t length : {p.batch, p.q_len, p.kv_len, p.text_len, p.n_seqs, p.max_q_len, p.max_kv_len})
    add(static_cast<uint64_t>(length));
  add(pair(p.heads, p.kv_heads));
  add(pair(p.head_dim, p.v_head_dim));
  add(pair(p.sp_world, p.sp_rank));
  add(pair(p.heads_global, p.kv_heads_global));
  add(pair(p.head_offset, p.kv_head_offset));
  add(pair(p.layer_index, p.flags));
  add(pair(p.dtype_code, p.dtype_bits));
  add(std::bit_cast<uint64_t>(p.scale));
  add(std::bit_cast<uint64_t>(p.dropout_p));
  for (const Spec& spec : p.extra) {
    add(spec.name);
    add(pair(spec.dtype_code, spec.dtype_bits));
    for (const int64_t length : spec.shape) add(static_cast<uint64_t>(length));
  }
}

size_t hash_of(const Request& request, std::string_view scope, const fvattn_device& device, std::string_view device_name,
               const Problem& problem, uint64_t environment, uint64_t generation) {
  Hasher hash;
  hash.add(request.backend);
  hash.add(request.layer_default);
  hash.add(request.layer);
  hash.add(uint64_t{request.supported.is_any()});
  for (const std::string& name : request.supported.names()) hash.add(name);
  hash.add(scope);
  hash.add(std::string_view(reinterpret_cast<const char*>(&device), sizeof(device)));
  hash.add(device_name);
  hash.add(problem);
  hash.add(environment);
  hash.add(generation);
  return hash.value();
}

bool equal(const Request& a, const Request& b) {
  return a.backend == b.backend && a.layer_default == b.layer_default && a.layer == b.layer && a.supported == b.supported;
}

}  // namespace

size_t Memo::Hash::operator()(const MemoKeyView& key) const {
  return hash_of(key.request, key.scope, key.device.c, key.device.name, key.problem, key.environment, key.generation);
}

size_t Memo::Hash::operator()(const Key& key) const {
  return hash_of(key.request, key.scope, key.device, key.device_name, key.problem, key.environment, key.generation);
}

bool Memo::Equal::operator()(const MemoKeyView& a, const Key& b) const {
  return a.environment == b.environment && a.generation == b.generation && a.scope == b.scope &&
         equal(a.request, b.request) && std::memcmp(&a.device.c, &b.device, sizeof(b.device)) == 0 &&
         a.device.name == b.device_name && a.problem == b.problem;
}

bool Memo::Equal::operator()(const Key& a, const Key& b) const {
  return a.environment == b.environment && a.generation == b.generation && a.scope == b.scope &&
         equal(a.request, b.request) && std::memcmp(&a.device, &b.device, sizeof(b.device)) == 0 &&
         a.device_name == b.device_name && a.problem == b.problem;
}

std::optional<Selection> Memo::find(const MemoKeyView& key) const {
  const std::shared_lock lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return std::nullopt;
  return found->second;
}

void Memo::insert(const MemoKeyView& key, const Selection& selection) {
  Key owned{key.request, std::string(key.scope), key.device.c,  key.device.name,
            key.problem, key.environment,        key.generation};
  const std::unique_lock lock(mutex_);
  if (entries_.size() >= kMost) entries_.clear();
  entries_.insert_or_assign(std::move(owned), selection);
}

void Memo::clear() {
  const std::unique_lock lock(mutex_);
  entries_.clear();
}

size_t Memo::size() const {
  const std::shared_lock lock(mutex_);
  return entries_.size();
}

}  // namespace fvattn
