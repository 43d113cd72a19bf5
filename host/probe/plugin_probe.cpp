// plugin-probe FILE: loads a plugin as the program would and asks it about small problems. One JSON line a step, so
// that the parent knows which step died. Fault isolation, not a sandbox.
#include "common/json.hpp"

#include <fvattn/context.hpp>

#include <cmath>
#include <iostream>
#include <sys/resource.h>

namespace {

using namespace fvattn;

bool say(const std::string& step, bool passed, const std::string& detail) {
  std::cout << host::Json{{"step", step}, {"passed", passed}, {"detail", detail}}.dump(-1, ' ', false,
                                                                                       host::Json::error_handler_t::replace)
            << std::endl;
  return passed;
}

std::vector<Problem> canned_problems() {
  Problem plain;
  plain.batch = 2;
  plain.q_len = plain.kv_len = 24;  // a grid of 2 x 3 x 4
  plain.heads = plain.kv_heads = 2;
  plain.scale = 1 / std::sqrt(64.0);
  std::vector<Problem> problems{plain};
  Problem gqa = plain;
  gqa.kv_heads = 1;
  gqa.kv_len = 17;
  problems.push_back(gqa);
  Problem causal = plain;
  causal.flags = FVATTN_PROBLEM_CAUSAL | FVATTN_PROBLEM_NEED_GRAD | FVATTN_PROBLEM_NEED_LSE;
  problems.push_back(causal);
  Problem huge = plain;
  huge.head_dim = huge.v_head_dim = 4096;
  huge.dtype_bits = 8;
  problems.push_back(huge);
  return problems;
}

// Any clear answer is right; what must not happen is a failure, or a refusal without a reason.
bool query_all(const AttentionBackend& backend, const Device& device) {
  bool fine = true;
  for (const Problem& problem : canned_problems()) {
    const Result<Support> support = backend.query(device, problem);
    const std::string where = backend.get_name() + " on " + device.name + ", " + problem.text() + ": ";
    if (!support) fine = say("query", false, where + support.status().text()) && fine;
    else if (support->supported) say("query", true, where + "yes, score " + std::to_string(support->score));
    else
      fine = say("query", support->reasons != 0,
                 where + "no, " + (support->reasons == 0 ? "without a reason" : reason_names(support->reasons))) &&
             fine;
  }
  return fine;
}

bool probe(const std::string& file) {
  std::map<std::string, std::string> values{{env::kPluginFiles, file}};
  const Environment process = Environment::capture();
  if (const std::string* trust = process.find(env::kPluginTrust)) values[env::kPluginTrust] = *trust;
  Context context(Environment::from(values));
  const std::vector<PluginInfo> plugins = context.registry().plugins();
  if (plugins.empty()) return say("search", false, format_trace(context.registry().trace()));
  if (plugins[0].state != PluginState::found) return say("search", false, plugins[0].reason);
  say("search", true, plugins[0].id + " " + plugins[0].version);
  bool fine = true;
  for (const std::string& name : context.registry().backend_names()) {
    say("loading", true, name);
    const Result<const AttentionBackend*> backend = context.registry().find(name);
    if (!backend) return say("load", false, backend.status().text());
    say("load", true, (*backend)->qualified_name());
    fine = query_all(**backend, cpu_device()) && fine;
    if (const Result<const Device*> cuda = cuda_device(0)) fine = query_all(**backend, **cuda) && fine;
  }
  return fine;
}

}  // namespace

int main(int argc, char** argv) {
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  if (argc != 2) return 2;
  try {
    return probe(argv[1]) ? 0 : 1;
  } catch (const std::exception& error) {
    say("probe", false, error.what());
    return 1;
  }
}
