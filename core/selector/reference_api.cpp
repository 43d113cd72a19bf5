// The reference's free functions: thin forms of scopes, names and the default context's selector.
#include "choice.hpp"
#include "refusal.hpp"
#include "scope.hpp"

#include <fvattn/context.hpp>
#include <fvattn/selector.hpp>

namespace fvattn {
namespace {

// A sequence on which every backend shows what head size and dtype it can do.
constexpr int64_t kNominalLength = 1024;

// The one name of a wish, or nothing for all other forms of the grammar.
std::optional<std::string> single_name(const Result<Choice>& choice) {
  if (!choice || choice->kind != Choice::Kind::named || choice->names.size() != 1) return std::nullopt;
  return choice->names.front();
}

}  // namespace

void global_force_attn_backend(std::optional<AttentionBackendEnum> backend) {
  std::string name;
  if (backend) {
    name = backend_enum_to_name(*backend);
    if (name.empty())
      throw Error(Status::error(Code::invalid_argument, "global_force_attn_backend: no backend has this id",
                                std::to_string(static_cast<int>(*backend)),
                                "an AttentionBackendEnum, or what backend_name_to_enum returned"));
  }
  force_scope_backend(std::move(name));
}

std::optional<AttentionBackendEnum> get_global_forced_attn_backend() {
  const auto name = single_name(parse_choice(scope_backend(), "ScopedAttnBackend"));
  return name ? backend_name_to_enum(*name) : std::nullopt;
}

std::optional<AttentionBackendEnum> get_env_variable_attn_backend() {
  Context& context = default_context();
  const Result<Choice> choice = parse_choice(context.environment()->get(env::kBackend), env::kBackend);
  if (!choice) throw Error(choice.status());
  const Problem nothing_yet;
  const Candidates candidates(context.registry(), cpu_device(), nothing_yet);
  for (const std::string& name : choice->names)
    if (!candidates.catalog().knows(name)) throw Error(unknown_name(name, env::kBackend, candidates));
  const auto name = single_name(choice);
  return name ? backend_name_to_enum(*name) : std::nullopt;
}

const AttentionBackend& get_attn_backend(int head_size, uint8_t dtype_code, uint8_t dtype_bits,
                                         const SupportedBackends& supported, const Device& device) {
  Problem problem;
  problem.q_len = problem.kv_len = kNominalLength;
  problem.head_dim = problem.v_head_dim = head_size;
  problem.dtype_code = dtype_code;
  problem.dtype_bits = dtype_bits;
  Request request;
  request.supported = supported;
  return *default_context().selector().select(request, device, problem).value().backend;
}

}  // namespace fvattn
