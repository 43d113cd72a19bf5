#include "bench/dist/link.hpp"

#include "bench/dist/link_kernels.hpp"

#include "ranks/rank_device.hpp"

namespace fvattn::bench::dist {
namespace {

class CudaLink final : public Link {
 public:
  explicit CudaLink(const Member& member) : member_(member), device_(member.device().index()) {}
  ~CudaLink() override {
    cuda_close(device_, next_, member_.is_thread());
    // The rank before this one may still have it open: it closes first.
    (void)member_.control().barrier();
    for (const CudaBlock& block : {target_, source_})
      if (block.memory != nullptr) cuda_release(device_, block);
  }

  Status start(int64_t bytes) {
    Status status;
    std::string handle;
    for (CudaBlock* block : {&source_, &target_}) {
      auto made = status.ok() ? cuda_allocate(device_, bytes) : Result<CudaBlock>(status);
      if (made) *block = *made;
      else status = made.status();
    }
    if (status.ok()) {
      auto made = cuda_handle(device_, target_, member_.is_thread());
      if (made) handle = *made;
      else status = made.status();
    }
    const std::vector<std::string> handles = member_.texts(handle);
    if (Status all = member_.all_well(status); !all.ok()) return all;
    const auto next = static_cast<size_t>((member_.rank() + 1) % member_.size());
    const auto opened = cuda_open(device_, handles[next], member_.is_thread());
    if (opened) next_ = *opened;
    return member_.all_well(opened.status());
  }

  Result<double> copy_ms(int writers, bool all_ways, int calls) override {
    const bool takes_part = all_ways || member_.is_root();
    Result<double> ms = 0.0;
    // The second of two: clocks are up then.
    for (int round = 0; round < 2; ++round) {
      member_.barrier();
      if (takes_part && ms)
        ms = cuda_copy_ms(device_, host::current_stream(member_.device()), source_.memory, next_, source_.bytes, writers,
                          calls);
      if (Status all = member_.all_well(ms.status()); !all.ok()) return all;
    }
    return member_.most_of_all({takes_part ? *ms : 0.0}).front();
  }

 private:
  const Member& member_;
  const int device_;
  CudaBlock source_, target_;
  void* next_ = nullptr;
};

}  // namespace

Status link_support() { return cuda_support(); }
Result<bool> can_reach(int from, int to) { return cuda_can_reach(from, to); }
void hold(at::Device device, double microseconds) {
  if (device.is_cuda()) cuda_hold(device.index(), host::current_stream(device), microseconds);
}

Result<std::unique_ptr<Link>> Link::open(const Member& member, int64_t bytes) {
  auto link = std::make_unique<CudaLink>(member);
  if (Status status = link->start(bytes); !status.ok()) return status;
  return std::unique_ptr<Link>(std::move(link));
}

}  // namespace fvattn::bench::dist
