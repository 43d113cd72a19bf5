#include "verify/direct_call.hpp"

#include <fvattn/torch/tensor_value.hpp>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <set>
#include <thread>

namespace fvattn::verify {
namespace {

at::ScalarType torch_type(uint8_t code, uint8_t bits) {
  switch (code) {
    case FVATTN_DTYPE_BFLOAT: return at::kBFloat16;
    case FVATTN_DTYPE_BOOL: return at::kBool;
    case FVATTN_DTYPE_UINT: return at::kByte;
    case FVATTN_DTYPE_INT: return bits == 8 ? at::kChar : bits == 16 ? at::kShort : bits == 32 ? at::kInt : at::kLong;
    default: return bits == 64 ? at::kDouble : bits == 32 ? at::kFloat : at::kHalf;
  }
}

// Never nullptr on a GPU: the default stream is cudaStreamLegacy.
void* stream_of(at::Device device) {
  if (!device.is_cuda()) return nullptr;
  void* stream = c10::impl::VirtualGuardImpl(device.type()).getStream(device).native_handle();
  return stream != nullptr ? stream : reinterpret_cast<void*>(0x1);
}

// Backends run with all threads; everything around them is too small to share out, and waiting for threads costs more.
class AllThreads {
 public:
  AllThreads() { at::set_num_threads(count()); }
  ~AllThreads() { at::set_num_threads(1); }
  AllThreads(const AllThreads&) = delete;
  AllThreads& operator=(const AllThreads&) = delete;

 private:
  static int count() {
    static const int threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
    return threads;
  }
};

/// The arguments of one call; keeps their shapes.
struct ArgList {
  std::vector<TensorValue> values;
  std::vector<fvattn_arg> args;

  explicit ArgList(const Guarded& tensors) {
    for (const auto& [name, guarded] : tensors) {
      values.push_back(to_value(guarded.tensor()));
      args.push_back({{name.data(), name.size()}, 0, 0, values.back().view()});
    }
  }
};

const std::set<std::string> kMain{"q", "k", "v"};

}  // namespace

Result<DirectCall> DirectCall::prepare(const AttentionBackend& backend, const Device& device, Setting setting) {
  DirectCall made(backend, std::move(setting));
  auto impl = backend.make_impl(device, made.setting_.problem, "verify", made.setting_.options);
  if (!impl) return impl.status();
  made.impl_ = std::move(*impl);
  auto plan = made.impl_->plan(made.setting_.problem, made.setting_.metadata.get());
  if (!plan) return plan.status();
  made.plan_ = std::move(*plan);
  return made;
}

void DirectCall::look_at(const Guarded& buffers, bool inputs) {
  for (const auto& [name, buffer] : buffers) {
    if (!buffer.guards_intact()) damage_.push_back("memory around '" + name + "' was written");
    if (inputs && !buffer.unchanged()) damage_.push_back("the input '" + name + "' was changed");
  }
}

Status DirectCall::run(Stage stage, const Guarded& in, const Guarded& out, uint64_t workspace_bytes, at::Device device,
                       int poison) {
  const PackedProblem packed(setting_.problem, setting_.metadata != nullptr ? setting_.metadata->packed() : fvattn_kvs{});
  const ArgList in_args(in), out_args(out);
  Guarded workspace;
  fvattn_call call{};
  call.size = sizeof(call);
  call.stream = stream_of(device);
  call.meta = setting_.metadata != nullptr ? setting_.metadata->handle() : nullptr;
  call.step = setting_.step;
  call.total_steps = setting_.total_steps;
  call.problem = &packed.c();
  call.plan_state = plan_.state.get();
  call.in = in_args.args.data();
  call.n_in = static_cast<uint32_t>(in_args.args.size());
  call.out = out_args.args.data();
  call.n_out = static_cast<uint32_t>(out_args.args.size());
  if (workspace_bytes != 0) {
    const int64_t bytes = static_cast<int64_t>(workspace_bytes),
                  align = std::max<int64_t>(static_cast<int64_t>(plan_.ws_align), 16);
    const GuardedTensor& memory =
        workspace.emplace("workspace", GuardedTensor({bytes}, at::kByte, device, Layout::contiguous, poison, align))
            .first->second;
    call.workspace = {memory.tensor().data_ptr(), workspace_bytes};
  }
  Status status;
  {
    const AllThreads threads;
    status = (impl_.get()->*stage)(call);
  }
  look_at(workspace, false);  // waits for the GPU
  look_at(out, false);
  return status;
}

Guarded DirectCall::staged(const Guarded& in, at::Device device, int poison) const {
  Guarded out;
  for (const auto& [name, tensor] : in) {
    bool through = kMain.contains(name);
    for (const TensorKey& key : backend_->tensor_keys())
      through = through || (key.name == name && key.shard == FVATTN_SHARD_SEQ_HEADS);
    if (!through) continue;
    std::vector<int64_t> sizes = tensor.tensor().sizes().vec();
    sizes[1] = sizes[1] == setting_.problem.q_len && name != "k" && name != "v" ? plan_.staged_q_len : plan_.staged_kv_len;
    out.emplace(name, GuardedTensor(sizes, tensor.tensor().scalar_type(), device, Layout::contiguous, poison));
  }
  return out;
}

Result<Outputs> DirectCall::forward(const Guarded& in, Layout layout, int poison) {
  const at::Tensor& q = in.at("q").tensor();
  const at::Device device = q.device();
  const Problem& problem = setting_.problem;
  const bool pre = (plan_.flags & FVATTN_PLAN_HAS_PRE) != 0, post = (plan_.flags & FVATTN_PLAN_HAS_POST) != 0;
  Guarded used = in;
  if (pre) {
    Guarded from, to = staged(in, device, poison);
    for (const auto& [name, tensor] : to) from.emplace(name, in.at(name));
    if (Status status = run(&AttentionImpl::preprocess_qkv, from, to, plan_.ws_stage, device, poison); !status.ok())
      return status;
    for (const auto& [name, tensor] : to) used[name] = tensor;
  }
  Outputs outputs;
  Guarded out;
  const std::vector<int64_t> shape{q.size(0), problem.q_len, q.size(2), problem.v_head_dim};
  std::vector<int64_t> first = shape;
  if (post) first[1] = plan_.staged_q_len;
  outputs.o = GuardedTensor(first, q.scalar_type(), device, post ? Layout::contiguous : layout, poison);
  out.emplace("o", outputs.o);
  if ((problem.flags & FVATTN_PROBLEM_NEED_LSE) != 0) {
    outputs.lse = GuardedTensor({q.size(0), q.size(2), problem.q_len}, at::kFloat, device, Layout::contiguous, poison);
    out.emplace("lse", outputs.lse);
  }
  const auto add = [&](const std::vector<Spec>& specs, const std::string& prefix, Guarded& kept) {
    for (const Spec& spec : specs) {
      const GuardedTensor made(spec.shape, torch_type(spec.dtype_code, spec.dtype_bits), device, Layout::contiguous, poison,
                               512);
      kept.emplace(prefix + spec.name, made);
      out.emplace(prefix + spec.name, made);
    }
  };
  add(plan_.outputs, "", outputs.others);
  if ((problem.flags & FVATTN_PROBLEM_NEED_GRAD) != 0) add(plan_.saved, "saved:", outputs.saved);
  if (Status status = run(&AttentionImpl::forward, used, out, plan_.ws_forward, device, poison); !status.ok()) return status;
  if (post) {
    const Guarded from{{"o", outputs.o}}, to{{"o", GuardedTensor(shape, q.scalar_type(), device, layout, poison)}};
    if (Status status = run(&AttentionImpl::postprocess_output, from, to, plan_.ws_stage, device, poison); !status.ok())
      return status;
    outputs.o = to.at("o");
  }
  look_at(in, true);
  return outputs;
}

Result<Guarded> DirectCall::backward(const Guarded& in, const Outputs& of_forward, const GuardedTensor& d_o, Layout layout,
                                     int poison, const std::vector<std::string>& wanted) {
  const at::Device device = d_o.tensor().device();
  Guarded given = in, out;
  given.emplace("o", GuardedTensor::holding(of_forward.o.tensor(), layout));
  given.emplace("d_o", d_o);
  for (const auto& [name, tensor] : of_forward.saved) given.emplace(name, GuardedTensor::holding(tensor.tensor()));
  std::vector<std::string> names(kMain.begin(), kMain.end());
  names.insert(names.end(), wanted.begin(), wanted.end());
  for (const std::string& name : names) {
    const at::Tensor& like = in.at(name).tensor();
    out.emplace("d_" + name, GuardedTensor(like.sizes(), like.scalar_type(), device, layout, poison));
  }
  if (Status status = run(&AttentionImpl::backward, given, out, plan_.ws_backward, device, poison); !status.ok())
    return status;
  look_at(given, true);
  return out;
}

Result<Guarded> DirectCall::describe(const Guarded& in) {
  if (!backend_->has_describe()) return Guarded();
  const at::Device device = in.at("q").tensor().device();
  const Problem& problem = setting_.problem;
  const Guarded counts{{"tile_counts", GuardedTensor({2}, at::kLong, at::kCPU)}};
  if (Status status = run(&AttentionImpl::describe, in, counts, plan_.ws_forward, device, 0); !status.ok()) return status;
  const int64_t* n = counts.at("tile_counts").tensor().const_data_ptr<int64_t>();
  if (n[0] < 0 || n[1] < 0) return Status::error(Code::internal, "describe gave a negative number of tiles");
  Guarded out{{"mask_tiles", GuardedTensor({problem.batch, problem.heads, n[0], n[1]}, at::kByte, at::kCPU)},
              {"q_tile", GuardedTensor({problem.q_len}, at::kInt, at::kCPU)},
              {"k_tile", GuardedTensor({problem.kv_len}, at::kInt, at::kCPU)},
              {"pairs", GuardedTensor(at::IntArrayRef{}, at::kLong, at::kCPU)}};
  if (Status status = run(&AttentionImpl::describe, in, out, plan_.ws_forward, device, 0); !status.ok()) return status;
  const auto in_range = [&](const char* name, int64_t tiles) {
    const at::Tensor& tile = out.at(name).tensor();
    return tile.numel() == 0 || (tile.min().item<int64_t>() >= 0 && tile.max().item<int64_t>() < tiles);
  };
  if (!in_range("q_tile", n[0]) || !in_range("k_tile", n[1]))
    return Status::error(Code::internal, "describe gave rows tiles that do not exist");
  return out;
}

std::vector<std::string> DirectCall::take_damage() { return std::exchange(damage_, {}); }

}  // namespace fvattn::verify
