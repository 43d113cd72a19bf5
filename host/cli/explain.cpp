// fvattn explain: the decision for one problem, with every stage of every candidate.
#include "cli/builtins.hpp"
#include "cli/problem_options.hpp"
#include "common/table.hpp"
#include "common/verb.hpp"

#include <fvattn/context.hpp>

#include <iostream>

namespace fvattn::host {
namespace {

/// What the chosen backend says about the keys that are not part of the problem, once it is known who is asked.
struct MetadataVerdict {
  Status status;
  std::string text;
};

MetadataVerdict ask_about_metadata(const Question& question, const AttentionBackend& backend) {
  KeyValues given;
  for (const auto& [key, value] : question.metadata)
    // The grid of --shape is for those who read it; a key given by hand must be known.
    if (key != "dit_seq_shape" || backend.metadata_schema().find(key) != nullptr) given.emplace(key, value);
  const Result<KeyValues> complete = backend.metadata_schema().complete(given, backend.qualified_name());
  if (!complete) return {complete.status(), complete.status().text()};
  const Result<Support> support = backend.query(*question.device, question.problem, *complete);
  if (!support) return {support.status(), support.status().text()};
  if (support->supported) return {{}, "accepted"};
  std::string reasons = reason_names(support->reasons);
  for (const Note& note : support->notes) reasons += "; " + note.text;
  return {Status::error(Code::unavailable, backend.qualified_name() + " refuses with these parameters", reasons), reasons};
}

double pairs_of(const Problem& problem) {
  return static_cast<double>(problem.batch) * problem.heads * static_cast<double>(problem.q_len) *
         static_cast<double>(problem.kv_len);
}

std::string size_text(const Problem& problem) {
  const double element = problem.dtype_bits / 8.0;
  const double rows = static_cast<double>(problem.batch) * problem.head_dim * element;
  const double bytes = rows * (2.0 * static_cast<double>(problem.q_len) * problem.heads +
                               2.0 * static_cast<double>(problem.kv_len) * problem.kv_heads);
  return "dense: " + number_text(4 * pairs_of(problem) * problem.head_dim / 1e12) + " TFLOP (" +
         number_text(pairs_of(problem)) + " query-key pairs); q, k, v and o: " + bytes_text(bytes);
}

// What a grid of tiles costs at the borders.
std::string tiles_text(const Question& question, const AttentionBackend& backend) {
  const SchemaKey* key = backend.metadata_schema().find("tile_size");
  const auto given = question.metadata.find("tile_size");
  const Value* value = given != question.metadata.end()   ? &given->second
                       : key != nullptr && key->otherwise ? &*key->otherwise
                                                          : nullptr;
  const auto* tile = value == nullptr ? nullptr : std::get_if<std::vector<int64_t>>(value);
  if (question.grid.empty() || tile == nullptr || tile->size() != 3) return {};
  std::string grid, padded;
  double tokens = 1, covered = 1;
  for (size_t i = 0; i < 3; ++i) {
    if ((*tile)[i] < 1) return {};
    const int64_t tiles = (question.grid[i] + (*tile)[i] - 1) / (*tile)[i];
    grid += (i == 0 ? "" : "x") + std::to_string(tiles);
    padded += (i == 0 ? "" : "x") + std::to_string(tiles * (*tile)[i]);
    tokens *= static_cast<double>(question.grid[i]);
    covered *= static_cast<double>(tiles * (*tile)[i]);
  }
  return "tiles: " + grid + ", which cover " + padded + " tokens (" + number_text(100 * (covered / tokens - 1), 3) +
         " % beyond the grid)";
}

void print_text(const Explanation& explanation, const Question& question, const MetadataVerdict* verdict) {
  std::cout << explanation.request_text << '\n' << size_text(question.problem) << "\n\n";
  std::cout << "the chain\n";
  for (const std::string& step : explanation.steps) std::cout << "  " << step << '\n';
  std::cout << "\nthe candidates\n";
  for (const CandidateTrace& candidate : explanation.candidates) {
    std::cout << (candidate.chosen ? "* " : "  ") << candidate.name
              << (candidate.plugin.empty() ? "" : "  [" + candidate.plugin + "]") << '\n';
    for (const CandidateTrace::Stage& stage : candidate.stages)
      std::cout << "      " << (stage.passed ? "passed  " : "failed  ") << stage.name
                << (stage.detail.empty() ? "" : ": " + stage.detail) << '\n';
  }
  if (explanation.selection) {
    const AttentionBackend& backend = *explanation.selection->backend;
    std::cout << "\nchosen: " << backend.qualified_name() << ' ' << backend.plugin_version() << " ("
              << to_string(explanation.selection->source) << ")\n";
    if (const std::string tiles = tiles_text(question, backend); !tiles.empty()) std::cout << "  " << tiles << '\n';
    if (verdict != nullptr) std::cout << "  parameters: " << verdict->text << '\n';
  } else {
    std::cout << "\nchosen: none\n";
  }
  if (!explanation.changes.empty()) std::cout << "\nwhat would change the outcome\n";
  for (const std::string& change : explanation.changes) std::cout << "  " << change << '\n';
}

Json candidate_json(const CandidateTrace& candidate) {
  Json stages = Json::array(), notes = Json::array();
  for (const CandidateTrace::Stage& stage : candidate.stages)
    stages.push_back({{"stage", stage.name}, {"passed", stage.passed}, {"detail", stage.detail}});
  for (const Note& note : candidate.support.notes)
    notes.push_back({{"reason", reason_names(note.reason)}, {"text", note.text}});
  return {{"name", candidate.name},
          {"plugin", candidate.plugin},
          {"chosen", candidate.chosen},
          {"stages", stages},
          {"supported", candidate.support.supported},
          {"score", candidate.support.score},
          {"est_us", candidate.support.est_us},
          {"reasons", reason_names(candidate.support.reasons)},
          {"notes", notes}};
}

Json explanation_json(const Explanation& explanation, const Question& question, const MetadataVerdict* verdict) {
  Json candidates = Json::array();
  for (const CandidateTrace& candidate : explanation.candidates) candidates.push_back(candidate_json(candidate));
  Json json = {{"request", explanation.request_text}, {"dense_pairs", pairs_of(question.problem)},
               {"steps", explanation.steps},          {"candidates", candidates},
               {"changes", explanation.changes},      {"selection", nullptr}};
  if (explanation.selection) {
    const AttentionBackend& backend = *explanation.selection->backend;
    json["selection"] = {{"backend", backend.get_name()},
                         {"qualified", backend.qualified_name()},
                         {"version", backend.plugin_version()},
                         {"path", backend.plugin_path()},
                         {"source", to_string(explanation.selection->source)}};
    if (const std::string tiles = tiles_text(question, backend); !tiles.empty()) json["tiles"] = tiles;
  } else {
    json["error"] = to_json(explanation.status);
  }
  if (verdict != nullptr) json["parameters"] = {{"accepted", verdict->status.ok()}, {"text", verdict->text}};
  return json;
}

}  // namespace

int explain_verb(int argc, const char* const* argv) {
  Verb verb("fvattn explain",
            "Which backend serves a problem, and why: the chain, every candidate with every stage, what would change it.",
            "fvattn explain --shape 21x30x52 --heads 12 --dim 128 --dtype bfloat16\n"
            "  fvattn explain --seq 4096 --role cross --kv-seq 512 --device cuda --backend FLASH_ATTN --json");
  ProblemOptions options;
  options.add_to(verb.app());
  return verb.run(argc, argv, [&]() -> Status {
    const Result<Question> question = options.read();
    if (!question) return question.status();
    const Explanation explanation =
        default_context().selector().explain(question->request, *question->device, question->problem);
    MetadataVerdict verdict;
    const MetadataVerdict* asked = nullptr;
    if (explanation.selection && !question->metadata.empty()) {
      verdict = ask_about_metadata(*question, *explanation.selection->backend);
      asked = &verdict;
    }
    if (verb.json()) verb.print(explanation_json(explanation, *question, asked));
    else print_text(explanation, *question, asked);
    return explanation.selection ? verdict.status : explanation.status;
  });
}

}  // namespace fvattn::host
