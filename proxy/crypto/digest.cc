// SPDX-License-Identifier: Apache-2.0
// OpenSSL's digests without its EVP layer: OpenSSL 3 deprecates these calls and keeps them, and
// they run the same assembly. HMAC over prepared states needs them (see hmac.h). Thread: any
// (immutable); a Digest object belongs to one thread.
#include "proxy/crypto/digest.h"

#include <cstring>

#include <openssl/md5.h>
#include <openssl/sha.h>

#include "proxy/base/log.h"

namespace edgehold {
namespace {

struct Row {
  DigestKind kind;
  std::string_view name;
  std::size_t size;
  std::size_t block_size;
};
constexpr Row kRows[] = {
    {DigestKind::kMd5, "md5", MD5_DIGEST_LENGTH, MD5_CBLOCK},
    {DigestKind::kSha1, "sha1", SHA_DIGEST_LENGTH, SHA_CBLOCK},
    {DigestKind::kSha256, "sha256", SHA256_DIGEST_LENGTH, SHA256_CBLOCK},
    {DigestKind::kSha384, "sha384", SHA384_DIGEST_LENGTH, SHA512_CBLOCK},
    {DigestKind::kSha512, "sha512", SHA512_DIGEST_LENGTH, SHA512_CBLOCK},
};
const Row& rowOf(DigestKind kind) { return kRows[static_cast<std::size_t>(kind)]; }

template <class State>
State* as(unsigned char* bytes) {
  static_assert(std::is_trivially_copyable_v<State>);
  return reinterpret_cast<State*>(bytes);
}

unsigned char* out(DigestBytes& digest) {
  return reinterpret_cast<unsigned char*>(digest.bytes.data());
}

}  // namespace

static_assert(sizeof(SHA512_CTX) <= 216 && sizeof(SHA256_CTX) <= 216 && sizeof(SHA_CTX) <= 216 &&
              sizeof(MD5_CTX) <= 216 && alignof(SHA512_CTX) <= 8);
static_assert(SHA512_DIGEST_LENGTH <= kDigestBytesMax);

std::size_t digestSize(DigestKind kind) { return rowOf(kind).size; }
std::size_t digestBlockSize(DigestKind kind) { return rowOf(kind).block_size; }
std::string_view digestName(DigestKind kind) { return rowOf(kind).name; }

std::optional<DigestKind> digestKindFromName(std::string_view name) {
  for (const Row& row : kRows) {
    if (row.name == name) return row.kind;
  }
  return std::nullopt;
}

Digest::Digest(DigestKind kind) : kind_(kind) {
  int is_ready = 0;
  switch (kind) {
    case DigestKind::kMd5:
      is_ready = MD5_Init(as<MD5_CTX>(state_.data()));
      break;
    case DigestKind::kSha1:
      is_ready = SHA1_Init(as<SHA_CTX>(state_.data()));
      break;
    case DigestKind::kSha256:
      is_ready = SHA256_Init(as<SHA256_CTX>(state_.data()));
      break;
    case DigestKind::kSha384:
      is_ready = SHA384_Init(as<SHA512_CTX>(state_.data()));
      break;
    case DigestKind::kSha512:
      is_ready = SHA512_Init(as<SHA512_CTX>(state_.data()));
      break;
  }
  CHECK_EQ(is_ready, 1);
}

void Digest::update(ByteView bytes) {
  if (bytes.empty()) return;
  const char* const at = bytes.data();
  const std::size_t size = bytes.size();
  switch (kind_) {
    case DigestKind::kMd5:
      MD5_Update(as<MD5_CTX>(state_.data()), at, size);
      return;
    case DigestKind::kSha1:
      SHA1_Update(as<SHA_CTX>(state_.data()), at, size);
      return;
    case DigestKind::kSha256:
      SHA256_Update(as<SHA256_CTX>(state_.data()), at, size);
      return;
    case DigestKind::kSha384:
      SHA384_Update(as<SHA512_CTX>(state_.data()), at, size);
      return;
    case DigestKind::kSha512:
      SHA512_Update(as<SHA512_CTX>(state_.data()), at, size);
      return;
  }
}

DigestBytes Digest::finish() {
  DigestBytes digest;
  digest.size = digestSize(kind_);
  switch (kind_) {
    case DigestKind::kMd5:
      MD5_Final(out(digest), as<MD5_CTX>(state_.data()));
      break;
    case DigestKind::kSha1:
      SHA1_Final(out(digest), as<SHA_CTX>(state_.data()));
      break;
    case DigestKind::kSha256:
      SHA256_Final(out(digest), as<SHA256_CTX>(state_.data()));
      break;
    case DigestKind::kSha384:
      SHA384_Final(out(digest), as<SHA512_CTX>(state_.data()));
      break;
    case DigestKind::kSha512:
      SHA512_Final(out(digest), as<SHA512_CTX>(state_.data()));
      break;
  }
  return digest;
}

DigestBytes digestOf(DigestKind kind, ByteView bytes) {
  Digest digest(kind);
  digest.update(bytes);
  return digest.finish();
}

std::array<std::uint8_t, 32> sha256(ByteView bytes) {
  const DigestBytes digest = digestOf(DigestKind::kSha256, bytes);
  std::array<std::uint8_t, 32> out_bytes;
  std::memcpy(out_bytes.data(), digest.bytes.data(), out_bytes.size());
  return out_bytes;
}

}  // namespace edgehold
