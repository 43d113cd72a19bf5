#include "mpi/world.hpp"

#include <condition_variable>
#include <memory>
#include <thread>

namespace fvattn::mpi {
namespace {

struct Start {
  std::mutex mutex;
  std::condition_variable change;
  bool done = false;
  int code = MPI_SUCCESS;
};

}  // namespace

Status to_status(int code, const char* call) {
  if (code == MPI_SUCCESS) return {};
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  if (MPI_Error_string(code, text, &length) != MPI_SUCCESS) length = 0;
  return Status::error(Code::unavailable, std::string(call) + " failed", std::string(text, static_cast<size_t>(length)));
}

Result<World*> World::open(std::chrono::milliseconds limit) {
  static std::mutex opening;
  static World* world = nullptr;
  static Status refusal;
  const std::lock_guard lock(opening);
  if (world != nullptr) return world;
  if (!refusal.ok()) return refusal;
  auto made = std::unique_ptr<World>(new World);
  int started = 0;
  MPI_Initialized(&started);
  refusal = started ? made->adopt() : made->start(limit);
  if (!refusal.ok()) return refusal;
  world = made.release();
  return world;
}

// MPI_Init has no time limit: a thread that may be left behind calls it.
Status World::start(std::chrono::milliseconds limit) {
  auto shared = std::make_shared<Start>();
  std::thread([shared] {
    int provided = 0;
    const int code = MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided);
    const std::lock_guard lock(shared->mutex);
    shared->code = code;
    shared->done = true;
    shared->change.notify_all();
  }).detach();
  {
    std::unique_lock lock(shared->mutex);
    if (!shared->change.wait_for(lock, limit, [&] { return shared->done; }))
      return Status::error(Code::unavailable,
                           "waited " + std::to_string(limit.count()) + " ms for the other ranks to start MPI", {}, {},
                           "does every rank make its communicator? A longer warm-up is an option of it");
    if (Status status = to_status(shared->code, "MPI_Init_thread"); !status.ok()) return status;
  }
  if (Status status = adopt(); !status.ok()) return status;
  static World* self = nullptr;
  self = this;
  std::atexit([] { self->end(); });
  return to_status(MPI_Comm_dup(MPI_COMM_WORLD, &goodbye_), "MPI_Comm_dup");
}

Status World::adopt() {
  int provided = 0;
  MPI_Query_thread(&provided);
  if (provided < MPI_THREAD_SERIALIZED)
    return Status::error(Code::failed_precondition, "the program has started MPI for one thread only", {},
                         "MPI_THREAD_SERIALIZED or MPI_THREAD_MULTIPLE", "start it with MPI_Init_thread");
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  MPI_Comm_size(MPI_COMM_WORLD, &size_);
  return {};
}

}  // namespace fvattn::mpi
