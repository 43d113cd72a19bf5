#include "torch_ops/distributed/call.hpp"

#include "run/problem.hpp"
#include "torch_ops/distributed/group_layers.hpp"
#include "torch_ops/gradients.hpp"
#include "torch_ops/python_error.hpp"

#include <ATen/core/grad_mode.h>

#include <numeric>

namespace fvattn::torch_ops {
namespace {

// Both outlive every static: a plugin's table and the process group may be gone at exit.
LayerCache& entries() {
  static auto* cache = new LayerCache;
  return *cache;
}
GroupLayers& layers() {
  static auto* cache = new GroupLayers;
  return *cache;
}

/// What one call needs of the caches.
struct Ready {
  std::shared_ptr<GroupServed> served;
  const AttentionBackend* backend = nullptr;  // set if the options are of one backend
  std::optional<ForwardContextScope> scope;
  Extras extras;
  DistributedCallOptions options;
};

// A tensor of these sizes of which only the sizes mean anything.
at::Tensor shape_only(const at::Tensor& like, std::vector<int64_t> sizes) {
  return at::empty(std::vector<int64_t>(sizes.size(), 1), like.options()).expand(sizes);
}

// Who will serve, to sort the options by its schemas: asked as the layer asks, for the heads of rank 0 and all rows.
const AttentionBackend* backend_for(const LayerEntry& entry, const GroupArguments& arguments, int ranks) {
  const at::Tensor &q = arguments.tensors[0], &k = arguments.tensors[1], &v = arguments.tensors[2];
  const int64_t text = arguments.text ? arguments.tensors[3].size(1) : 0;
  int64_t rows = q.size(1) * ranks;
  if (arguments.sequence_lengths)
    rows = std::accumulate(arguments.sequence_lengths->begin(), arguments.sequence_lengths->end(), int64_t{0});
  rows = arguments.original_seq_len.value_or(rows);
  const HeadSplit heads = split_heads(q.size(2), k.size(2), ranks).value();
  const auto whole = [&](const at::Tensor& t, const Range& range) {
    at::Tensor shape = shape_only(t, {t.size(0), rows + text, range.size, t.size(3)});
    return at::GradMode::is_enabled() && t.requires_grad() ? shape.requires_grad_(true) : shape;
  };
  std::map<std::string, at::Tensor> extras;
  for (size_t i = 0; i < arguments.settings.extra_names.size(); ++i) {
    const at::Tensor& t = arguments.tensors[arguments.leading() + i];
    std::vector<int64_t> sizes = t.sizes().vec();
    if (sizes.size() >= 3 && sizes[1] == q.size(1) && sizes[2] == q.size(2)) {
      sizes[1] = rows;
      sizes[2] = heads.q.front().size;
    }
    extras.emplace(arguments.settings.extra_names[i], shape_only(t, std::move(sizes)));
  }
  host::Keys keys = entry.keys;
  keys.layer.text_length = text;
  const Range &own = heads.q.front(), &own_kv = heads.kv.front();
  return host::select_backend(keys, whole(q, own), whole(k, own_kv), whole(v, own_kv), extras).value().backend;
}

void prepare(Ready& ready, const GroupArguments& arguments, const std::shared_ptr<Communicator>& communicator) {
  const at::Tensor &q = arguments.tensors[0], &k = arguments.tensors[1];
  if (q.dim() != 4 || k.dim() != 4 || arguments.tensors[2].dim() != 4 || (arguments.text && arguments.tensors[3].dim() != 4))
    throw Error(Status::error(Code::invalid_argument, "Expected 4D tensors",
                              std::to_string(q.dim()) + " and " + std::to_string(k.dim()) + " dimensions",
                              "q [B, s, H, D], k [B, s, Hkv, D], v [B, s, Hkv, Dv], replicated ones [B, T, ...]"));
  const auto entry = entries().find(arguments.settings, q.size(2), k.size(2), q.size(3));
  if (!entry->keys.rest.empty()) ready.backend = backend_for(*entry, arguments, communicator->size());
  ready.served = layers().find(entry, ready.backend, communicator);
  if (auto context = surroundings(*entry, ready.served->metadata, ready.backend, q.device()))
    ready.scope.emplace(std::move(*context));
  for (size_t i = 0; i < arguments.settings.extra_names.size(); ++i)
    ready.extras.tensors.emplace(arguments.settings.extra_names[i], arguments.tensors[arguments.leading() + i]);
  ready.extras.original_seq_len = arguments.original_seq_len;
  if (arguments.sequence_lengths) ready.options.sequence_lengths = *arguments.sequence_lengths;
}

// The others wait for this rank to agree.
void tell(Communicator& communicator, Status why) {
  Contract contract;
  contract.failure = std::move(why);
  if (const auto told = communicator.gather_contracts(contract); !told) communicator.abort(contract.failure.text());
}

std::tuple<at::Tensor, at::Tensor> run(const GroupArguments& arguments) {
  const std::shared_ptr<Communicator> communicator = layers().communicator(arguments.group, arguments.tensors[0].device());
  Ready ready;
  try {
    prepare(ready, arguments, communicator);
  } catch (const Error& error) {
    tell(*communicator, error.status());
    throw;
  } catch (const std::exception& error) {
    tell(*communicator, Status::error(Code::internal, error.what()));
    throw;
  }
  const auto& t = arguments.tensors;
  const auto text = [&](size_t i) { return arguments.text ? t[i] : at::Tensor(); };
  auto [o, text_o] =
      ready.served->layer->forward(t[0], t[1], t[2], text(3), text(4), text(5), ready.extras, ready.options);
  const AttentionBackend* chosen = ready.served->layer->backend();
  if (ready.backend != nullptr && chosen != ready.backend)
    throw Error(Status::error(Code::internal, "the layer chose another backend than the one whose options were read",
                              chosen->get_name(), ready.backend->get_name(), "name the backend in the call"));
  if (!text_o.defined()) text_o = o.new_empty({o.size(0), 0, o.size(2), o.size(3)});
  return {std::move(o), std::move(text_o)};
}

}  // namespace

std::tuple<at::Tensor, at::Tensor> attend_over_group(const GroupArguments& arguments) {
  return or_python_error("fvattn::distributed_attention: ", [&] { return run(arguments); });
}

std::vector<at::Tensor> differentiate_over_group(const at::Tensor& d_o, const at::Tensor& d_text_o,
                                                 const GroupArguments& arguments, at::IntArrayRef wanted) {
  std::vector<at::Tensor> d_outputs{d_o};
  if (arguments.text) d_outputs.push_back(d_text_o);
  return gradients_of(arguments.tensors, arguments.leading(), wanted, d_outputs, [&](std::vector<at::Tensor> leaves) {
    GroupArguments again = arguments;
    again.tensors = std::move(leaves);
    auto [o, text_o] = attend_over_group(again);
    return arguments.text ? std::vector<at::Tensor>{o, text_o} : std::vector<at::Tensor>{o};
  });
}

void abort_group(const std::string& group, const std::string& reason) {
  for (const auto& communicator : layers().known(group)) communicator->abort(reason);
}

std::vector<int64_t> group_statistics(const std::string& group) {
  std::vector<int64_t> sums(5, 0);
  for (const auto& communicator : layers().known(group)) {
    const CommunicatorStats stats = communicator->stats();
    const uint64_t numbers[] = {stats.exchanges, stats.bytes_remote, stats.bytes_local, stats.copies, stats.waits_us};
    for (size_t i = 0; i < sums.size(); ++i) sums[i] += static_cast<int64_t>(numbers[i]);
  }
  return sums;
}

std::string group_transport(const std::string& group) {
  std::string text;
  for (const auto& communicator : layers().known(group))
    text.append(text.empty() ? "" : "\n").append(communicator->name()).append("\t").append(communicator->fallback_reason());
  return text;
}

}  // namespace fvattn::torch_ops
