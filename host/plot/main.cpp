// fvattn plot mask: which keys a query attends, as a picture, and how much of dense attention they hold.
#include "plot/mask_picture.hpp"

#include "common/dtype_names.hpp"
#include "common/parameters.hpp"
#include "common/verb.hpp"
#include "io/safetensors/reader.hpp"
#include "video/png.hpp"

#include <fvattn/device.hpp>
#include <fvattn/problem.hpp>

#include <c10/util/Exception.h>

#include <iomanip>
#include <iostream>

namespace {

using namespace fvattn;
using host::Json;

constexpr const char* kGrid = "dit_seq_shape";

struct Options {
  std::string what, input, out = "mask.png", device = "cpu", dtype;
  std::vector<int64_t> query;
  int cell = 6;
  plot::MaskRequest request;
  host::Parameters parameters;

  void add_to(CLI::App& app) {
    app.add_option("what", what, "mask")->required()->check(CLI::IsMember({"mask"}));
    app.add_option("--input", input,
                   "The file with q, k, v [B, S, H, D] and what goes with them, as for `fvattn run`; `fvattn denoise "
                   "--dump` writes such files")
        ->type_name("IN.safetensors")
        ->required();
    app.add_option("--backend", request.backend,
                   "NAME, id/NAME, ...; without it the environment decides, then automatic choice")
        ->type_name("NAME");
    app.add_option("--query", query, "The query's place T,H,W in the grid (the middle)")->delimiter(',')->expected(3);
    app.add_option("--head", request.head, "The query's head")->capture_default_str();
    app.add_option("--batch", request.batch, "The query's batch entry")->capture_default_str();
    app.add_option("--rows", request.rows, "Recall is taken over this many queries, evenly spaced")
        ->check(CLI::Range(1, 1 << 30))
        ->capture_default_str();
    app.add_option("--cell", cell, "Pixels of a token")->check(CLI::Range(1, 64))->capture_default_str();
    app.add_option("--out", out, "The picture to write")->type_name("OUT.png")->capture_default_str();
    app.add_option("--device", device, "cpu, cuda or cuda:INDEX")->type_name("D")->capture_default_str();
    app.add_option("--dtype", dtype, "Choose in this dtype (that of q)")->type_name("T");
    parameters.add_to(app);
  }
};

at::ScalarType scalar_type(const host::DtypeCode& dtype) {
  if (dtype.code == FVATTN_DTYPE_BFLOAT) return at::kBFloat16;
  return dtype.bits == 64 ? at::kDouble : dtype.bits == 32 ? at::kFloat : at::kHalf;
}

/// The parameters given, and those of the file's metadata that were not.
Result<KeyValues> parameters_of(const Options& options) {
  Result<KeyValues> values = options.parameters.read();
  if (!values) return values;
  const auto file = host::safetensors::Reader::open(options.input);
  if (!file) return file.status();
  for (const char* key : {kGrid, "softmax_scale"}) {
    const auto noted = file->metadata().find(key);
    if (noted == file->metadata().end() || values->contains(key)) continue;
    const Result<Json> json = host::parse_json(noted->second, options.input + ": metadata " + key);
    if (!json) return json.status();
    const Result<Value> value = host::value_from_json(key, *json);
    if (!value) return value.status();
    values->emplace(key, *value);
  }
  return values;
}

Json json_of(const plot::MaskView& view, const Options& options) {
  return {{"backend", view.selection.backend->get_name()},
          {"chosen_by", to_string(view.selection.source)},
          {"dit_seq_shape", view.grid},
          {"query", view.query},
          {"head", view.head},
          {"batch", view.batch},
          {"density", view.density},
          {"recall",
           {{"mean", view.recall}, {"least", view.least_recall}, {"heads", view.head_recall}, {"rows", view.rows}}},
          {"query_recall", view.query_recall},
          {"file", options.out}};
}

void print(std::ostream& out, const plot::MaskView& view, const Options& options) {
  out << std::fixed << std::setprecision(1) << view.selection.backend->qualified_name() << " ("
      << to_string(view.selection.source) << ")\n"
      << "density    " << 100 * view.density << " % of the pairs\n"
      << "recall     " << 100 * view.recall << " % of dense attention's mass, over " << view.rows
      << " queries of every head; the worst query " << 100 * view.least_recall << " %\n"
      << "heads     ";
  for (const double share : view.head_recall) out << ' ' << 100 * share;
  out << " %\nquery      " << 100 * view.query_recall << " % of its mass\npicture    " << options.out << '\n';
}

Status plot_mask(Options& options, host::Verb& verb) {
  const Result<const Device*> device = device_by_name(options.device);
  if (!device) return device.status();
  Result<KeyValues> values = parameters_of(options);
  if (!values) return values.status();
  Result<host::Keys> keys = host::sort_keys(std::move(*values));
  if (!keys) return keys.status();
  if (Result<bool> taken = host::take(keys->rest, kGrid, options.request.grid); !taken) return taken.status();
  if (!options.query.empty()) options.request.query = options.query;
  Result<host::Inputs> inputs = host::read_inputs(options.input);
  if (!inputs) return inputs.status();
  for (const std::string& warning : inputs->warnings) std::cerr << "fvattn plot: warning: " << warning << '\n';
  at::ScalarType type = inputs->q.scalar_type();
  if (!options.dtype.empty()) {
    const Result<host::DtypeCode> named = host::dtype_by_name(options.dtype, "--dtype");
    if (!named) return named.status();
    type = scalar_type(*named);
  }
  const bool cuda = (*device)->c.type == FVATTN_CUDA;
  host::convert(*inputs, type, cuda ? at::Device(at::kCUDA, static_cast<c10::DeviceIndex>((*device)->c.id)) : at::kCPU);
  const Result<plot::MaskView> view = plot::view_mask(*inputs, std::move(*keys), options.request);
  if (!view) return view.status();
  if (Status written = video::write_png(options.out, plot::mask_picture(*view, options.cell)); !written.ok()) return written;
  if (verb.json()) verb.print(json_of(*view, options));
  else print(std::cout, *view, options);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  host::Verb verb("fvattn plot",
                  "Draws which keys a query attends, over the frames, and says how much of dense attention they hold",
                  "fvattn denoise clip.mp4 --dump dump\n"
                  "  fvattn plot mask --backend VIDEO_SPARSE_ATTN --input dump/00000/0_0.safetensors "
                  "--param VSA_sparsity=0.9");
  Options options;
  options.add_to(verb.app());
  return verb.run(argc, argv, [&]() -> Status {
    try {
      return plot_mask(options, verb);
    } catch (const Error& error) {
      return error.status();
    } catch (const c10::Error& error) {
      return Status::error(Code::internal, error.what_without_backtrace());
    }
  });
}
