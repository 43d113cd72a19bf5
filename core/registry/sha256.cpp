#include "sha256.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace fvattn {

Result<std::string> sha256_hex(const ByteSource& bytes) {
  constexpr size_t kPiece = size_t{1} << 20;
  const auto failed = [](const char* why) {
    return Status::error(Code::internal, std::string("the SHA-256 hash cannot be computed: ") + why);
  };
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  if (context == nullptr || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1)
    return failed("libcrypto does not offer it");
  std::vector<unsigned char> piece(std::min<uint64_t>(kPiece, bytes.size()));
  for (uint64_t at = 0; at < bytes.size(); at += piece.size()) {
    const size_t length = std::min<uint64_t>(piece.size(), bytes.size() - at);
    if (!bytes.read(at, piece.data(), length)) return failed("the file cannot be read");
    if (EVP_DigestUpdate(context.get(), piece.data(), length) != 1) return failed("libcrypto failed");
  }
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  if (EVP_DigestFinal_ex(context.get(), digest, &length) != 1) return failed("libcrypto failed");
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (unsigned i = 0; i < length; ++i) {
    text += kDigits[digest[i] >> 4];
    text += kDigits[digest[i] & 15];
  }
  return text;
}

}  // namespace fvattn
