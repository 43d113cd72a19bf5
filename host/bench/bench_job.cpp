#include "bench/bench_job.hpp"

#include "bench/contender.hpp"
#include "common/backend_by_name.hpp"
#include "common/dtype_names.hpp"
#include "common/table.hpp"

#include <fvattn/context.hpp>
#include <fvattn/nearest.hpp>

#include <algorithm>

namespace fvattn::bench {
namespace {

struct Place {
  const Device* device;
  at::Device torch;
};

Result<at::ScalarType> dtype_of(const std::string& name) {
  const auto dtype = host::dtype_by_name(name, "dtype");
  if (!dtype) return dtype.status();
  return dtype->code == FVATTN_DTYPE_BFLOAT ? at::kBFloat16
         : dtype->bits == 64                ? at::kDouble
         : dtype->bits == 32                ? at::kFloat
                                            : at::kHalf;
}

Result<std::vector<Workload>> workloads_of(const Options& options, const KeyValues& parameters, bool cuda) {
  std::vector<Workload> base;
  for (const std::string& name : options.presets) {
    Result<Workload> known = preset(name);
    if (!known) return known.status();
    base.push_back(std::move(*known));
  }
  if (base.empty() && options.axes.empty()) base.push_back(*preset(cuda ? "wan1.3b-480p" : "cpu-4k"));
  if (base.empty()) base.emplace_back();
  for (Workload& workload : base) {
    workload.dtype = options.dtype.empty() ? (cuda ? "bf16" : "fp32") : options.dtype;
    workload.parameters = parameters;
  }
  return with_axes(std::move(base), options.axes);
}

Line line_of(const Contender& contender, const Workload& w, const Sample& sample, const Ceiling& ceiling, bool backward,
             double element) {
  const AttentionBackend& backend = contender.backend();
  Line line;
  line.workload = w.name;
  line.shape = w.shape_text();
  line.dtype = w.dtype;
  line.backend = backend.get_name();
  line.plugin = backend.qualified_name().substr(0, backend.qualified_name().rfind('/'));
  line.plugin_version = backend.plugin_version();
  line.backward = backward;
  line.sample = sample;
  line.pairs = contender.pairs();
  line.exact_pairs = w.exact_pairs();
  line.flop = 4.0 * static_cast<double>(line.pairs) * static_cast<double>(w.dim) * (backward ? 2.5 : 1);
  const double rows = static_cast<double>(w.batch * w.dim) * element;
  // Forward reads q, k, v and writes o; backward reads those and d_o, and writes d_q, d_k, d_v.
  line.bytes = rows * (2.0 * static_cast<double>(w.q_len * w.heads) + 2.0 * static_cast<double>(w.keys() * w.key_heads())) *
               (backward ? 2 : 1);
  line.ceiling = ceiling;
  return line;
}

class Job {
 public:
  Job(const Options& options, Place place, std::map<std::string, double> base, std::function<void(const Line&)> on_line)
      : options_(options), place_(place), base_(std::move(base)), on_line_(std::move(on_line)) {}

  Status measure(const Workload& workload) {
    const auto dtype = dtype_of(workload.dtype);
    if (!dtype) return dtype.status();
    const auto [ceiling, fresh] = ceilings_.try_emplace(*dtype);
    if (fresh) ceiling->second = measure_ceiling(*place_.device, place_.torch, *dtype);
    report.ceiling = ceiling->second;
    const Operands operands = Operands::random(workload, *dtype, place_.torch);
    std::vector<std::unique_ptr<Contender>> contenders;
    for (const std::string& name : names()) {
      auto made = Contender::prepare(name, workload, operands, options_.backward && may_differentiate(name));
      if (made) contenders.push_back(std::move(*made));
      else if (made.status().code == Code::invalid_argument && named(name)) return made.status();
      else report.refused.push_back(name + " on " + workload.name + ": " + made.status().text());
    }
    if (Status status = check_parameters(workload, contenders); !status.ok()) return status;
    if (Status status = run(workload, contenders, false, static_cast<double>(c10::elementSize(*dtype))); !status.ok())
      return status;
    if (!options_.backward) return {};
    std::erase_if(contenders, [](const auto& contender) { return !contender->backend().has_backward(); });
    return run(workload, contenders, true, static_cast<double>(c10::elementSize(*dtype)));
  }

  Report report;

 private:
  bool named(const std::string& name) const {
    return std::find(options_.backends.begin(), options_.backends.end(), name) != options_.backends.end();
  }
  bool may_differentiate(const std::string& name) const {
    const auto backend = default_context().registry().find(name);
    return backend && (*backend)->has_backward();
  }
  std::vector<std::string> names() const {
    std::vector<std::string> all =
        options_.backends.empty() ? default_context().registry().backend_names() : options_.backends;
    const std::vector<std::string> known = default_context().registry().backend_names();
    const bool peer_there = std::find(known.begin(), known.end(), options_.peer) != known.end();
    if (peer_there && std::find(all.begin(), all.end(), options_.peer) == all.end()) all.push_back(options_.peer);
    return all;
  }

  // A parameter that nobody knows was mistyped.
  static Status check_parameters(const Workload& workload, const std::vector<std::unique_ptr<Contender>>& contenders) {
    for (const auto& [key, value] : workload.parameters) {
      const bool unused =
          !contenders.empty() && std::all_of(contenders.begin(), contenders.end(), [&key = key](const auto& contender) {
            return std::find(contender->unused().begin(), contender->unused().end(), key) != contender->unused().end();
          });
      if (!unused) continue;
      std::vector<std::string> names{"batch", "seq",    "kv_seq", "heads", "kv_heads",
                                     "dim",   "causal", "grid",   "text",  "dtype"};
      for (const auto& contender : contenders)
        for (const Schema* schema : {&contender->backend().metadata_schema(), &contender->backend().option_schema()})
          for (const SchemaKey& known : schema->keys()) names.push_back(known.name);
      const std::string near = nearest_name(key, names);
      return Status::error(Code::invalid_argument, "no backend that takes part knows the parameter", key, {},
                           near.empty() ? std::string() : "did you mean '" + near + "'?");
    }
    return {};
  }

  Status run(const Workload& workload, const std::vector<std::unique_ptr<Contender>>& contenders, bool backward,
             double element) {
    std::vector<Work> works;
    for (const auto& contender : contenders)
      works.push_back(backward ? Work([c = contender.get()] { c->backward(); })
                               : Work([c = contender.get()] { c->forward(); }));
    const std::vector<Sample> samples = take_turns(works, place_.torch, options_.patience);
    const Sample* peer = nullptr;
    for (size_t i = 0; i < contenders.size(); ++i)
      if (contenders[i]->backend().get_name() == options_.peer) peer = &samples[i];
    for (size_t i = 0; i < contenders.size(); ++i) {
      Line line = line_of(*contenders[i], workload, samples[i], report.ceiling, backward, element);
      if (Status status = check_plausible(line); !status.ok()) return status;
      if (!backward && !options_.no_error) line.error = contenders[i]->error();
      if (peer != nullptr && peer != &samples[i]) line.of_peer = peer->ms / samples[i].ms;
      if (const auto base = base_.find(line.key()); base != base_.end()) line.of_base = base->second / samples[i].ms;
      if (line.tflops() > line.ceiling.matmul_tflops)
        report.warnings.push_back(line.backend + " on " + line.workload + " is above the matmul measured in this run (" +
                                  host::number_text(line.tflops()) + " and " +
                                  host::number_text(line.ceiling.matmul_tflops) +
                                  " TFLOP/s): the matmul met its power limit, or the work is not all done");
      on_line_(line);
      report.lines.push_back(std::move(line));
    }
    return {};
  }

  const Options& options_;
  const Place place_;
  const std::map<std::string, double> base_;
  const std::function<void(const Line&)> on_line_;
  std::map<at::ScalarType, Ceiling> ceilings_;
};

}  // namespace

void Options::add_to(CLI::App& app) {
  app.add_option("what", what, "host: the cost of selection and of a warm call on the host, instead of attention")
      ->check(CLI::IsMember({"host"}));
  app.add_option("--preset", presets, "Shapes by name; --list prints them")->delimiter(',')->type_name("NAME,...");
  app.add_option("--axis", axes,
                 "batch, seq, kv_seq, heads, kv_heads, dim, causal, grid, text, dtype or a parameter (repeatable)")
      ->type_name("NAME=VALUE,...")
      ->allow_extra_args(false);
  app.add_option("--backend", backends, "Who takes part; everybody by default")->delimiter(',')->type_name("NAME,...");
  app.add_option("--peer", peer, "Whom the others are compared with; takes part always")
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--device", device, "cpu, cuda or cuda:INDEX")->type_name("D")->capture_default_str();
  app.add_option("--dtype", dtype, "float64, float32, bfloat16 or float16; bfloat16 on a GPU, float32 on the CPU by default")
      ->type_name("T");
  app.add_flag("--backward", backward, "Backward too");
  app.add_flag("--cold", patience.cold, "Also with caches that hold something else");
  app.add_option("--seconds", patience.seconds, "At most this long for one workload")->type_name("S")->capture_default_str();
  app.add_flag("--no-error", no_error, "Leave out the comparison with float64");
  app.add_flag("--csv", csv, "Comma-separated values instead of text");
  app.add_option("--compare", base, "Ratios to the times in this file, written by --json")->type_name("FILE");
  app.add_flag("--list", list, "Print the presets");
  parameters.add_to(app);
}

Result<Report> measure_all(const Options& options, const std::function<void(const Line&)>& on_line) {
  const Result<const Device*> device = device_by_name(options.device);
  if (!device) return device.status();
  const bool cuda = (*device)->c.type == FVATTN_CUDA;
  const Result<KeyValues> parameters = options.parameters.read();
  if (!parameters) return parameters.status();
  const Result<std::vector<Workload>> workloads = workloads_of(options, *parameters, cuda);
  if (!workloads) return workloads.status();
  std::map<std::string, double> base;
  if (!options.base.empty()) {
    Result<std::map<std::string, double>> read = read_base(options.base);
    if (!read) return read.status();
    base = std::move(*read);
  }
  for (const std::string& name : options.backends)
    if (const auto known = host::backend_by_name(default_context().registry(), name); !known) return known.status();
  Job job(options,
          {*device, cuda ? at::Device(at::kCUDA, static_cast<c10::DeviceIndex>((*device)->c.id)) : at::Device(at::kCPU)},
          std::move(base), on_line);
  job.report.device = (*device)->name;
  for (const Workload& workload : *workloads)
    if (Status status = job.measure(workload); !status.ok()) return status;
  if (job.report.lines.empty()) {
    std::string why;
    for (const std::string& refused : job.report.refused) why += (why.empty() ? "" : "; ") + refused;
    return Status::error(Code::unavailable, "no backend could serve any of the shapes", why);
  }
  return std::move(job.report);
}

}  // namespace fvattn::bench
