// A verb that runs as one of several ranks: rank 0 reads, writes and prints, and whoever fails ends all.
#pragma once

#include "common/verb.hpp"

#include <fvattn/distributed/bootstrap.hpp>

#include <map>
#include <memory>
#include <string>

namespace fvattn::host {

/// Make one before Verb::run, in main. Of several ranks, each calls connect() and then tell() in the same order.
class Ranks {
 public:
  using Facts = std::map<std::string, std::string>;

  /// Reads who started this process. Standard output of other ranks than 0 is empty from now on.
  explicit Ranks(Verb& verb);

  bool alone() const { return launch_.alone(); }
  bool is_root() const { return launch_.rank == 0; }
  int rank() const { return launch_.rank; }
  int size() const { return launch_.size; }
  const Launch& launch() const { return launch_; }

  /// Connects the ranks, for tensors on the CPU or on GPUs: `on_gpu` is the same on all ranks. Nothing to do for a rank
  /// alone. An environment that says only a part of which rank this is, is an error here. On GPUs they can tell each other
  /// things then, and move tensors after open_transport().
  Status connect(bool on_gpu);
  /// What moves tensors of GPU `device`. Nothing to do for -1, the CPU. Collective; an error is one on all ranks.
  Status open_transport(int device);
  /// In place of connect(): the ranks are connected already.
  void adopt(std::shared_ptr<Communicator> communicator);
  /// A failure from now on is the same on all ranks, and they know: rank 0 reports it.
  void all_fail_alike() { alike_ = true; }
  const std::shared_ptr<Communicator>& communicator() const { return communicator_; }

  /// Where all ranks meet: the facts of rank 0 for all, or the failure of the first rank that has one. `mine`: how it goes
  /// here.
  Result<Facts> tell(const Status& mine, const Facts& facts = {});
  /// Whether something went well on all ranks, where it is no failure of the verb if it did not: the status of this rank, or
  /// what another one has to say.
  Status all_well(const Status& mine);

 private:
  /// The facts of rank 0 and by rank how it goes there.
  Result<std::vector<Contract>> meet(const Status& mine, const Facts& facts);
  /// How a failure gets to the user once: false if another rank reports it.
  bool reports(Status& status);
  Status name_rank(Status status) const;

  Launch launch_;
  Status launch_trouble_;
  std::shared_ptr<Communicator> communicator_;
  bool met_ = false, alike_ = false;
  int reporter_ = -1;  // the first rank that told of a failure
};

}  // namespace fvattn::host
