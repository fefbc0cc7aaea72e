// SPDX-License-Identifier: Apache-2.0
// Secrets move, do not copy, do not print, and leave nothing behind.
// Thread: main only.
#include "proxy/crypto/secret.h"

#include <sstream>
#include <type_traits>

#include <gtest/gtest.h>

namespace edgehold {
namespace {

template <class T>
concept Streamable = requires(std::ostream& out, const T& value) {
  out << value;
};

static_assert(Streamable<std::string>);
static_assert(!Streamable<SecretString>);
static_assert(!std::is_copy_constructible_v<SecretString>);
static_assert(!std::is_copy_assignable_v<SecretString>);
static_assert(!std::is_convertible_v<SecretString, std::string_view>);

TEST(SecretString, TakesATextAndWipesIt) {
  std::string text = "short";  // inside the string object: moving it would leave a copy
  const char* const place = text.data();
  const SecretString secret = SecretString::take(std::move(text));
  EXPECT_EQ(secret.reveal(), "short");
  EXPECT_EQ(std::string_view(place, 5), std::string_view("\0\0\0\0\0", 5));
}

TEST(SecretString, MovesAndLeavesNothing) {
  SecretString first("secret");
  SecretString second(std::move(first));
  EXPECT_TRUE(first.empty());  // NOLINT: the moved-from state is the law
  EXPECT_EQ(second.reveal(), "secret");
  SecretString third("other");
  third = std::move(second);
  EXPECT_EQ(third.reveal(), "secret");
  EXPECT_EQ(third.clone().reveal(), "secret");
}

TEST(ConstantTimeEqual, ComparesLikeEquality) {
  EXPECT_TRUE(constantTimeEqual("", ""));
  EXPECT_TRUE(constantTimeEqual("abc", "abc"));
  EXPECT_FALSE(constantTimeEqual("abc", "abd"));
  EXPECT_FALSE(constantTimeEqual("abc", "xbc"));
  EXPECT_FALSE(constantTimeEqual("abc", "ab"));
  EXPECT_FALSE(constantTimeEqual("", "a"));
}

}  // namespace
}  // namespace edgehold
