// A program that starts and ends MPI itself: it has to do so for more than one thread.
#include <fvattn/distributed/bootstrap.hpp>

#include <mpi.h>

#include <cstdio>
#include <string>

namespace {

bool works() {
  const auto made = fvattn::make_mpi_communicator();
  const bool well = made.ok() && (*made)->barrier().ok();
  if (!well) std::fprintf(stderr, "%s\n", made.status().text().c_str());
  return well;
}

bool is_refused() {
  const auto made = fvattn::make_mpi_communicator();
  const std::string text = made.status().text();
  const bool well = text.find("has started MPI for one thread only; accepted: MPI_THREAD_SERIALIZED") != std::string::npos;
  if (!well) std::fprintf(stderr, "'%s'\n", text.c_str());
  return well;
}

}  // namespace

int main(int argc, char** argv) {
  const bool single = argc > 1 && std::string(argv[1]) == "single";
  int provided = 0;
  MPI_Init_thread(&argc, &argv, single ? MPI_THREAD_SINGLE : MPI_THREAD_SERIALIZED, &provided);
  const bool well = single ? is_refused() : works();
  MPI_Finalize();
  return well ? 0 : 1;
}
