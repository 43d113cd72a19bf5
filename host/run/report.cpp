#include "run/report.hpp"

#include "common/table.hpp"

#include <fvattn/version.hpp>

namespace fvattn::host {
namespace {

std::string plugin_id(const AttentionBackend& backend) {
  return backend.qualified_name().substr(0, backend.qualified_name().rfind('/'));
}

Json shapes_json(const Tensors& tensors) {
  Json json = Json::object();
  for (const auto& [name, tensor] : tensors) json[name] = tensor.sizes().vec();
  return json;
}

}  // namespace

std::map<std::string, std::string> metadata_block(const Report& report) {
  const AttentionBackend& backend = *report.result->selection.backend;
  std::map<std::string, std::string> block{
      {"program", std::string("fvattn ") + version()},
      {"program_version", version()},
      {"backend", backend.get_name()},
      {"plugin", plugin_id(backend)},
      {"plugin_version", backend.plugin_version()},
      {"plugin_sha256", backend.plugin_sha256()},
      {"device", report.device},
      {"dtype", report.dtype},
      {"parameters", report.parameters.dump(-1, ' ', false, Json::error_handler_t::replace)}};
  if (report.ranks > 1) block["ranks"] = std::to_string(report.ranks);
  return block;
}

Json report_json(const Report& report) {
  const CallResult& result = *report.result;
  const AttentionBackend& backend = *result.selection.backend;
  Json json = {{"output", report.output},
               {"backend", backend.get_name()},
               {"source", to_string(result.selection.source)},
               {"plugin", plugin_id(backend)},
               {"plugin_version", backend.plugin_version()},
               {"plugin_sha256", backend.plugin_sha256()},
               {"plugin_path", backend.plugin_path()},
               {"device", report.device},
               {"dtype", report.dtype},
               {"parameters", report.parameters},
               {"forward_ms", result.forward_ms},
               {"outputs", shapes_json(result.outputs)},
               {"warnings", report.warnings}};
  if (report.ranks > 1) json["ranks"] = report.ranks;
  if (result.outputs.count("d_q") != 0) json["backward_ms"] = result.backward_ms;
  if (result.description) {
    json["attended_pairs"] = result.description->attended_pairs;
    json["dense_pairs"] = result.description->dense_pairs;
    json["density"] = result.description->density();
  }
  return json;
}

void print_report(std::ostream& out, const Report& report) {
  const CallResult& result = *report.result;
  const AttentionBackend& backend = *result.selection.backend;
  out << backend.get_name() << " of " << plugin_id(backend) << ' ' << backend.plugin_version() << " ("
      << to_string(result.selection.source) << "), " << report.device << ", " << report.dtype
      << (report.ranks > 1 ? ", " + std::to_string(report.ranks) + " ranks" : "") << ": forward "
      << number_text(result.forward_ms) << " ms";
  if (result.outputs.count("d_q") != 0) out << ", backward " << number_text(result.backward_ms) << " ms";
  if (result.description)
    out << ", " << result.description->attended_pairs << " of " << result.description->dense_pairs << " pairs attended ("
        << number_text(100 * result.description->density(), 3) << " %)";
  std::vector<std::string> names;
  for (const auto& [name, tensor] : result.outputs) names.push_back(name);
  out << "\nwrote " << joined(names) << " to " << report.output << '\n';
}

}  // namespace fvattn::host
