#include <fvattn/distributed/transport.hpp>

#include <cstring>

namespace fvattn {
namespace {

template <class Number>
void put(std::string& bytes, Number number) {
  bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void put(std::string& bytes, const std::string& text) {
  put(bytes, static_cast<uint64_t>(text.size()));
  bytes += text;
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}

  template <class Number>
  Number number() {
    Number value{};
    if (left_.size() < sizeof value) {
      ok_ = false;
      return value;
    }
    std::memcpy(&value, left_.data(), sizeof value);
    left_.remove_prefix(sizeof value);
    return value;
  }
  std::string text() {
    const auto size = number<uint64_t>();
    if (size > left_.size()) {
      ok_ = false;
      return {};
    }
    std::string value(left_.substr(0, size));
    left_.remove_prefix(size);
    return value;
  }
  bool ok() const { return ok_; }
  bool at_end() const { return left_.empty(); }

 private:
  std::string_view left_;
  bool ok_ = true;
};

}  // namespace

std::string to_bytes(const Contract& contract) {
  std::string bytes;
  const Status& failure = contract.failure;
  put(bytes, static_cast<int32_t>(failure.code));
  put(bytes, failure.flags);
  for (const std::string* text : {&failure.what, &failure.got, &failure.accepted, &failure.hint}) put(bytes, *text);
  put(bytes, static_cast<uint64_t>(contract.entries.size()));
  for (const Contract::Entry& entry : contract.entries) {
    put(bytes, entry.name);
    put(bytes, entry.value);
    put(bytes, static_cast<uint8_t>(entry.shared));
  }
  return bytes;
}

Result<Contract> contract_from_bytes(std::string_view bytes) {
  Reader reader(bytes);
  Contract contract;
  contract.failure.code = static_cast<Code>(reader.number<int32_t>());
  contract.failure.flags = reader.number<uint32_t>();
  for (std::string* text :
       {&contract.failure.what, &contract.failure.got, &contract.failure.accepted, &contract.failure.hint})
    *text = reader.text();
  const auto entries = reader.number<uint64_t>();
  for (uint64_t i = 0; i < entries && reader.ok(); ++i) {
    std::string name = reader.text(), value = reader.text();
    const bool shared = reader.number<uint8_t>() != 0;
    contract.entries.push_back({std::move(name), std::move(value), shared});
  }
  if (!reader.ok() || !reader.at_end())
    return Status::error(Code::internal, "the bytes are not those of a contract", std::to_string(bytes.size()) + " bytes");
  return contract;
}

}  // namespace fvattn
