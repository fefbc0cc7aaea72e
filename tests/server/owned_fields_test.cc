// SPDX-License-Identifier: Apache-2.0
// Which fields of a client never reach an upstream, however they are spelled.
#include "proxy/server/owned_fields.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

namespace edgehold {
namespace {

bool isOwned(const std::string& name) { return isOwnedField({name, "x", headerIdOf(name)}); }

std::string replaced(std::string name, char from, char to) {
  std::replace(name.begin(), name.end(), from, to);
  return name;
}

constexpr const char* kOwnedNames[] = {
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Anything",
    "X-Request-Id",
    "traceparent",
    "X-Edgehold-Sender",
    "X-OpenClaw-Scopes",
    "X-WX-OpenId",
    "X-Wx-Source",
    "X-Real-IP",
    "CF-Connecting-IP",
    "CF-Access-Jwt",
    "X-Forwarded",
    "Z-Forwarded-For",
    "X-HTTP-Method",
    "X-Method-Override",
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-Host",
    "X-User",
    "Remote-User",
    "X-Client-Cert",
    "X-Client-Cert-Any",
    "X-SSL-Client-CN",
    "X-WebAuth-User",
    "X-HTTP-Method-Override",
    "X-Goog-IAP-JWT-Any",
    "Tailscale-User-Any",
    "X-Client-IP",
    "Front-End-Https",
    "Client-Cert",
    "Client-Cert-Chain",
    "X-Consumer-Username",
    "X-ARR-ClientCert",
    "X-Envoy-Original-Host",
    "WL-Proxy-Client-IP",
    "CF-Connecting-IPv6",
    "Remote-Addr",
};

constexpr const char* kFreeNames[] = {"Accept",     "Cookie",      "X-Forwarde",   "X-Edgehold",
                                      "X-Real-IPs", "X-Real-I",    "X-Users",      "X-Use",
                                      "X-Hosting",  "Remote-Uses", "CF-Acces",     "Client-Cer",
                                      "A",          "Zz",          "Client-IPx",   "X-HTTP-Meth",
                                      "X-Custom",   "X-Signature", "X-Client-Cer", "X-1",
                                      "tracestate"};

TEST(OwnedFields, AreTakenFromClients) {
  for (const std::string name : kOwnedNames) EXPECT_TRUE(isOwned(name)) << name;
}

TEST(OwnedFields, AreTheSameInAnyCase) {
  for (std::string name : kOwnedNames) {
    std::transform(name.begin(), name.end(), name.begin(), ::toupper);
    EXPECT_TRUE(isOwned(name)) << name;
  }
}

// CGI variables make both the same name.
TEST(OwnedFields, AreTheSameWithUnderscores) {
  for (const std::string name : kOwnedNames) {
    EXPECT_TRUE(isOwned(replaced(name, '-', '_'))) << name;
  }
  EXPECT_TRUE(isOwned("X_Real-IP"));
  EXPECT_TRUE(isOwned("x.edgehold.principal"));
}

TEST(OwnedFields, OtherNamesAreTheClients) {
  for (const std::string name : kFreeNames) EXPECT_FALSE(isOwned(name)) << name;
}

TEST(OwnedFields, OfAnyLengthAreJudged) {
  EXPECT_TRUE(isOwned("X-Edgehold-" + std::string(5000, 'a')));
  EXPECT_FALSE(isOwned(std::string(5000, 'x')));
  EXPECT_FALSE(isOwned("X-Original-Forwarded-For" + std::string(100, 'r')));
}

TEST(OwnedFields, OnlyEdgeholdsOwnAreTakenFromUpstreams) {
  const auto is_owned = [](const std::string& name) {
    return isOwnedAnswerField({name, "x", headerIdOf(name)});
  };
  const auto in_upper_case = [](std::string name) {
    std::transform(name.begin(), name.end(), name.begin(), ::toupper);
    return name;
  };
  for (const std::string& name :
       {std::string("X-Edgehold-Principal"), std::string("x-edgehold-"),
        std::string("X-Request-Id"), "X-Edgehold-" + std::string(5000, 'a')}) {
    EXPECT_TRUE(is_owned(name)) << name;
    EXPECT_TRUE(is_owned(in_upper_case(name))) << name;
    EXPECT_TRUE(is_owned(replaced(name, '-', '_'))) << name;
    EXPECT_TRUE(is_owned(replaced(name, '-', '.'))) << name;
  }
  for (const char* const name :
       {"X-Edgehold", "X-Edgeholds-A", "X-Request-Ids", "X-Request-I", "X-User", "X-Forwarded-For",
        "X-OpenClaw-Version", "Server", "traceparent", "Y-Edgehold-A", ""}) {
    EXPECT_FALSE(is_owned(name)) << name;
  }
}

}  // namespace
}  // namespace edgehold
