#include "nccl_device.hpp"

#include "copies.hpp"
#include "distributed/nccl/watch.hpp"
#include "distributed/peer/cuda/side_stream.hpp"

#include <fvattn/distributed/transport.hpp>

#include <algorithm>

namespace fvattn::nccl {
namespace {

constexpr int kBlocks = 132;       // one for each multiprocessor of the largest Hopper
constexpr int kBlocksBeside = 32;  // leaves multiprocessors to NCCL's kernel, which waits for links anyway

Status check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return {};
  cudaGetLastError();
  return Status::error(Code::unavailable, std::string("nccl: ") + what + " failed", cudaGetErrorString(error));
}

// Before and behind one operation on its stream.
struct Marks {
  cudaEvent_t begin = nullptr, end = nullptr;
  ~Marks() {
    if (begin != nullptr) cudaEventDestroy(begin);
    if (end != nullptr) cudaEventDestroy(end);
  }
  Progress progress() const {
    // An error is seen by whoever comes next; here nothing remains to be waited for.
    if (cudaEventQuery(end) != cudaErrorNotReady) return Progress::done;
    return cudaEventQuery(begin) == cudaErrorNotReady ? Progress::queued : Progress::running;
  }
};

Result<std::shared_ptr<Marks>> make_marks() {
  auto marks = std::make_shared<Marks>();
  for (cudaEvent_t* event : {&marks->begin, &marks->end})
    if (Status status = check(cudaEventCreateWithFlags(event, cudaEventDisableTiming), "cudaEventCreate"); !status.ok())
      return status;
  return marks;
}

class NcclDevice final : public Device {
 public:
  NcclDevice(int number, int rank, std::unique_ptr<Group> group, std::vector<std::string> processes)
      : number_(number),
        processes_(std::move(processes)),
        group_(std::move(group)),
        watch_(rank, {[this] { return look(); }, [this] { group_->abort(); }}) {}

  ~NcclDevice() override {
    constexpr std::chrono::seconds kPatience{5};
    const bool idle = watch_.wait_until_idle(kPatience);
    if (!use().ok()) return;
    // What is still queued waits for others that need not come any more.
    if (idle) group_->close(kPatience);
    else watch_.fail(Status::error(Code::unavailable, "the communicator has been destroyed"));
    cudaFree(staging_);
  }

  int number() const override { return number_; }

  Result<std::byte*> staging(int64_t bytes) override {
    if (bytes <= staging_bytes_) return staging_;
    if (Status status = use(); !status.ok()) return status;
    // Each operation has its limit, so this wait has one, too.
    constexpr std::chrono::hours kLong{1};
    if (!watch_.wait_until_idle(kLong)) return trouble();
    cudaFree(staging_);
    staging_ = nullptr;
    staging_bytes_ = 0;
    void* memory = nullptr;
    if (Status status = check(cudaMalloc(&memory, static_cast<size_t>(bytes)), "cudaMalloc"); !status.ok()) return status;
    staging_ = static_cast<std::byte*>(memory);
    staging_bytes_ = bytes;
    return staging_;
  }

  Status run(const Plan& plan, const std::string& operation, std::chrono::milliseconds limit, void* stream) override {
    if (Status status = use(); !status.ok()) return status;
    const auto s = static_cast<cudaStream_t>(stream);
    auto marks = make_marks();
    if (!marks) return marks.status();
    // The staging memory is used by one operation after the other, also on different streams.
    if (latest_ != nullptr)
      if (Status status = check(cudaStreamWaitEvent(s, latest_->end, 0), "cudaStreamWaitEvent"); !status.ok()) return status;
    if (Status status = check(side_.fork(s), "a fork of the stream"); !status.ok()) return status;
    if (Status status = check(queue_copies(plan.kept, kBlocksBeside, side_.get()), "a copy"); !status.ok()) return status;
    if (Status status = check(queue_copies(plan.packs, kBlocks, s), "a copy"); !status.ok()) return status;
    if (Status status = check(cudaEventRecord((*marks)->begin, s), "cudaEventRecord"); !status.ok()) return status;
    if (Status status = group_->exchange(plan, s, limit); !status.ok()) return watch_.failure().ok() ? status : trouble();
    if (Status status = check(queue_copies(plan.unpacks, kBlocks, s), "a copy"); !status.ok()) return status;
    if (Status status = check(side_.join(s), "a join of the stream"); !status.ok()) return status;
    if (Status status = check(cudaEventRecord((*marks)->end, s), "cudaEventRecord"); !status.ok()) return status;
    latest_ = *marks;
    watch_.add({operation, limit, [marks = *marks] { return marks->progress(); }});
    return {};
  }

  Status trouble() const override { return watch_.failure(); }
  void stop(const Status& reason) override { watch_.fail(reason); }

 private:
  Status use() const { return check(cudaSetDevice(number_), "cudaSetDevice"); }

  // On the watching thread.
  Status look() {
    // Queries of events may not disturb somebody who records a graph.
    static thread_local bool relaxed = false;
    if (!relaxed) {
      cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
      cudaThreadExchangeStreamCaptureMode(&mode);
      cudaSetDevice(number_);
      relaxed = true;
    }
    if (Status status = group_->trouble(); !status.ok()) return status;
    if (++looks_ % kLooksPerProcess != 0) return {};
    for (size_t r = 0; r < processes_.size(); ++r)
      if (process_has_ended(processes_[r]))
        return Status::error(Code::unavailable, "rank " + std::to_string(r) + " (process " + process_number(processes_[r]) +
                                                    ") has ended, while messages were under way");
    return {};
  }

  static constexpr uint64_t kLooksPerProcess = 50;
  const int number_;
  const std::vector<std::string> processes_;
  const std::unique_ptr<Group> group_;
  peer::SideStream side_;
  std::shared_ptr<Marks> latest_;
  std::byte* staging_ = nullptr;
  int64_t staging_bytes_ = 0;
  uint64_t looks_ = 0;
  Watch watch_;  // last: its thread uses all others
};

}  // namespace

std::unique_ptr<Device> make_nccl_device(int number, int rank, std::unique_ptr<Group> group,
                                         std::vector<std::string> processes) {
  return std::make_unique<NcclDevice>(number, rank, std::move(group), std::move(processes));
}

}  // namespace fvattn::nccl
