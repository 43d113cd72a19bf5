// fvattn verify: every backend against a float64 reference.
#include "common/backend_by_name.hpp"
#include "common/dtype_names.hpp"
#include "common/parameters.hpp"
#include "common/progress.hpp"
#include "common/table.hpp"
#include "common/verb.hpp"
#include "verify/case_table.hpp"
#include "verify/check_case.hpp"
#include "verify/report.hpp"

#include <fvattn/context.hpp>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <c10/util/Exception.h>

#include <iostream>
#include <random>

namespace {

using namespace fvattn;
using namespace fvattn::host;
using namespace fvattn::verify;

struct Options {
  std::vector<std::string> backends, dtypes;
  std::string device = "cpu";
  bool quick = false, full = false, refusals = false;
  uint64_t seed = 0;
  Parameters parameters;

  void add_to(CLI::App& app) {
    app.add_option("backends", backends, "Who to verify; everybody by default")->type_name("NAME");
    app.add_option("--device", device, "cpu, cuda or cuda:INDEX")->type_name("D")->capture_default_str();
    app.add_option("--dtype", dtypes, "float64, float32, bfloat16, float16; all of them by default")
        ->type_name("T,T")
        ->delimiter(',');
    auto* few = app.add_flag("--quick", quick, "The corners and a few random shapes");
    app.add_flag("--full", full, "Every length from 1 to 300 and 1000 random shapes")->excludes(few);
    app.add_option("--seed", seed, "Of the shapes and the numbers; random by default")->type_name("N");
    app.add_flag("--refusals", refusals, "Say for each refused case why");
    parameters.add_to(app);
  }
  Effort effort() const { return quick ? Effort::quick : full ? Effort::full : Effort::normal; }
};

Result<std::vector<at::ScalarType>> read_dtypes(const std::vector<std::string>& names) {
  if (names.empty()) return std::vector<at::ScalarType>{at::kDouble, at::kFloat, at::kBFloat16, at::kHalf};
  std::vector<at::ScalarType> types;
  for (const std::string& name : names) {
    const Result<DtypeCode> dtype = dtype_by_name(name, "--dtype");
    if (!dtype) return dtype.status();
    types.push_back(dtype->code == FVATTN_DTYPE_BFLOAT ? at::kBFloat16
                    : dtype->bits == 64                ? at::kDouble
                    : dtype->bits == 32                ? at::kFloat
                                                       : at::kHalf);
  }
  return types;
}

struct Job {
  const Case* c;
  at::ScalarType dtype;
};

BackendReport verify_backend(const Subject& subject, const std::vector<Case>& cases,
                             const std::vector<at::ScalarType>& dtypes, uint64_t seed, bool quiet) {
  const AttentionBackend& backend = *subject.backend;
  BackendReport report{backend.get_name(),
                       backend.qualified_name().substr(0, backend.qualified_name().rfind('/')),
                       subject.device->name,
                       backend.approximate(),
                       {}};
  std::vector<Job> jobs;
  for (const at::ScalarType dtype : dtypes)
    for (const Case& c : cases) jobs.push_back({&c, dtype});
  Progress progress("verify " + backend.get_name(), static_cast<int64_t>(jobs.size()), !quiet);
  uint64_t number = 0;
  for (const Job& job : jobs) {
    at::Generator generator = at::detail::createCPUGenerator(seed + 1000003 * ++number);
    const auto checked = [&](auto check) {
      try {
        report.findings.push_back(check(subject, *job.c, job.dtype, generator));
      } catch (const c10::Error& error) {
        report.findings.push_back({*job.c, dtype_text(job.dtype), false, {}, {}, {error.what_without_backtrace()}});
      }
    };
    checked(check_case);
    const bool lawful = !backend.approximate() && !job.c->is_varlen() && job.c->mask == KeyMask::none && job.c->spread == 1;
    if (lawful && !report.findings.back().refused && number % 3 == 0) checked(check_laws);
    progress.advance();
  }
  return report;
}

Status verify_all(const Options& options, Verb& verb) {
  const Result<const Device*> device = device_by_name(options.device);
  if (!device) return device.status();
  const Result<std::vector<at::ScalarType>> dtypes = read_dtypes(options.dtypes);
  if (!dtypes) return dtypes.status();
  const Result<KeyValues> parameters = options.parameters.read();
  if (!parameters) return parameters.status();
  at::set_num_threads(1);  // DirectCall says why
  const uint64_t seed = options.seed != 0 ? options.seed : std::random_device()();
  const std::vector<Case> dense = dense_cases(options.effort(), seed), grids = grid_cases(options.effort(), seed);
  const bool cuda = (*device)->c.type == FVATTN_CUDA;

  Registry& registry = default_context().registry();
  std::vector<BackendReport> reports;
  std::vector<std::string> unusable;
  for (const std::string& name : options.backends.empty() ? registry.backend_names() : options.backends) {
    const Result<const AttentionBackend*> backend = backend_by_name(registry, name);
    if (!backend && !options.backends.empty()) return backend.status();
    if (!backend) {
      unusable.push_back(name + ": " + backend.status().what);
      continue;
    }
    Subject subject{*backend, *device,
                    cuda ? at::Device(at::kCUDA, static_cast<c10::DeviceIndex>((*device)->c.id)) : at::Device(at::kCPU),
                    *parameters};
    reports.push_back(verify_backend(subject, (*backend)->approximate() ? grids : dense, *dtypes, seed, verb.json()));
  }
  int failed = 0, ran = 0;
  for (const BackendReport& report : reports) failed += report.failed(), ran += report.ran();
  if (verb.json()) {
    verb.print({{"seed", seed},
                {"device", (*device)->name},
                {"failed", failed},
                {"ran", ran},
                {"backends", report_json(reports)},
                {"unusable", unusable}});
  } else {
    print_table(std::cout, reports, options.refusals);
    for (const std::string& text : unusable) std::cout << "not verified " << text << '\n';
    std::cout << ran << " checks on " << (*device)->name << ", " << failed << " failed; seed " << seed << '\n';
  }
  if (failed != 0)
    return Status::error(Code::internal, std::to_string(failed) + " of " + std::to_string(ran) + " checks failed", {}, {},
                         "repeat with --seed " + std::to_string(seed));
  if (ran == 0)
    return Status::error(Code::unavailable, "nothing was verified: every case was refused", {}, {},
                         "see the reasons with --refusals");
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  Verb verb(
      "fvattn verify",
      "Compares backends with a float64 reference: results, lse, gradients, repeated runs, memory around every buffer.",
      "fvattn verify FLASH_ATTN --quick\n  fvattn verify --device cuda --full --json");
  Options options;
  options.add_to(verb.app());
  return verb.run(argc, argv, [&]() -> Status {
    try {
      return verify_all(options, verb);
    } catch (const c10::Error& error) {
      return Status::error(Code::internal, error.what_without_backtrace());
    }
  });
}
