// MPI in this process: started once, ended at exit. MPI is called by one thread at a time, under mutex().
#pragma once

#include <fvattn/status.hpp>

#include <mpi.h>

#include <chrono>
#include <mutex>

namespace fvattn::mpi {

/// Of an MPI call that did not succeed; OK for MPI_SUCCESS.
Status to_status(int code, const char* call);

class World {
 public:
  /// Starts MPI unless it runs. UNAVAILABLE if the other ranks do not come within `limit`, and for good: an
  /// initialisation that began cannot be given up. Not destroyed.
  static Result<World*> open(std::chrono::milliseconds limit);

  std::mutex& mutex() { return mutex_; }
  int rank() const { return rank_; }
  int size() const { return size_; }
  /// Something failed: at exit the other ranks are not waited for without end.
  void note_failure() { failed_ = true; }

 private:
  World() = default;
  Status start(std::chrono::milliseconds limit);
  Status adopt();
  /// At exit, if MPI was started here.
  void end();

  std::mutex mutex_;
  MPI_Comm goodbye_ = MPI_COMM_NULL;
  int rank_ = 0, size_ = 1;
  bool failed_ = false;
};

}  // namespace fvattn::mpi
