// One rank whose DistributedAttention goes wrong on rank 1: "MODE FOLDER1 FOLDER2". Prints "rank R: TEXT" of the call, and
// of one after it; the exit code is 0 for ranks that were told.
#include <fvattn/distributed/bootstrap.hpp>
#include <fvattn/torch/distributed_attention.hpp>

#include <ATen/ATen.h>

#include <cstdio>
#include <cstdlib>
#include <string>

using namespace fvattn;

namespace {

std::string called(DistributedAttention& layer, int64_t rows, at::ScalarType dtype) {
  const at::Tensor x = at::ones({1, rows, 2, 8}, dtype);
  try {
    layer->forward(x, x, x);
    return "ok";
  } catch (const Error& error) {
    return error.status().text();
  }
}

}  // namespace

int main(int argc, char** argv) {
  const Environment environment = Environment::capture();
  const Result<Launch> launch = read_launch(environment);
  const auto limits = communicator_options(environment);
  if (argc != 4 || !launch || !limits) return 2;
  const std::string mode = argv[1];
  const bool bad = launch->rank == 1;
  setenv(env::kPluginPath, bad && mode == "version" ? argv[3] : argv[2], 1);
  if (bad && mode == "throws") setenv("FVATTN_TEST_THROWS", "1", 1);
  const auto communicator = open_cpu_communicator(*launch, *limits);
  if (!communicator) return 3;
  LocalAttentionOptions options;
  options.num_heads = 2;
  options.head_size = 8;
  options.backend = bad && mode == "backend" ? "TORCH_SDPA" : "FICKLE_ATTN";
  DistributedAttention layer(options, *communicator);
  layer->eval();
  const at::NoGradGuard no_grad;
  const std::string first = called(layer, 3, bad && mode == "dtype" ? at::kDouble : at::kFloat);
  std::printf("rank %d: %s\n", launch->rank, first.c_str());
  std::printf("rank %d, later: %s\n", launch->rank, called(layer, 3, at::kFloat).c_str());
  std::fflush(stdout);
  return 0;
}
