// Which rank this process is, by the variables of whoever started it.
#pragma once

#include <fvattn/distributed/communicator.hpp>
#include <fvattn/environment.hpp>

namespace fvattn FVATTN_PUBLIC {

enum class LaunchSource {
  single,    // nobody: the only rank of one
  fvattn,    // fvattn launch with GPUs: FASTVIDEO_ATTENTION_DIST_*
  open_mpi,  // mpirun, or fvattn launch on CPUs: OMPI_COMM_WORLD_*
  torchrun,  // RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT
};
const char* to_string(LaunchSource source);

/// A rank among the ranks.
struct Launch {
  LaunchSource source = LaunchSource::single;
  int rank = 0, size = 1;
  int local_rank = 0;   // among those of this machine: the number of its GPU
  std::string address;  // where ranks can meet; empty from mpirun, which connects them itself
  int port = 0;

  bool alone() const { return size == 1; }
};

/// The first of fvattn, open_mpi and torchrun that has set any of its variables (torchrun: RANK or WORLD_SIZE; the other
/// three are also set where nobody launches). INVALID_ARGUMENT, with the variables that are set and those that are
/// missing, if it has not set all; and for values that are no ranks. Slurm's variables are not read, because a batch script
/// has them too: use mpirun there.
Result<Launch> read_launch(const Environment& environment);

/// FASTVIDEO_ATTENTION_DIST_TIMEOUT_S and _WARM_UP_S over the defaults. INVALID_ARGUMENT unless they are positive numbers.
Result<CommunicatorOptions> communicator_options(const Environment& environment);

/// Open MPI's communicator of all ranks of MPI_COMM_WORLD, for CPU memory: one process a rank, on any number of machines.
/// Opens libfvattn_mpi.so beside libfvattn.so and starts MPI if the program has not (then it ends MPI at exit, too; a
/// program that starts it itself asks for MPI_THREAD_SERIALIZED at least, and ends it). Every rank must call it.
/// UNAVAILABLE if fvattn was built without MPI or the ranks do not come within `warm_up_timeout`.
Result<std::shared_ptr<Communicator>> make_mpi_communicator(const CommunicatorOptions& options = {});

/// The communicator for CPU memory of a process that was started so: `local` for a rank alone, `mpi` under mpirun.
/// UNAVAILABLE for ranks of torchrun, where only a process group that is handed in can connect CPUs, and for ranks that
/// were started for GPUs, with what to do.
Result<std::shared_ptr<Communicator>> open_cpu_communicator(const Launch& launch, const CommunicatorOptions& options);

}  // namespace fvattn
