// SPDX-License-Identifier: Apache-2.0
// The laws of sealing.
// Thread: main only.
#include "proxy/crypto/aead.h"

#include <gtest/gtest.h>

#include "proxy/base/strings.h"
#include "tests/support/fake_random.h"

namespace edgehold {
namespace {

constexpr std::string_view kSecret = "a secret of more than thirty-two characters";

TEST(Aead, OpensWhatItSealed) {
  FakeRandom random;
  const AeadKey key(kSecret, "test");
  for (const std::size_t size : {0u, 1u, 15u, 16u, 17u, 1000u}) {
    const std::string text(size, 'x');
    const auto sealed = key.seal(text, "for you", random);
    ASSERT_TRUE(sealed.has_value());
    EXPECT_EQ(sealed->size(), size + kAeadOverheadBytes);
    const auto opened = key.open(*sealed, "for you");
    ASSERT_TRUE(opened.has_value()) << size;
    EXPECT_EQ(opened->reveal(), text);
  }
}

TEST(Aead, RefusesEveryChangedBitAndEveryCut) {
  FakeRandom random;
  const AeadKey key(kSecret, "test");
  const std::string sealed = *key.seal("a text", "for you", random);
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    std::string changed = sealed;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(key.open(changed, "for you").has_value()) << bit;
  }
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_FALSE(key.open(sealed.substr(0, size), "for you").has_value()) << size;
    EXPECT_FALSE(key.open(sealed.substr(sealed.size() - size), "for you").has_value()) << size;
  }
  EXPECT_FALSE(key.open(sealed + '\0', "for you").has_value());
}

TEST(Aead, OpensOnlyForWhatItWasBoundToAndByItsOwnKey) {
  FakeRandom random;
  const AeadKey key(kSecret, "test");
  const std::string sealed = *key.seal("a text", "for you", random);
  EXPECT_FALSE(key.open(sealed, "for yoU").has_value());
  EXPECT_FALSE(key.open(sealed, "").has_value());
  EXPECT_FALSE(AeadKey(kSecret, "tess").open(sealed, "for you").has_value());
  EXPECT_FALSE(
      AeadKey("another secret, as long as the first", "test").open(sealed, "for you").has_value());
  EXPECT_TRUE(AeadKey(kSecret, "test").open(sealed, "for you").has_value());
}

TEST(Aead, SealsTheSameTextDifferentlyEachTime) {
  FakeRandom random;
  const AeadKey key(kSecret, "test");
  EXPECT_NE(key.seal("a text", "", random), key.seal("a text", "", random));
}

TEST(Aead, TellsKeysApartByTheirIds) {
  const AeadKey key(kSecret, "test");
  EXPECT_EQ(key.id().size(), kAeadKeyIdBytes);
  EXPECT_EQ(key.id(), AeadKey(kSecret, "test").id());
  EXPECT_NE(key.id(), AeadKey(kSecret, "other").id());
}

TEST(Aead, HidesTheText) {
  FakeRandom random;
  const std::string sealed = *AeadKey(kSecret, "test").seal("find me here", "", random);
  EXPECT_EQ(sealed.find("find me"), std::string::npos);
}

}  // namespace
}  // namespace edgehold
