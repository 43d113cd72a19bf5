#include "bench/workload.hpp"

#include <fvattn/nearest.hpp>

#include <algorithm>

namespace fvattn::bench {

int64_t Workload::exact_pairs() const {
  int64_t pairs = q_len * keys();
  if (causal) {
    // Row i sees the keys up to i + keys - q_len: the last rows see all, each one above sees one less.
    const int64_t rows = std::min(q_len, keys());
    pairs = rows * (2 * keys() - rows + 1) / 2;
  }
  return batch * heads * pairs;
}

std::string Workload::shape_text() const {
  std::string text = "B" + std::to_string(batch) + " S" + std::to_string(q_len);
  if (keys() != q_len) text += "x" + std::to_string(keys());
  text += " H" + std::to_string(heads);
  if (key_heads() != heads) text += "/" + std::to_string(key_heads());
  text += " D" + std::to_string(dim);
  if (causal) text += " causal";
  if (!grid.empty()) text += " " + std::to_string(grid[0]) + "x" + std::to_string(grid[1]) + "x" + std::to_string(grid[2]);
  if (this->text != 0) text += "+" + std::to_string(this->text);
  return text;
}

const std::vector<Workload>& presets() {
  const auto video = [](const char* name, std::vector<int64_t> grid, int64_t heads, int64_t text = 0) {
    Workload made{.name = name, .q_len = grid[0] * grid[1] * grid[2] + text, .heads = heads, .text = text};
    made.grid = std::move(grid);
    return made;
  };
  static const std::vector<Workload> all{
      video("wan1.3b-480p", {21, 30, 52}, 12),
      video("wan1.3b-480p-even", {20, 28, 52}, 12),
      video("wan14b-720p", {21, 45, 80}, 8),
      video("sta-18x48x80", {18, 48, 80}, 12),
      video("hunyuan-sta", {30, 48, 80}, 24, 256),
      {.name = "16k-d64", .q_len = 16384, .heads = 16, .dim = 64},
      {.name = "16k-causal", .q_len = 16384, .heads = 16, .causal = true},
      {.name = "8k-gqa", .q_len = 8192, .heads = 32, .kv_heads = 8},
      {.name = "short", .batch = 16, .q_len = 512, .heads = 16},
      {.name = "cross", .q_len = 32760, .kv_len = 512, .heads = 12},
      {.name = "8k-d80", .q_len = 8192, .heads = 16, .dim = 80},
      {.name = "8k-d96", .q_len = 8192, .heads = 16, .dim = 96},
      {.name = "8k-d192", .q_len = 8192, .heads = 16, .dim = 192},
      {.name = "8k-d256", .q_len = 8192, .heads = 16, .dim = 256},
      {.name = "cpu-4k", .q_len = 4096, .heads = 4, .dim = 64},
      video("cpu-video", {8, 16, 24}, 4),
  };
  return all;
}

Result<Workload> preset(const std::string& name) {
  std::vector<std::string> names;
  std::string accepted;
  for (const Workload& known : presets()) {
    if (known.name == name) return known;
    names.push_back(known.name);
    accepted += (accepted.empty() ? "" : ", ") + known.name;
  }
  const std::string near = nearest_name(name, names);
  return Status::error(Code::invalid_argument, "there is no preset of that name", name, accepted,
                       near.empty() ? "" : "did you mean " + near + "?");
}

}  // namespace fvattn::bench
