// Self-attention of a video transformer in C++: a layer, a denoising loop, a gradient.
#include <fvattn/torch/local_attention.hpp>

#include <ATen/ATen.h>

#include <cstdio>

int main() {
  try {
    fvattn::LocalAttentionOptions options;
    options.num_heads = 12;
    options.head_size = 128;
    options.prefix = "Wan.blocks.0.attn1";  // names the layer in messages and gives its index
    // No backend is named: a scope, FASTVIDEO_ATTENTION_BACKEND, or automatic choice decides.
    fvattn::LocalAttention attention(options);

    const auto where = at::TensorOptions(at::kFloat).device(fvattn::cuda_device_count() > 0 ? at::kCUDA : at::kCPU);
    const at::Tensor q = at::randn({1, 512, 12, 128}, where), k = at::randn({1, 512, 12, 128}, where),
                     v = at::randn({1, 512, 12, 128}, where);

    constexpr int kSteps = 3;
    for (int step = 0; step < kSteps; ++step) {
      fvattn::ForwardContext context;  // metadata of sparse backends is added here, once a step
      context.step = step;
      context.total_steps = kSteps;
      const fvattn::ForwardContextScope scope(context);

      fvattn::CallOptions call;
      call.return_lse = true;
      const fvattn::AttentionOutputs outputs = attention->forward_all(q, k, v, {}, call);
      std::printf("step %d: %s (%s), |o| %.4f, mean lse %.4f\n", step, outputs.selection.backend->qualified_name().c_str(),
                  fvattn::to_string(outputs.selection.source), outputs.o.norm().item<double>(),
                  outputs.named.at("lse").mean().item<double>());
    }

    at::Tensor learned = q.clone().requires_grad_(true);
    attention->forward(learned, k, v).square().mean().backward();
    std::printf("|d_q| %.6f\n", learned.grad().norm().item<double>());
    return 0;
  } catch (const fvattn::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
