#include "torch_ops/distributed/group_layers.hpp"

#include <fvattn/context.hpp>
#include <fvattn/distributed/bootstrap.hpp>
#include <fvattn/distributed/transport_choice.hpp>
#include <fvattn/torch/process_group.hpp>

namespace fvattn::torch_ops {

namespace {

std::shared_ptr<Communicator> choose(std::shared_ptr<Communicator> group, const at::Device& device, std::string forced,
                                     const CommunicatorOptions& options) {
  TransportVote vote;
  vote.group_given = true;
  vote.forced = std::move(forced);
  // What nobody has run on GPUs is not what people get without asking for it.
  if (vote.forced.empty()) vote.refusals["peer"] = std::string("only by name: ") + env::kDistTransport + "=peer";
  const int number = device.is_cuda() ? device.index() : -1;
  return open_transport(std::move(group), number, std::move(vote), options).value();
}

}  // namespace

std::shared_ptr<Communicator> GroupLayers::communicator(const std::string& group, const at::Device& device) {
  const std::lock_guard lock(mutex_);
  const std::pair key(group, device.is_cuda());
  if (const auto found = communicators_.find(key); found != communicators_.end()) {
    const End end = found->second;
    if (is_current_process_group(*end.group, group)) return end.chosen;
    std::erase_if(layers_, [&](const auto& item) { return std::get<2>(item.first) == end.chosen.get(); });
    communicators_.erase(found);
  }
  const auto environment = default_context().environment();
  const CommunicatorOptions options = communicator_options(*environment).value();
  std::string forced = forced_transport(*environment).value();
  End end{make_process_group_communicator(group, options), nullptr};
  end.chosen = choose(end.group, device, std::move(forced), options);
  return communicators_.emplace(key, std::move(end)).first->second.chosen;
}

std::vector<std::shared_ptr<Communicator>> GroupLayers::known(const std::string& group) {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Communicator>> all;
  for (const auto& [key, end] : communicators_)
    if (key.first == group && is_current_process_group(*end.group, group)) all.push_back(end.chosen);
  return all;
}

std::shared_ptr<GroupServed> GroupLayers::find(const std::shared_ptr<LayerEntry>& entry, const AttentionBackend* backend,
                                               const std::shared_ptr<Communicator>& communicator) {
  const std::lock_guard lock(mutex_);
  const Key key(entry.get(), backend, communicator.get());
  if (const auto known = layers_.find(key); known != layers_.end()) return known->second;
  auto served = std::make_shared<GroupServed>();
  LocalAttentionOptions options = options_for(entry->keys, backend, served->metadata.values);
  served->layer = DistributedAttention(std::move(options), communicator);
  served->layer->train(entry->keys.training);
  served->entry = entry;  // its address is in the key
  if (layers_.size() >= kMost) layers_.clear();  // those in use live on
  layers_.emplace(key, served);
  return served;
}

}  // namespace fvattn::torch_ops
