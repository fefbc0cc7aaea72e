// SPDX-License-Identifier: Apache-2.0
// Digests against the examples of FIPS 180-4 and RFC 1321.
// Thread: main only.
#include "proxy/crypto/digest.h"

#include <gtest/gtest.h>

#include "proxy/base/strings.h"

namespace edgehold {
namespace {

constexpr DigestKind kKinds[] = {DigestKind::kMd5, DigestKind::kSha1, DigestKind::kSha256,
                                 DigestKind::kSha384, DigestKind::kSha512};

TEST(Digest, GivesTheDigestsOfTheStandards) {
  const std::pair<DigestKind, std::string_view> cases[] = {
      {DigestKind::kMd5, "900150983cd24fb0d6963f7d28e17f72"},
      {DigestKind::kSha1, "a9993e364706816aba3e25717850c26c9cd0d89d"},
      {DigestKind::kSha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {DigestKind::kSha384,
       "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
       "8086072ba1e7cc2358baeca134c825a7"},
      {DigestKind::kSha512,
       "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
       "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"}};
  for (const auto& [kind, hex] : cases) EXPECT_EQ(hexEncode(digestOf(kind, "abc").view()), hex);
  const auto empty = sha256("");
  EXPECT_EQ(hexEncode({reinterpret_cast<const char*>(empty.data()), empty.size()}),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Digest, IsTheSameInOnePieceAndByteByByte) {
  const std::string message(1000, 'm');
  for (const DigestKind kind : kKinds) {
    Digest digest(kind);
    for (const char& c : message) digest.update({&c, 1});
    EXPECT_EQ(digest.finish().view(), digestOf(kind, message).view());
  }
}

TEST(Digest, CopiesAreIndependent) {
  for (const DigestKind kind : kKinds) {
    Digest first(kind);
    first.update("a");
    Digest second = first;
    first.update("b");
    second.update("c");
    EXPECT_EQ(first.finish().view(), digestOf(kind, "ab").view());
    EXPECT_EQ(second.finish().view(), digestOf(kind, "ac").view());
  }
}

TEST(Digest, NamesGoBothWaysAndUnknownOnesAreRefused) {
  for (const DigestKind kind : kKinds) {
    EXPECT_EQ(digestKindFromName(digestName(kind)), kind);
    EXPECT_EQ(digestOf(kind, "").size, digestSize(kind));
  }
  EXPECT_FALSE(digestKindFromName("SHA256"));
  EXPECT_FALSE(digestKindFromName(""));
}

}  // namespace
}  // namespace edgehold
