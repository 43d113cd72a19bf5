// The end of MPI: after a failure nobody is waited for without end.
#include "mpi/world.hpp"

#include <thread>

namespace fvattn::mpi {

void World::end() {
  using Clock = std::chrono::steady_clock;
  const std::lock_guard lock(mutex_);
  int ended = 0;
  MPI_Finalized(&ended);
  if (ended != 0) return;
  MPI_Request request = MPI_REQUEST_NULL;
  if (MPI_Ibarrier(goodbye_, &request) != MPI_SUCCESS) return;
  // Long enough that the others hear of it and say so; mpirun ends those that still do not come.
  constexpr std::chrono::seconds kAfterFailure{2};
  const auto start = Clock::now();
  for (int done = 0;;) {
    if (MPI_Test(&request, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS) return;
    if (done != 0) break;
    if (failed_ && Clock::now() - start > kAfterFailure) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  MPI_Finalize();
}

}  // namespace fvattn::mpi
