// What a rank tells the others out of turn: it has failed, or it has left.
#pragma once

#include <fvattn/status.hpp>

#include <mpi.h>

#include <vector>

namespace fvattn::mpi {

/// Of fixed size, and small enough that sending it waits for nobody.
struct Notice {
  enum class Kind : int32_t { failed, left };
  static constexpr size_t kMostText = 3000;

  uint64_t completed = 0;  // operations that its sender has completed: those succeed for all
  int32_t rank = 0;
  Kind kind = Kind::failed;
  Code code = Code::unavailable;
  char text[kMostText] = {};

  Status status(const std::string& operation) const;
};

/// Sends `notice` to all ranks but its own, without waiting.
void send_notice(const Notice& notice, MPI_Comm comm, int size);
/// Appends what has arrived.
void receive_notices(MPI_Comm comm, std::vector<Notice>& heard);

}  // namespace fvattn::mpi
