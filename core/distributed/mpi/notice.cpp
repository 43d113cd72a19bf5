#include "mpi/notice.hpp"

#include "mpi/tags.hpp"

#include <cstring>
#include <memory>

namespace fvattn::mpi {

Status Notice::status(const std::string& operation) const {
  if (kind == Kind::left)
    return Status::error(Code::unavailable,
                         "rank " + std::to_string(rank) + " has left, and will not come to " + operation);
  return Status::error(code, std::string(text, strnlen(text, kMostText)));
}

void send_notice(const Notice& notice, MPI_Comm comm, int size) {
  // Kept until the process ends: a rank that failed may never read it.
  static auto* kept = new std::vector<std::unique_ptr<const Notice>>;
  const Notice& copy = *kept->emplace_back(std::make_unique<const Notice>(notice));
  for (int r = 0; r < size; ++r) {
    MPI_Request request = MPI_REQUEST_NULL;
    if (r == notice.rank) continue;
    if (MPI_Isend(&copy, sizeof copy, MPI_BYTE, r, kNoticeTag, comm, &request) == MPI_SUCCESS) MPI_Request_free(&request);
  }
}

void receive_notices(MPI_Comm comm, std::vector<Notice>& heard) {
  for (int there = 0;;) {
    MPI_Status from;
    if (MPI_Iprobe(MPI_ANY_SOURCE, kNoticeTag, comm, &there, &from) != MPI_SUCCESS || there == 0) return;
    Notice notice;
    if (MPI_Recv(&notice, sizeof notice, MPI_BYTE, from.MPI_SOURCE, kNoticeTag, comm, MPI_STATUS_IGNORE) != MPI_SUCCESS)
      return;
    heard.push_back(notice);
  }
}

}  // namespace fvattn::mpi
