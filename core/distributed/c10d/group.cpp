#include "group.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <cstring>

namespace fvattn::c10d_transport {
namespace {

// The group's own threads give up a little after this rank has.
std::chrono::milliseconds limit_of_group(const Waiting& waiting) { return waiting.limit + std::chrono::milliseconds(300); }

}  // namespace

Group::Group(const c10::intrusive_ptr<::c10d::ProcessGroup>& group) : group_(group), name_(group->getGroupName()) {
  for (const at::Device& device : group->getDeviceTypes()) {
    cpu_ = cpu_ || device.is_cpu();
    cuda_ = cuda_ || device.is_cuda();
  }
}

bool Group::moves(at::DeviceType device) const { return device == at::kCUDA ? cuda_ : device == at::kCPU && cpu_; }

Result<c10::intrusive_ptr<::c10d::ProcessGroup>> Group::alive() const {
  if (auto group = group_.lock()) return group;
  return Status::error(Code::failed_precondition, "the process group '" + name_ + "' was destroyed");
}

Result<std::vector<std::string>> Group::all_gather(const std::string& bytes, Watch& watch, const Waiting& waiting) const {
  const auto group = alive();
  if (!group) return group.status();
  try {
    const auto device = cpu_ ? at::kCPU : at::kCUDA;
    const auto count = static_cast<int64_t>(bytes.size());
    at::Tensor mine = at::empty({count}, at::kByte);
    std::memcpy(mine.data_ptr(), bytes.data(), bytes.size());
    mine = mine.to(device);
    at::Tensor all = at::empty({count * (*group)->getSize()}, mine.options());
    ::c10d::AllgatherOptions options;
    options.timeout = limit_of_group(waiting);
    const auto work = (*group)->_allgather_base(all, mine, options);
    if (Status status = watch.wait(*work, waiting); !status.ok()) return status;
    work->synchronize();
    all = all.to(at::kCPU);
    std::vector<std::string> parts;
    for (int r = 0; r < (*group)->getSize(); ++r)
      parts.emplace_back(static_cast<const char*>(all.data_ptr()) + r * count, bytes.size());
    return parts;
  } catch (const std::exception& error) {
    return watch.blame(error.what(), waiting);
  }
}

Status Group::all_to_all(std::span<Message> messages, Watch& watch, const Waiting& waiting) const {
  const auto group = alive();
  if (!group) return group.status();
  try {
    ::c10d::AllToAllOptions options;
    options.timeout = limit_of_group(waiting);
    std::vector<c10::intrusive_ptr<::c10d::Work>> works;
    for (Message& m : messages)
      works.push_back((*group)->alltoall_base(m.receive, m.send, m.receive_sizes, m.send_sizes, options));
    for (size_t i = 0; i < works.size(); ++i) {
      if (messages[i].receive.is_cuda()) {
        works[i]->wait();  // the stream waits, not the host
      } else if (Status status = watch.wait(*works[i], waiting); !status.ok()) {
        return status;
      }
      messages[i].unpack();
    }
    return {};
  } catch (const std::exception& error) {
    return watch.blame(error.what(), waiting);
  }
}

}  // namespace fvattn::c10d_transport
