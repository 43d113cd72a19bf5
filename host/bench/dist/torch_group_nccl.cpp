#include "bench/dist/reference_steps.hpp"
#include "bench/dist/torch_group.hpp"

#include <fvattn/distributed/bootstrap.hpp>
#include <fvattn/torch/process_group.hpp>

#include <torch/csrc/distributed/c10d/GroupRegistry.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <cstdlib>

namespace fvattn::bench::dist {
namespace {

using GroupPointer = c10::intrusive_ptr<::c10d::ProcessGroup>;

// Rank 0 keeps a store of its own for each group.
c10::intrusive_ptr<::c10d::Store> meet(const Member& member) {
  const auto launch = read_launch(Environment::capture());
  const std::string here = "127.0.0.1";
  ::c10d::TCPStoreOptions options;
  options.waitWorkers = false;
  c10::intrusive_ptr<::c10d::TCPStore> store;
  std::string port;
  if (member.is_root()) {
    options.isServer = true;
    options.port = 0;
    store = c10::make_intrusive<::c10d::TCPStore>(here, options);
    port = std::to_string(store->getPort());
  }
  port = member.texts(port).front();
  if (!member.is_root()) {
    options.port = static_cast<std::uint16_t>(std::stoi(port));
    store = c10::make_intrusive<::c10d::TCPStore>(launch && !launch->address.empty() ? launch->address : here, options);
  }
  return store;
}

GroupPointer make_group(const Member& member, const CommunicatorOptions& limits) {
  static int count = 0;
  const auto store = meet(member);
  // Rank 0 keeps it, and others may still ask when its group has ended: it stays until the process ends.
  static auto* stores = new std::vector<c10::intrusive_ptr<::c10d::Store>>;
  stores->push_back(store);
  const std::string name = "fvattn-bench-" + std::to_string(count++);
  const auto prefixed = c10::make_intrusive<::c10d::PrefixStore>(name, store);
  auto options = ::c10d::ProcessGroupNCCL::Options::create();
  options->timeout = limits.timeout;
  const auto nccl = c10::make_intrusive<::c10d::ProcessGroupNCCL>(prefixed, member.rank(), member.size(), options);
  auto group = c10::make_intrusive<::c10d::ProcessGroup>(prefixed, member.rank(), member.size());
  group->setBackend(c10::DeviceType::CUDA, ::c10d::ProcessGroup::BackendType::NCCL,
                    std::optional<c10::intrusive_ptr<::c10d::Backend>>(nccl));
  group->setDefaultBackend(::c10d::ProcessGroup::BackendType::NCCL);
  group->setGroupName(name);
  ::c10d::register_process_group(name, group);
  return group;
}

/// The communicator refers to its group, which ends after it.
struct Owned {
  GroupPointer group;
  std::shared_ptr<Communicator> communicator;

  ~Owned() {
    communicator.reset();
    try {
      if (group) group->shutdown();
    } catch (const std::exception&) {
      // A group that failed has said so before.
    }
  }
};

Status support(const Member& member) {
  if (member.is_thread() || !member.on_gpu())
    return Status::error(Code::unavailable, "torch's process group over NCCL is for processes on GPUs", {}, {},
                         "a process group of gloo is handed in by a Python program");
  setenv("NCCL_NVLS_ENABLE", "0", 0);
  return {};
}

class Steps final : public ReferenceSteps {
 public:
  Steps(GroupPointer group, int ranks) : ReferenceSteps(ranks), group_(std::move(group)) {}
  ~Steps() override {
    try {
      group_->shutdown();
    } catch (const std::exception&) {
      // A group that failed has said so before.
    }
  }

 private:
  void all_to_all(at::Tensor& target, at::Tensor& source) override {
    std::vector<int64_t> even;
    at::Tensor to = target.view(at::kBFloat16), from = source.view(at::kBFloat16);  // NCCL has no type for shorts
    group_->alltoall_base(to, from, even, even)->wait();
  }

  const GroupPointer group_;
};

}  // namespace

Result<std::unique_ptr<ReferenceSteps>> ReferenceSteps::open(const Member& member, const CommunicatorOptions& options) {
  if (Status status = support(member); !status.ok()) return status;
  return std::unique_ptr<ReferenceSteps>(std::make_unique<Steps>(make_group(member, options), member.size()));
}

Result<std::shared_ptr<Communicator>> open_torch_group(const Member& member, const CommunicatorOptions& options) {
  if (Status status = support(member); !status.ok()) return status;
  auto owned = std::make_shared<Owned>();
  owned->group = make_group(member, options);
  owned->communicator = make_process_group_communicator(owned->group->getGroupName(), options);
  return std::shared_ptr<Communicator>(owned, owned->communicator.get());
}

}  // namespace fvattn::bench::dist
