#include <fvattn/distributed/communicator.hpp>

namespace fvattn {

Result<std::vector<Contract>> Communicator::agree(const Contract& mine) {
  auto all = gather_contracts(mine);
  if (!all) return all.status();
  if (Status status = check_agreement(*all, rank()); !status.ok()) return status;
  return all;
}

}  // namespace fvattn
