#include "manifest_filter.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>

namespace fvattn {
namespace {

bool contains(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

// The spellings that authors use for one dtype.
bool lists_dtype(const std::vector<std::string>& dtypes, const std::string& dtype) {
  constexpr std::pair<std::string_view, std::string_view> kShort[] = {
      {"bfloat16", "bf16"}, {"float16", "fp16"}, {"float16", "f16"}, {"float16", "half"},
      {"float32", "fp32"},  {"float32", "f32"},  {"float64", "fp64"}, {"float64", "f64"},
  };
  if (contains(dtypes, dtype)) return true;
  return std::any_of(std::begin(kShort), std::end(kShort),
                     [&](const auto& pair) { return pair.first == dtype && contains(dtypes, pair.second); });
}

// Does the problem need what the word of `lacks` names?
bool needs(std::string_view word, const Problem& problem) {
  const auto flag = [&](uint32_t bit) { return (problem.flags & bit) != 0; };
  if (word == "backward") return flag(FVATTN_PROBLEM_NEED_GRAD);
  if (word == "causal") return flag(FVATTN_PROBLEM_CAUSAL);
  if (word == "varlen") return flag(FVATTN_PROBLEM_VARLEN);
  if (word == "capture") return flag(FVATTN_PROBLEM_NEED_CAPTURE);
  if (word == "determinism") return flag(FVATTN_PROBLEM_NEED_DETERMINISM);
  if (word == "lse") return flag(FVATTN_PROBLEM_NEED_LSE);
  if (word == "gqa") return problem.heads != problem.kv_heads;
  if (word == "cross") return problem.q_len != problem.kv_len;
  if (word == "dropout") return problem.dropout_p != 0;
  if (word == "text") return problem.text_len != 0;
  return std::any_of(problem.extra.begin(), problem.extra.end(), [&](const Spec& spec) { return spec.name == word; });
}

struct Target {
  int major, minor;
  char suffix;  // 'a': this chip alone, 'f': its family, '\0': as the rules of SASS and PTX say
};

std::optional<Target> parse_target(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const size_t rest = static_cast<size_t>(text.data() + text.size() - end);
  if (error != std::errc() || number < 10 || rest > 1) return std::nullopt;
  const char suffix = rest == 1 ? *end : '\0';
  if (suffix != '\0' && suffix != 'a' && suffix != 'f') return std::nullopt;
  return Target{number / 10, number % 10, suffix};
}

}  // namespace

bool runs_on(const std::vector<std::string>& sass, const std::vector<std::string>& ptx, int major, int minor) {
  const auto fits = [&](const std::string& text, bool forward) {
    const auto target = parse_target(text);
    if (!target) return true;
    if (target->suffix == 'a') return target->major == major && target->minor == minor;
    if (!forward || target->suffix == 'f') return target->major == major && target->minor <= minor;
    return target->major < major || (target->major == major && target->minor <= minor);
  };
  return std::any_of(sass.begin(), sass.end(), [&](const auto& text) { return fits(text, false); }) ||
         std::any_of(ptx.begin(), ptx.end(), [&](const auto& text) { return fits(text, true); });
}

std::vector<std::string> ruled_out_by_manifest(const Offer& offer, const Device& device, const Problem& problem) {
  std::vector<std::string> reasons;
  const BackendManifest& manifest = offer.manifest;
  const std::string dtype = dtype_name(problem.dtype_code, problem.dtype_bits);
  if (!manifest.dtypes.empty() && !lists_dtype(manifest.dtypes, dtype))
    reasons.push_back("its manifest lists dtypes " + joined(manifest.dtypes) + "; got " + dtype);
  const int head_dim = std::max(problem.head_dim, problem.v_head_dim);
  if (manifest.head_dim_max != 0 && head_dim > manifest.head_dim_max)
    reasons.push_back("its manifest says head dim at most " + std::to_string(manifest.head_dim_max) + "; got " +
                      std::to_string(head_dim));
  for (const std::string& word : manifest.lacks)
    if (needs(word, problem)) reasons.push_back("its manifest says that it lacks " + word);
  const bool has_targets = !offer.sass.empty() || !offer.ptx.empty();
  if (device.c.type == FVATTN_CUDA && has_targets && !runs_on(offer.sass, offer.ptx, device.c.cc_major, device.c.cc_minor))
    reasons.push_back("no code for sm_" + std::to_string(device.c.cc_major) + std::to_string(device.c.cc_minor) +
                      "; built for sm_" + joined(offer.sass) + (offer.ptx.empty() ? "" : " and PTX " + joined(offer.ptx)));
  return reasons;
}

}  // namespace fvattn
