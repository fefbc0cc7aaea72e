// SPDX-License-Identifier: Apache-2.0
// SipHash against the vectors of its reference implementation (key and message 00, 01, 02 ...).
// Thread: main only.
#include "proxy/base/siphash.h"

#include <string>

#include <gtest/gtest.h>

#include "proxy/base/strings.h"

namespace edgehold {
namespace {

constexpr SipKey kKey{0x0706050403020100u, 0x0f0e0d0c0b0a0908u};

template <class T>
std::string hexOf(const T& value) {
  return hexEncode({reinterpret_cast<const char*>(&value), sizeof value});
}

TEST(SipHash, GivesTheReferenceVectors) {
  const struct {
    std::size_t bytes;
    std::string_view hash64, hash128;
  } cases[] = {{0, "310e0edd47db6f72", "a3817f04ba25a8e66df67214c7550293"},
               {1, "fd67dc93c539f874", "da87c1d86b99af44347659119b22fc45"},
               {7, "37d1018bf50002ab", "a1f1ebbed8dbc153c0b84aa61ff08239"},
               {8, "6224939a79f5f593", "3b62a9ba6258f5610f83e264f31497b4"},
               {9, "b0e4a90bdf82009e", "264499060ad9baabc47f8b02bb6d71ed"},
               {15, "e545be4961ca29a1", "5493e99933b0a8117e08ec0f97cfc3d9"},
               {16, "db9bc2577fcc2a3f", "6ee2a4ca67b054bbfd3315bf85230577"},
               {63, "724506eb4c328a95", "5150d1772f50834a503e069a973fbd7c"}};
  for (const auto& expected : cases) {
    std::string message;
    for (std::size_t i = 0; i < expected.bytes; ++i) message += static_cast<char>(i);
    EXPECT_EQ(hexOf(sipHash64(kKey, message)), expected.hash64) << expected.bytes;
    EXPECT_EQ(hexOf(sipHash128(kKey, message)), expected.hash128) << expected.bytes;
  }
}

TEST(SipHash, DependsOnTheKey) { EXPECT_NE(sipHash64(kKey, "a"), sipHash64(SipKey{1, 2}, "a")); }

}  // namespace
}  // namespace edgehold
