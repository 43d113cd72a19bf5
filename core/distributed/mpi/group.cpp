#include "mpi/group.hpp"

#include <algorithm>
#include <cstring>
#include <sched.h>
#include <thread>

namespace fvattn::mpi {
namespace {

// Messages progress only inside MPI calls, so no sleep while bytes move; a rank that is waited for gets the processor.
void pause(Group::Clock::duration waited, bool moving) {
  if (moving || waited < std::chrono::microseconds(200)) sched_yield();
  else std::this_thread::sleep_for(std::chrono::microseconds(100));
}

}  // namespace

Group::Group(World& world, MPI_Comm comm, const CommunicatorOptions& options)
    : world_(world), comm_(comm), options_(options) {}

Result<std::unique_ptr<Group>> Group::create(World& world, const CommunicatorOptions& options) {
  // Outlives a request that is given up.
  struct Duplicate {
    MPI_Comm comm = MPI_COMM_NULL;
    MPI_Request request = MPI_REQUEST_NULL;
  };
  auto made = std::make_unique<Duplicate>();
  const auto start = Clock::now();
  std::unique_lock lock(world.mutex());
  if (Status status = to_status(MPI_Comm_idup(MPI_COMM_WORLD, &made->comm, &made->request), "MPI_Comm_idup"); !status.ok())
    return status;
  for (int done = 0;;) {
    if (Status status = to_status(MPI_Test(&made->request, &done, MPI_STATUS_IGNORE), "MPI_Comm_idup"); !status.ok())
      return status;
    if (done != 0) break;
    const auto waited = Clock::now() - start;
    if (waited > std::max(options.warm_up_timeout, options.timeout)) {
      made.release();
      world.note_failure();
      return Status::error(Code::unavailable, "rank " + std::to_string(world.rank()) +
                                                  " waited for the other ranks to make their communicator, in vain");
    }
    lock.unlock();
    pause(waited, false);
    lock.lock();
  }
  MPI_Comm_set_errhandler(made->comm, MPI_ERRORS_RETURN);
  return std::unique_ptr<Group>(new Group(world, made->comm, options));
}

Group::~Group() {
  const std::lock_guard lock(world_.mutex());
  int ended = 0;
  MPI_Finalized(&ended);
  if (ended == 0 && failure_.ok()) tell(Notice::Kind::left, {});
}

void Group::tell(Notice::Kind kind, const Status& status) {
  Notice notice;
  notice.completed = completed_;
  notice.rank = rank();
  notice.kind = kind;
  notice.code = status.code;
  std::strncpy(notice.text, status.text().c_str(), Notice::kMostText - 1);
  send_notice(notice, comm_, size());
}

Status Group::fail(Status status, bool is_news) {
  if (!failure_.ok()) return failure_;
  failure_ = std::move(status);
  world_.note_failure();
  if (is_news) tell(Notice::Kind::failed, failure_);
  return failure_;
}

void Group::abort(const std::string& reason) {
  const std::lock_guard lock(world_.mutex());
  (void)fail(Status::error(Code::unavailable, "rank " + std::to_string(rank()) + " aborted: " + reason),
             true);
}

void Group::complete() {
  const std::lock_guard lock(world_.mutex());
  ++completed_;
}

Status Group::hear(const std::string& operation) {
  receive_notices(comm_, heard_);
  for (const Notice& notice : heard_)
    if (notice.completed <= completed_) return fail(notice.status(operation), false);
  return {};
}

Status Group::late(const Flight& flight, const std::string& operation, std::chrono::milliseconds limit) {
  std::string missing;
  for (size_t r = 0; r < flight.receives.size(); ++r) {
    int done = 1;
    if (flight.receives[r] != MPI_REQUEST_NULL) MPI_Request_get_status(flight.receives[r], &done, MPI_STATUS_IGNORE);
    if (done == 0) missing += (missing.empty() ? "" : ", ") + std::to_string(r);
  }
  const char* ranks = missing.empty() ? "others to receive" : missing.find(',') == std::string::npos ? "rank " : "ranks ";
  return fail(Status::error(Code::unavailable,
                            "rank " + std::to_string(rank()) + " waited " + std::to_string(limit.count()) + " ms in " +
                                operation + " for " + ranks + missing,
                            {}, {}, "see what those ranks do; a longer timeout is an option of the communicator"),
              true);
}

// Messages that were not taken may still come: their memory stays for as long as the process.
void Group::give_up(std::unique_ptr<Flight> flight) {
  static auto* kept = new std::vector<std::unique_ptr<Flight>>;
  for (MPI_Request& request : flight->receives)
    if (request != MPI_REQUEST_NULL) MPI_Cancel(&request);
  kept->push_back(std::move(flight));
}

Status Group::wait(std::unique_ptr<Flight>& flight, const std::string& operation, bool moving) {
  const auto start = Clock::now();
  const auto limit = completed_ == 0 ? std::max(options_.warm_up_timeout, options_.timeout) : options_.timeout;
  const auto is_done = [&](std::vector<MPI_Request>& requests, int& done) {
    return to_status(MPI_Testall(static_cast<int>(requests.size()), requests.data(), &done, MPI_STATUSES_IGNORE), "MPI");
  };
  for (;;) {
    const auto waited = Clock::now() - start;
    {
      const std::lock_guard lock(world_.mutex());
      int received = 0, sent = 0;
      Status status = is_done(flight->receives, received);
      if (status.ok()) status = is_done(flight->sends, sent);
      if (!status.ok()) status = fail(std::move(status), true);
      if (status.ok() && received != 0 && sent != 0) {
        if (!moving) waited_ += std::chrono::duration_cast<std::chrono::microseconds>(waited);
        return {};
      }
      if (status.ok()) status = failure_.ok() ? hear(operation) : failure_;
      if (status.ok() && waited > limit) status = late(*flight, operation, limit);
      if (!status.ok()) {
        give_up(std::move(flight));
        return status;
      }
    }
    pause(waited, moving);
  }
}

}  // namespace fvattn::mpi
