#include "cli/problem_options.hpp"

#include "common/dtype_names.hpp"

#include <charconv>
#include <cmath>
#include <sstream>

namespace fvattn::host {
namespace {

// "21x30x52": positive lengths.
Result<std::vector<int64_t>> lengths_of(const std::string& text, const std::string& option) {
  std::vector<int64_t> lengths;
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, 'x');) {
    int64_t length = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), length);
    if (error != std::errc() || end != word.data() + word.size() || length < 1 || length > (int64_t{1} << 40))
      return Status::error(Code::invalid_argument, option + " takes lengths separated by x", text, "for example 21x30x52");
    lengths.push_back(length);
  }
  return lengths;
}

// "mask=bool:1x1x4096"
Result<Spec> spec_of(const std::string& text) {
  const size_t equals = text.find('='), colon = text.find(':', equals == std::string::npos ? 0 : equals);
  if (equals == std::string::npos || colon == std::string::npos || equals == 0)
    return Status::error(Code::invalid_argument, "--tensor takes NAME=DTYPE:LENGTHS", text, "for example mask=bool:1x4096");
  const Result<DtypeCode> dtype = dtype_by_name(text.substr(equals + 1, colon - equals - 1), "--tensor " + text, true);
  if (!dtype) return dtype.status();
  Result<std::vector<int64_t>> shape = lengths_of(text.substr(colon + 1), "--tensor " + text);
  if (!shape) return shape.status();
  return Spec{text.substr(0, equals), dtype->code, dtype->bits, std::move(*shape)};
}

std::vector<std::string> names_of(const std::string& text) {
  std::vector<std::string> names;
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, ',');) names.push_back(word);
  return names;
}

}  // namespace

void ProblemOptions::add_to(CLI::App& app) {
  app.add_option("--shape", shape_, "The token grid of the video, T x H x W, for example 21x30x52")->type_name("TxHxW");
  app.add_option("--seq", seq_, "Tokens, instead of --shape")->type_name("N")->check(CLI::PositiveNumber);
  app.add_option("--kv-seq", kv_seq_, "Keys, if not as many as queries (cross-attention)")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  app.add_option("--text-length", text_, "Text tokens appended to the video")->type_name("N")->check(CLI::NonNegativeNumber);
  app.add_option("--batch", batch_, "Sequences")->type_name("N")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--heads", heads_, "Query heads")->type_name("N")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--kv-heads", kv_heads_, "Key and value heads, if fewer than --heads")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  app.add_option("--dim", dim_, "Size of a head")->type_name("N")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--dtype", dtype_, "float64, float32, bfloat16 or float16")->type_name("T")->capture_default_str();
  app.add_option("--role", role_, "self, or cross: a layer that lists FLASH_ATTN and TORCH_SDPA only")
      ->check(CLI::IsMember({"self", "cross"}))
      ->capture_default_str();
  app.add_option("--device", device_, "cpu, cuda or cuda:INDEX")->type_name("D")->capture_default_str();
  app.add_option("--backend", backend_, "Ask for this one: NAME | id/NAME | A,B | prefer:NAME | auto")->type_name("NAME");
  app.add_option("--supported", supported_, "The layer's list of backends, instead of what --role says")->type_name("A,B");
  app.add_option("--layer-default", layer_default_, "What the layer wants when nobody else decides")->type_name("NAME");
  app.add_option("--tensor", tensors_, "A further input, for example mask=bool:1x4096 (repeatable)")
      ->type_name("NAME=DTYPE:LENGTHS")
      ->allow_extra_args(false);
  app.add_flag("--causal", causal_, "Causal attention");
  app.add_flag("--backward", backward_, "Gradients are needed");
  parameters_.add_to(app);
}

Result<Question> ProblemOptions::read() const {
  Question question;
  question.request.backend = backend_;
  question.request.layer_default = layer_default_;
  question.request.layer = "explain";
  if (role_ == "cross") question.request.supported = SupportedBackends({"FLASH_ATTN", "TORCH_SDPA"});
  if (!supported_.empty()) question.request.supported = SupportedBackends(names_of(supported_));
  const Result<const Device*> device = device_by_name(device_);
  if (!device) return device.status();
  question.device = *device;
  if (Status status = fill_problem(question); !status.ok()) return status;
  if (Status status = take_parameters(question); !status.ok()) return status;
  return question;
}

Status ProblemOptions::fill_problem(Question& question) const {
  if (shape_.empty() == (seq_ == 0)) return Status::error(Code::invalid_argument, "give either --shape TxHxW or --seq N");
  Problem& problem = question.problem;
  problem.q_len = seq_;
  if (!shape_.empty()) {
    Result<std::vector<int64_t>> grid = lengths_of(shape_, "--shape");
    if (!grid) return grid.status();
    if (grid->size() != 3)
      return Status::error(Code::invalid_argument, "--shape takes three lengths", shape_, "for example 21x30x52");
    question.grid = std::move(*grid);
    problem.q_len = question.grid[0] * question.grid[1] * question.grid[2];
    question.metadata["dit_seq_shape"] = question.grid;
  }
  problem.q_len += text_;
  problem.kv_len = kv_seq_ > 0 ? kv_seq_ : problem.q_len;
  problem.text_len = text_;
  problem.batch = batch_;
  problem.heads = heads_;
  problem.kv_heads = kv_heads_ > 0 ? kv_heads_ : heads_;
  if (problem.heads % problem.kv_heads != 0)
    return Status::error(Code::invalid_argument, "--heads must be a multiple of --kv-heads",
                         std::to_string(problem.heads) + " and " + std::to_string(problem.kv_heads));
  problem.head_dim = problem.v_head_dim = dim_;
  problem.scale = 1 / std::sqrt(static_cast<double>(dim_));
  const Result<DtypeCode> dtype = dtype_by_name(dtype_, "--dtype");
  if (!dtype) return dtype.status();
  problem.dtype_code = dtype->code;
  problem.dtype_bits = dtype->bits;
  if (backward_) problem.flags |= FVATTN_PROBLEM_NEED_GRAD;
  for (const std::string& text : tensors_) {
    Result<Spec> spec = spec_of(text);
    if (!spec) return spec.status();
    problem.extra.push_back(std::move(*spec));
  }
  return {};
}

// Keys that travel in the problem; the rest is the backend's metadata.
Status ProblemOptions::take_parameters(Question& question) const {
  Result<KeyValues> read = parameters_.read();
  if (!read) return read.status();
  Problem& problem = question.problem;
  bool causal = causal_, lse = false, deterministic = false, training = false;
  int64_t layer = 0, seed = 0;
  double dropout = 0;
  for (const Result<bool>& taken :
       {take(*read, "causal", causal), take(*read, "return_lse", lse), take(*read, "deterministic", deterministic),
        take(*read, "training", training), take(*read, "dropout_p", dropout), take(*read, "dropout_seed", seed),
        take(*read, "softmax_scale", problem.scale), take(*read, "text_length", problem.text_len),
        take(*read, "layer_idx", layer)})
    if (!taken) return taken.status();
  if (causal) problem.flags |= FVATTN_PROBLEM_CAUSAL;
  if (lse) problem.flags |= FVATTN_PROBLEM_NEED_LSE;
  if (deterministic) problem.flags |= FVATTN_PROBLEM_NEED_DETERMINISM;
  problem.dropout_p = training ? dropout : 0;
  problem.layer_index = static_cast<int32_t>(layer);
  for (auto& [key, value] : *read) question.metadata[key] = std::move(value);
  return {};
}

}  // namespace fvattn::host
