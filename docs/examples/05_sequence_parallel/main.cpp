// A small stack of video transformer blocks, after Wan's, whose sequence is spread over ranks:
//   ./sequence_parallel                         one rank
//   fvattn launch -n 4 -- ./sequence_parallel   four, with the same result
#include <fvattn/distributed/bootstrap.hpp>
#include <fvattn/torch/distributed_attention.hpp>

#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

#include <cstdio>

namespace {

constexpr int64_t kHeads = 6, kHeadSize = 64, kWidth = kHeads * kHeadSize, kRows = 3 * 9 * 13, kBlocks = 3;

/// Everything but attention works on each row by itself, so that a rank computes it for its own rows.
class BlockImpl : public torch::nn::Module {
 public:
  BlockImpl(int64_t index, std::shared_ptr<fvattn::Communicator> ranks) : attention_(options_of(index), std::move(ranks)) {
    const auto linear = [&](const char* name, int64_t from, int64_t to) {
      return register_module(name, torch::nn::Linear(from, to));
    };
    to_q_ = linear("to_q", kWidth, kWidth);
    to_k_ = linear("to_k", kWidth, kWidth);
    to_v_ = linear("to_v", kWidth, kWidth);
    to_out_ = linear("to_out", kWidth, kWidth);
    up_ = linear("up", kWidth, 4 * kWidth);
    down_ = linear("down", 4 * kWidth, kWidth);
    register_module("attention", attention_);
  }

  at::Tensor forward(at::Tensor x) {
    const at::Tensor normed = at::layer_norm(x, {kWidth});
    // Wan normalises queries and keys over all heads, before they are spread over ranks.
    const auto heads = [](const at::Tensor& t) { return t.unflatten(2, {kHeads, kHeadSize}); };
    const at::Tensor q = heads(at::layer_norm(to_q_(normed), {kWidth})), k = heads(at::layer_norm(to_k_(normed), {kWidth}));
    const auto [o, text_o] = attention_->forward(q, k, heads(to_v_(normed)));
    x = x + to_out_(o.flatten(2));
    return x + down_(at::gelu(up_(at::layer_norm(x, {kWidth})), "tanh"));
  }

 private:
  static fvattn::LocalAttentionOptions options_of(int64_t index) {
    fvattn::LocalAttentionOptions options;
    options.num_heads = kHeads;
    options.head_size = kHeadSize;
    options.prefix = "blocks." + std::to_string(index) + ".attn1";
    return options;
  }

  torch::nn::Linear to_q_{nullptr}, to_k_{nullptr}, to_v_{nullptr}, to_out_{nullptr}, up_{nullptr}, down_{nullptr};
  fvattn::DistributedAttention attention_;
};
TORCH_MODULE(Block);

int run() {
  // Who started this process: nobody, mpirun or fvattn launch.
  const fvattn::Environment environment = fvattn::Environment::capture();
  const fvattn::Launch launch = fvattn::read_launch(environment).value();
  const auto options = fvattn::communicator_options(environment).value();
  const auto ranks = fvattn::open_cpu_communicator(launch, options).value();

  at::manual_seed(1);  // the same weights and the same clip on every rank
  std::vector<Block> blocks;
  for (int64_t i = 0; i < kBlocks; ++i) blocks.emplace_back(i, ranks);
  const at::Tensor clip = at::randn({1, kRows, kWidth});
  const fvattn::Range mine = fvattn::split_evenly(kRows, ranks->size())[static_cast<size_t>(ranks->rank())];

  const at::NoGradGuard no_grad;
  at::Tensor x = clip.narrow(1, mine.begin, mine.size);
  for (Block& block : blocks) x = block(x);

  // What ranks tell each other in words is enough to compare: the sums over all rows.
  fvattn::Contract contract;
  contract.add("squares", std::to_string(x.to(at::kDouble).square().sum().item<double>()), false);
  contract.add("sum", std::to_string(x.to(at::kDouble).sum().item<double>()), false);
  double squares = 0, sum = 0;
  for (const fvattn::Contract& rank : ranks->agree(contract).value()) {
    squares += std::stod(rank.value("squares"));
    sum += std::stod(rank.value("sum"));
  }
  if (ranks->rank() == 0)
    std::printf("%d rank(s) by %s: mean %.5f, mean square %.5f, %.1f KiB from other ranks\n", ranks->size(),
                ranks->name().c_str(), sum / (kRows * kWidth), squares / (kRows * kWidth),
                static_cast<double>(ranks->stats().bytes_remote) / 1024);
  return 0;
}

}  // namespace

int main() {
  try {
    return run();
  } catch (const fvattn::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
