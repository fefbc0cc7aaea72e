// SPDX-License-Identifier: Apache-2.0
// The laws of host_guard.
// Thread: main only.
#include <gtest/gtest.h>

#include "tests/support/exchange_fixture.h"

namespace edgehold {
namespace {

class HostGuardTest : public ::testing::Test {
 protected:
  Reason host(std::string_view host) { return f.send({.host = std::string(host)})->reason(); }
  Reason origin(std::string_view origin) {
    return f.send({.headers = {{"Origin", std::string(origin)}}, .host = "api.example.org"})
        ->reason();
  }
  ExchangeFixture f;
};

TEST_F(HostGuardTest, ServesItsHostsInAnyCaseAndWithAnyPort) {
  f.add("host_guard", "{hosts: [api.example.org, *.bots.example.org]}");
  for (const std::string_view name : {"api.example.org", "API.Example.ORG", "api.example.org:8443",
                                      "a.bots.example.org", "a.b.bots.example.org"}) {
    EXPECT_EQ(host(name), Reason::kAllowed) << name;
  }
}

TEST_F(HostGuardTest, RefusesEveryOtherHost) {
  f.add("host_guard", "{hosts: [api.example.org, *.bots.example.org]}");
  for (const std::string_view name :
       {"", "example.org", "evil-api.example.org", "api.example.org.evil.net", "bots.example.org",
        ".bots.example.org", "abots.example.org", "api.example.org.", "api.example.org:80x",
        "api.example.org:123456", "127.0.0.1", "[::1]", "[::1"}) {
    EXPECT_EQ(host(name), Reason::kHostRejected) << name;
  }
}

TEST_F(HostGuardTest, ServesAnAddressThatIsListed) {
  f.add("host_guard", "{hosts: [\"[::1]\", 127.0.0.1]}");
  EXPECT_EQ(host("[::1]:8443"), Reason::kAllowed);
  EXPECT_EQ(host("127.0.0.1"), Reason::kAllowed);
  EXPECT_EQ(host("[::2]"), Reason::kHostRejected);
}

TEST_F(HostGuardTest, ChecksTheOriginOnlyWhenItIsSent) {
  f.add("host_guard", "{origins: [\"https://app.example.org\"]}");
  EXPECT_EQ(f.send()->reason(), Reason::kAllowed);
  EXPECT_EQ(origin("https://app.example.org"), Reason::kAllowed);
  EXPECT_EQ(origin("HTTPS://APP.example.org"), Reason::kAllowed);
}

TEST_F(HostGuardTest, RefusesEveryOtherOrigin) {
  f.add("host_guard", "{origins: [\"https://app.example.org\", \"https://*.ok.example\"]}");
  EXPECT_EQ(origin("https://a.ok.example"), Reason::kAllowed);
  for (const std::string_view text :
       {"http://app.example.org", "https://app.example.org:444", "https://evil.net", "null", "",
        "https://app.example.org.evil.net", "https://ok.example", "app.example.org",
        "https://app.example.org/"}) {
    EXPECT_EQ(origin(text), Reason::kOriginRejected) << text;
  }
}

TEST_F(HostGuardTest, TakesThePortAsPartOfTheOrigin) {
  f.add("host_guard", "{origins: [\"http://localhost:3000\"]}");
  EXPECT_EQ(origin("http://localhost:3000"), Reason::kAllowed);
  EXPECT_EQ(origin("http://localhost"), Reason::kOriginRejected);
}

TEST_F(HostGuardTest, TakesNullOnlyWhenItIsListed) {
  f.add("host_guard", "{origins: [\"null\"]}");
  EXPECT_EQ(origin("null"), Reason::kAllowed);
}

TEST_F(HostGuardTest, RefusesEveryOriginWhenTheListIsEmpty) {
  f.add("host_guard", "{origins: []}");
  EXPECT_EQ(origin("https://app.example.org"), Reason::kOriginRejected);
}

TEST_F(HostGuardTest, RefusesWhenOneOfSeveralOriginsIsNotOurs) {
  f.add("host_guard", "{origins: [\"https://a.example\"]}");
  EXPECT_EQ(f.send({.headers = {{"Origin", "https://a.example"}, {"origin", "https://b.example"}}})
                ->reason(),
            Reason::kOriginRejected);
}

TEST_F(HostGuardTest, RefusesMistakesInItsConfiguration) {
  for (const std::string_view config :
       {"{}", "{hosts: []}", "{hosts: [\"api.example.org:80\"]}", "{hosts: [\"*\"]}",
        "{hosts: [\"a.*.org\"]}", "{hosts: [api.example.org.]}", "{origins: [app.example.org]}",
        "{hosts: [\"*.\"]}"}) {
    f.add("host_guard", config);
    EXPECT_FALSE(f.mistakes.empty()) << config;
  }
}

}  // namespace
}  // namespace edgehold
