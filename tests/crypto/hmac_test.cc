// SPDX-License-Identifier: Apache-2.0
// HMAC against RFC 4231 and RFC 2202, and from several threads at once.
// Thread: main only.
#include "proxy/crypto/hmac.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/base/strings.h"

namespace edgehold {
namespace {

std::string signHex(DigestKind kind, std::string_view key, std::string_view message) {
  return hexEncode(HmacKey(kind, key).sign(message).view());
}

TEST(Hmac, GivesTheMacsOfRfc4231) {
  const std::string_view jefe = "what do ya want for nothing?";
  EXPECT_EQ(signHex(DigestKind::kSha256, "Jefe", jefe),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(signHex(DigestKind::kSha384, "Jefe", jefe),
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
            "8e2240ca5e69e2c78b3239ecfab21649");
  EXPECT_EQ(signHex(DigestKind::kSha512, "Jefe", jefe),
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
            "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
  EXPECT_EQ(signHex(DigestKind::kSha1, "Jefe", jefe), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
  EXPECT_EQ(signHex(DigestKind::kMd5, "Jefe", jefe), "750c783e6ab0b503eaa86e310a5db738");
}

// RFC 4231 4.7: a key longer than a block is digested first.
TEST(Hmac, DigestsAKeyLongerThanABlock) {
  const std::string key(131, '\xAA');
  const std::string_view message = "Test Using Larger Than Block-Size Key - Hash Key First";
  EXPECT_EQ(signHex(DigestKind::kSha256, key, message),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(signHex(DigestKind::kSha512, key, message),
            "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
            "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598");
}

TEST(Hmac, TakesKeysAroundTheBlockSize) {
  for (const std::size_t size : {0u, 63u, 64u, 65u, 128u, 129u}) {
    const std::string key(size, 'k');
    const std::string digested(digestOf(DigestKind::kSha256, key).view());
    const bool is_same =
        signHex(DigestKind::kSha256, key, "m") == signHex(DigestKind::kSha256, digested, "m");
    EXPECT_EQ(is_same, size > 64) << size;
  }
}

TEST(Hmac, SignsPiecesAsOneMessage) {
  const HmacKey key(DigestKind::kSha256, "secret");
  const ByteView pieces[] = {"1700000000", "", ".", "body"};
  EXPECT_EQ(key.sign(pieces).view(), key.sign("1700000000.body").view());
}

TEST(Hmac, VerifiesOnlyTheWholeMac) {
  const HmacKey key(DigestKind::kSha256, "secret");
  const ByteView pieces[] = {"message"};
  const DigestBytes mac = key.sign(pieces);
  EXPECT_TRUE(key.verify(pieces, mac.view()));
  EXPECT_FALSE(key.verify(pieces, mac.view().substr(0, 31)));
  EXPECT_FALSE(key.verify(pieces, ""));
  EXPECT_FALSE(key.verify(pieces, std::string(mac.view()) + '\0'));
  for (std::size_t bit = 0; bit < 256; ++bit) {
    DigestBytes wrong = mac;
    wrong.bytes[bit / 8] = static_cast<char>(wrong.bytes[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(key.verify(pieces, wrong.view()));
  }
}

TEST(Hmac, SignsTheSameAfterAMove) {
  HmacKey first(DigestKind::kSha256, "secret");
  const DigestBytes before = first.sign("m");
  const HmacKey second(std::move(first));
  EXPECT_EQ(second.sign("m").view(), before.view());
}

TEST(Hmac, ServesSeveralThreadsAtOnce) {
  const HmacKey key(DigestKind::kSha256, "secret");
  const DigestBytes expected = key.sign("message");
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 2000; ++n) wrong += key.sign("message").view() != expected.view();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace edgehold
