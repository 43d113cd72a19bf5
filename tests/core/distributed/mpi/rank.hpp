// The communicator that the tests of one rank share.
#pragma once

#include <fvattn/distributed/bootstrap.hpp>

#include <memory>

namespace fvattn::test {

inline const std::shared_ptr<Communicator>& this_rank() {
  static const auto* communicator = new std::shared_ptr<Communicator>(
      make_mpi_communicator({std::chrono::seconds(20), std::chrono::seconds(60)}).value());
  return *communicator;
}

}  // namespace fvattn::test
