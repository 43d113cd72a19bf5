#include "distributed_core.hpp"

#include "distributed_contract.hpp"
#include "layer_options.hpp"

#include <algorithm>
#include <ostream>
#include <span>

namespace fvattn {
namespace {

std::shared_ptr<Communicator> or_local(std::shared_ptr<Communicator> communicator) {
  return communicator != nullptr ? std::move(communicator) : make_local_communicator();
}

LocalAttentionOptions distributed_options(LocalAttentionOptions options) {
  options = complete(std::move(options));
  if (options.text_length != 0)
    throw Error(Status::error(Code::invalid_argument, "text of a distributed layer is what is replicated",
                              "text_length " + std::to_string(options.text_length), "0"));
  return options;
}

// Rows of each rank that are before `most`.
Ranges clipped(Ranges sequence, int64_t most) {
  for (Range& range : sequence) {
    range.begin = std::min(range.begin, most);
    range.size = std::min(range.size, most - range.begin);
  }
  return sequence;
}

}  // namespace

DistributedCore::DistributedCore(LocalAttentionOptions options, std::shared_ptr<Communicator> communicator)
    : options_(distributed_options(std::move(options))),
      shape_(layer_shape(options_)),
      communicator_(or_local(std::move(communicator))),
      heads_(split_heads(shape_.heads, shape_.kv_heads, communicator_->size()).value()),
      site_(options_.context != nullptr ? *options_.context : default_context(), request_of(options_),
            nominal_problem(options_, shape_), options_.prefix + ".impl", options_.impl_options) {}

Status DistributedCore::named(Status status) const {
  if (status.ok()) return status;
  if (const std::string who = site_.who(); status.what.find(who) == std::string::npos) status.what = who + status.what;
  return status;
}

DistributedResult DistributedCore::forward(ShardedInputs in, const std::optional<int64_t>& original_seq_len,
                                           const DistributedCallOptions& options, bool training, Status refusal) {
  calls_.fetch_add(1, std::memory_order_relaxed);
  const double dropout_p = training ? options_.dropout_p : 0;
  if (refusal.ok()) refusal = check_sharded(in, shape_, *communicator_, options);
  Contract contract;
  if (refusal.ok()) contract = contract_of(in, shape_, options, original_seq_len, dropout_p);
  contract.failure = named(std::move(refusal));
  const bool differentiable = contract.failure.ok() && !gradients_of(in).empty();
  auto call = std::make_shared<DistributedCall>();
  call->communicator = communicator_;
  call->heads = heads_;
  call->text_rows = in.text_rows();

  // With the lengths of all ranks given nothing has to be asked, unless the call or what serves it is new.
  const bool lengths_given = contract.failure.ok() && !options.sequence_lengths.empty();
  std::optional<Selection> selection;
  Contract chosen;
  // An exception here would leave the others waiting: it is a reason for them, too.
  const auto choose_for = [&](const Ranges& sequence) -> Status {
    const int64_t rows = total_of(sequence);
    if (original_seq_len && (*original_seq_len < 0 || *original_seq_len > rows))
      return Status::error(Code::invalid_argument, "original_seq_len counts rows of the whole sequence",
                           std::to_string(*original_seq_len), "0 to " + std::to_string(rows));
    call->sequence = clipped(sequence, original_seq_len.value_or(rows));
    try {
      const auto found = choose(*call, in, dropout_p, differentiable);
      if (!found) return found.status();
      selection = *found;
    } catch (const Error& error) {
      return error.status();
    } catch (const std::exception& error) {  // else the others would wait
      return Status::error(Code::internal, error.what());
    }
    add_backend(chosen, *selection->backend, call->around.metadata.get());
    return {};
  };
  if (lengths_given) chosen.failure = named(choose_for(consecutive(options.sequence_lengths)));
  const uint64_t hashes[] = {contract.hash(), chosen.hash()};
  const uint64_t hash = hash_bytes(std::as_bytes(std::span(hashes)));
  if (!lengths_given || !chosen.failure.ok() || !is_agreed(hash)) {
    auto sequence = agree_on_rows(contract);
    if (!sequence) throw Error(named(sequence.status()));
    if (!lengths_given) chosen.failure = named(choose_for(*sequence));
    if (auto all = communicator_->agree(chosen); !all) throw Error(named(all.status()));
    if (lengths_given) remember_agreed(hash);
  }
  latest_.store(selection->backend, std::memory_order_relaxed);
  DistributedResult result = communicator_->size() == 1 ? run_alone(*call, in, *selection)
                                                        : run_distributed(std::move(call), in, differentiable);
  copies_.fetch_add(result.copies, std::memory_order_relaxed);
  return result;
}

Result<Ranges> DistributedCore::agree_on_rows(const Contract& mine) {
  auto all = communicator_->agree(mine);
  if (!all) return all.status();
  std::vector<int64_t> rows;
  for (const Contract& contract : *all) rows.push_back(std::stoll(contract.value("rows")));
  return consecutive(rows);
}

bool DistributedCore::is_agreed(uint64_t hash) {
  const std::lock_guard lock(mutex_);
  return agreed_.contains(hash);
}

void DistributedCore::remember_agreed(uint64_t hash) {
  constexpr size_t kMost = 4096;  // every denoising step may bring a new one; forgetting costs one more agreement
  const std::lock_guard lock(mutex_);
  if (agreed_.size() >= kMost) agreed_.clear();
  agreed_.insert(hash);
}

LayerCounters DistributedCore::counters() const {
  return {calls_.load(std::memory_order_relaxed), site_.plans(), copies_.load(std::memory_order_relaxed)};
}

void DistributedCore::print(std::ostream& stream, const char* type) const {
  stream << "fvattn::" << type << "(num_heads=" << options_.num_heads << ", head_size=" << options_.head_size
         << ", num_kv_heads=" << options_.num_kv_heads << ", rank=" << communicator_->rank() << " of "
         << communicator_->size() << " by " << communicator_->name() << (options_.prefix.empty() ? "" : ", prefix=")
         << options_.prefix << ")";
}

}  // namespace fvattn
