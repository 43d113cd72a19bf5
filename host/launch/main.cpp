// fvattn launch: a program as several ranks.
#include "common/exit_code.hpp"
#include "common/verb.hpp"
#include "launch/command.hpp"
#include "launch/job.hpp"
#include "launch/rank.hpp"

#include <algorithm>
#include <cstring>

namespace {

using namespace fvattn;
using namespace fvattn::host;

constexpr int kMostRanks = 1024;

struct Options {
  int ranks = 0;
  std::string device = "cpu", hosts;
  std::vector<std::string> command;

  void add_to(CLI::App& app) {
    app.add_option("-n,--ranks", ranks, "How many ranks")->type_name("P")->required();
    app.add_option("--device", device,
                   "cpu: ranks are started and connected by mpirun (Open MPI). cuda: by this program, one for each GPU of "
                   "this machine")
        ->type_name("D")
        ->capture_default_str();
    app.add_option("--hosts", hosts, "Machines for mpirun's --host; without it all ranks are here")->type_name("A:2,B:2");
    app.add_option("command", command, "The program and its arguments, after --")->type_name("COMMAND");
  }

  Status check() const {
    if (command.empty())
      return Status::error(Code::invalid_argument, "there is nothing to launch", {}, {},
                           "for example: fvattn launch -n 2 -- fvattn run --input in.safetensors --output out.safetensors");
    if (ranks < 1 || ranks > kMostRanks)
      return Status::error(Code::invalid_argument, "-n is the number of ranks", std::to_string(ranks),
                           "1 to " + std::to_string(kMostRanks));
    if (device != "cpu" && device != "cuda")
      return Status::error(Code::invalid_argument, "--device", "'" + device + "'", "cpu, cuda");
    if (device == "cuda" && !hosts.empty())
      return Status::error(Code::invalid_argument, "--hosts is for ranks that mpirun starts", "--device cuda",
                           "--device cpu");
    return {};
  }
};

Json json_of(const Options& options, const Outcome& outcome) {
  Json json = {{"ranks", options.ranks}, {"device", options.device}, {"exit_code", outcome.exit_code}};
  if (outcome.failed_rank) json["failed_rank"] = *outcome.failed_rank;
  if (outcome.signal) json["signal"] = *outcome.signal;
  if (outcome.forwarded) json["forwarded_signal"] = *outcome.forwarded;
  return json;
}

Status run(const Options& options, Verb& verb, int& exit_code) {
  if (Status status = options.check(); !status.ok()) return status;
  const Environment environment = Environment::capture();
  Job job{options.ranks, options.command, options.hosts, verb.json()};
  const Result<std::string> file = find_command(job.command[0], environment);
  if (!file) return file.status();
  job.command[0] = *file;
  const Result<Outcome> outcome = options.device == "cuda" ? run_here(job) : run_by_mpirun(job, environment);
  if (!outcome) return outcome.status();
  exit_code = outcome->exit_code;
  if (verb.json()) verb.print(json_of(options, *outcome));
  const std::string text = text_of(*outcome);
  return text.empty() ? Status() : Status::error(Code::internal, text);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 2 && std::strcmp(argv[1], kAsRank) == 0) return run_as_rank(argc - 2, argv + 2);
  Verb verb("fvattn launch", "Runs a program as several ranks and ends with the exit code of the first one that fails",
            "fvattn launch -n 4 -- fvattn run --backend FLASH_ATTN --input in.safetensors --output out.safetensors");
  Options options;
  options.add_to(verb.app());
  // What follows -- is the command's, whatever it looks like.
  char** const end = argv + argc;
  char** const own_end = std::find_if(argv, end, [](const char* word) { return std::strcmp(word, "--") == 0; });
  int ranks_code = 0;
  const int own_code = verb.run(static_cast<int>(own_end - argv), argv, [&] {
    if (own_end != end) options.command.insert(options.command.end(), own_end + 1, end);
    return run(options, verb, ranks_code);
  });
  return ranks_code != 0 ? ranks_code : own_code;
}
