// SPDX-License-Identifier: Apache-2.0
// Ed25519 against RFC 8032 7.1, and what is not canonical.
// Thread: main only.
#include "proxy/crypto/ed25519.h"

#include <string>

#include <gtest/gtest.h>

#include "proxy/base/strings.h"

namespace edgehold {
namespace {

struct Vector {
  std::string_view seed, public_key, message, signature;
};
constexpr Vector kVectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
     "46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d8c387b2eaeb4302aeeb00d291612bb0c00"},
};

std::string bytes(std::string_view hex) { return hexDecode(hex).value(); }

TEST(Ed25519, SignsAndVerifiesTheVectorsOfRfc8032) {
  for (const Vector& one : kVectors) {
    const auto key = Ed25519Key::fromSeed(bytes(one.seed));
    ASSERT_TRUE(key);
    const auto made = key->publicBytes();
    EXPECT_EQ(hexEncode({made.data(), made.size()}), one.public_key);
    const std::string message = bytes(one.message);
    const auto signature = key->sign(message);
    ASSERT_TRUE(signature);
    EXPECT_EQ(hexEncode({signature->data(), signature->size()}), one.signature);
    const auto public_key = Ed25519Key::fromPublic(bytes(one.public_key));
    ASSERT_TRUE(public_key);
    const ByteView pieces[] = {"", message};
    EXPECT_TRUE(public_key->verify(pieces, bytes(one.signature)));
    EXPECT_FALSE(public_key->sign(message));
  }
}

TEST(Ed25519, RefusesEveryChangedBit) {
  const auto key = Ed25519Key::fromPublic(bytes(kVectors[1].public_key)).value();
  const std::string message = bytes(kVectors[1].message);
  const ByteView pieces[] = {message};
  const std::string genuine = bytes(kVectors[1].signature);
  for (std::size_t bit = 0; bit < genuine.size() * 8; ++bit) {
    std::string changed = genuine;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(key.verify(pieces, changed)) << bit;
  }
  const ByteView longer[] = {message, "x"};
  EXPECT_FALSE(key.verify(longer, genuine));
}

// S + L is another spelling of S, which some libraries take (RFC 8032 5.1.7 refuses it).
TEST(Ed25519, RefusesASignatureWhoseScalarIsNotReduced) {
  const std::string order =
      bytes("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  std::string signature = bytes(kVectors[1].signature);
  unsigned carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    const unsigned sum = static_cast<unsigned char>(signature[32 + i]) +
                         static_cast<unsigned>(static_cast<unsigned char>(order[i])) + carry;
    signature[32 + i] = static_cast<char>(sum);
    carry = sum >> 8;
  }
  const auto key = Ed25519Key::fromPublic(bytes(kVectors[1].public_key)).value();
  const std::string message = bytes(kVectors[1].message);
  const ByteView pieces[] = {message};
  EXPECT_FALSE(key.verify(pieces, signature));
}

TEST(Ed25519, TakesKeysAndSignaturesOfTheirOneSize) {
  EXPECT_FALSE(Ed25519Key::fromPublic(std::string(31, 'a')));
  EXPECT_FALSE(Ed25519Key::fromPublic(std::string(33, 'a')));
  EXPECT_FALSE(Ed25519Key::fromSeed(""));
  const auto key = Ed25519Key::fromSeed(std::string(32, 'a')).value();
  const ByteView pieces[] = {"m"};
  EXPECT_FALSE(key.verify(pieces, std::string(63, 'a')));
  EXPECT_FALSE(key.verify(pieces, std::string(65, 'a')));
}

}  // namespace
}  // namespace edgehold
