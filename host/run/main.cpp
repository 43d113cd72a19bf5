// fvattn run: attention from a file to a file.
#include "common/atomic_file.hpp"
#include "common/dtype_names.hpp"
#include "common/parameters.hpp"
#include "common/verb.hpp"
#include "ranks/rank_device.hpp"
#include "run/call.hpp"
#include "run/ranks_call.hpp"
#include "run/report.hpp"

#include <c10/util/Exception.h>

#include <iostream>

namespace {

using namespace fvattn;
using namespace fvattn::host;

struct Options {
  std::string backend, input, output, device = "cpu", dtype;
  Parameters parameters;

  void add_to(CLI::App& app) {
    app.add_option("--backend", backend,
                   "NAME | id/NAME | A,B | prefer:NAME | auto; without it FASTVIDEO_ATTENTION_BACKEND decides, then "
                   "automatic choice")
        ->type_name("NAME");
    app.add_option("--input", input, "The file with q, k, v [B, S, H, D] and what goes with them")
        ->type_name("IN.safetensors")
        ->required();
    app.add_option("--output", output, "The file to write; it is complete or not there")
        ->type_name("OUT.safetensors")
        ->required();
    app.add_option("--device", device,
                   "cpu, cuda or cuda:INDEX; of several ranks each has the GPU of its number, or all share INDEX")
        ->type_name("D")
        ->capture_default_str();
    app.add_option("--dtype", dtype, "Compute in float64, float32, bfloat16 or float16 (default: the dtype of q)")
        ->type_name("T");
    parameters.add_to(app);
  }
};

at::ScalarType scalar_type(const DtypeCode& dtype) {
  if (dtype.code == FVATTN_DTYPE_BFLOAT) return at::kBFloat16;
  return dtype.bits == 64 ? at::kDouble : dtype.bits == 32 ? at::kFloat : at::kHalf;
}

std::string type_name(at::ScalarType type) {
  return type == at::kDouble ? "float64" : type == at::kFloat ? "float32" : type == at::kHalf ? "float16" : "bfloat16";
}

struct Task {
  Json given;  // parameters
  Keys keys;
  Inputs inputs;
  at::Device device = at::kCPU;
  std::string dtype;
};

/// `reads`: the file, too; without it there are no inputs.
Result<Task> read_task(const Options& options, const Launch& launch, bool reads) {
  const Result<const Device*> device = device_of_rank(options.device, launch);
  if (!device) return device.status();
  const at::Device at = torch_device(**device);
  use_device(at);
  std::optional<DtypeCode> dtype;
  if (!options.dtype.empty()) {
    const Result<DtypeCode> named = dtype_by_name(options.dtype, "--dtype");
    if (!named) return named.status();
    dtype = *named;
  }
  const Result<Json> given = options.parameters.object();
  if (!given) return given.status();
  Result<KeyValues> values = options.parameters.read();
  if (!values) return values.status();
  Result<Keys> keys = sort_keys(std::move(*values));
  if (!keys) return keys.status();
  Task task{*given, std::move(*keys), {}, at, {}};
  if (!reads) return task;
  Result<Inputs> inputs = read_inputs(options.input);
  if (!inputs) return inputs.status();
  for (const std::string& warning : inputs->warnings) std::cerr << "fvattn run: warning: " << warning << '\n';
  // Before the work is done: a folder that is not there would be found too late.
  if (const auto probe = AtomicFile::create(options.output); !probe) return probe.status();
  const at::ScalarType type = dtype ? scalar_type(*dtype) : inputs->q.scalar_type();
  convert(*inputs, type, at);
  task.inputs = std::move(*inputs);
  task.dtype = type_name(type);
  return task;
}

Status run(const Options& options, Verb& verb, Ranks& ranks) {
  Result<Task> task = read_task(options, ranks.launch(), ranks.is_root());
  // By the option's text, which is the same on all ranks, whatever became of the task.
  if (Status status = ranks.connect(options.device.starts_with("cuda")); !status.ok()) return status;
  const auto facts = ranks.tell(task.status(), task ? facts_of(task->inputs) : Ranks::Facts{});
  if (!facts) return facts.status();
  if (Status status = ranks.open_transport(task->device.is_cuda() ? task->device.index() : -1); !status.ok()) return status;
  if (!ranks.is_root()) task->inputs = inputs_like(*facts, task->device);
  const std::vector<std::string> warnings = task->inputs.warnings;
  const Result<CallResult> result =
      ranks.alone() ? call_layer(task->inputs, std::move(task->keys), options.backend)
                    : call_over_ranks(ranks, std::move(task->inputs), std::move(task->keys), options.backend);
  if (!result) return result.status();
  if (!ranks.is_root()) return {};
  Report report{options.output, task->device.str(), task->dtype, task->given, warnings, &*result, ranks.size()};
  if (Status status = write_tensors(options.output, result->outputs, metadata_block(report)); !status.ok()) return status;
  if (verb.json()) verb.print(report_json(report));
  else print_report(std::cout, report);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  Verb verb(
      "fvattn run",
      "Runs attention on the tensors of a .safetensors file and writes the result; with d_o in the input, gradients too.",
      "fvattn run --backend TORCH_SDPA --input in.safetensors --output out.safetensors --param causal=true");
  Options options;
  options.add_to(verb.app());
  Ranks ranks(verb);
  return verb.run(argc, argv, [&]() -> Status {
    try {
      return run(options, verb, ranks);
    } catch (const c10::OutOfMemoryError& error) {
      return Status::error(Code::resource_exhausted, error.what_without_backtrace());
    } catch (const c10::Error& error) {
      return Status::error(Code::internal, error.what_without_backtrace());
    }
  });
}
