// SPDX-License-Identifier: Apache-2.0
// Laws of route lookup.
// Thread: any (immutable).
#include "proxy/policy/router.h"

#include <gtest/gtest.h>

namespace edgehold {
namespace {

struct RouteRow {
  std::string name;
  std::string path;
  bool is_prefix = true;
  std::vector<std::string> hosts;
};

class Routes {
 public:
  explicit Routes(const std::vector<RouteRow>& rows) : routes_(make(rows)), router_(routes_) {}
  std::string find(std::string_view authority, std::string_view path) const {
    const Route* const route = router_.match(authority, path);
    return route == nullptr ? "none" : route->name();
  }

 private:
  static std::vector<std::unique_ptr<const Route>> make(const std::vector<RouteRow>& rows) {
    std::vector<std::unique_ptr<const Route>> routes;
    for (const RouteRow& row : rows) {
      Route::Parts parts;
      parts.name = row.name;
      parts.match = {row.hosts, row.path, row.is_prefix};
      routes.push_back(std::make_unique<const Route>(std::move(parts)));
    }
    return routes;
  }
  std::vector<std::unique_ptr<const Route>> routes_;
  Router router_;
};

TEST(Router, MatchesPrefixesSegmentBySegment) {
  const Routes routes({{"hook", "/hook", true, {}}});
  EXPECT_EQ(routes.find("h", "/hook"), "hook");
  EXPECT_EQ(routes.find("h", "/hook/"), "hook");
  EXPECT_EQ(routes.find("h", "/hook/x/y"), "hook");
  EXPECT_EQ(routes.find("h", "/hooks"), "none");
  EXPECT_EQ(routes.find("h", "/hoo"), "none");
  EXPECT_EQ(routes.find("h", "/HOOK"), "none");
  EXPECT_EQ(routes.find("h", "/x/hook"), "none");
  EXPECT_EQ(routes.find("h", ""), "none");
}

TEST(Router, MatchesExactPathsOnlyThemselves) {
  const Routes routes({{"hook", "/hook", false, {}}});
  EXPECT_EQ(routes.find("h", "/hook"), "hook");
  EXPECT_EQ(routes.find("h", "/hook/"), "none");
  EXPECT_EQ(routes.find("h", "/hook/x"), "none");
}

TEST(Router, TakesTheRootForEverything) {
  const Routes routes({{"all", "/", true, {}}});
  EXPECT_EQ(routes.find("h", "/"), "all");
  EXPECT_EQ(routes.find("", "/a/b"), "all");
}

TEST(Router, MatchesBelowAPrefixThatEndsInASlash) {
  const Routes routes({{"below", "/hook/", true, {}}});
  EXPECT_EQ(routes.find("h", "/hook/"), "below");
  EXPECT_EQ(routes.find("h", "/hook/x"), "below");
  EXPECT_EQ(routes.find("h", "/hook"), "none");
}

TEST(Router, PrefersTheLongestPathWhateverTheOrder) {
  const Routes routes({{"root", "/", true, {}}, {"ab", "/a/b", true, {}}, {"a", "/a", true, {}}});
  EXPECT_EQ(routes.find("h", "/a/b/c"), "ab");
  EXPECT_EQ(routes.find("h", "/a/c"), "a");
  EXPECT_EQ(routes.find("h", "/c"), "root");
}

TEST(Router, TakesNoOtherSpellingOfARoutesPathForAWiderRoutes) {
  const Routes routes({{"hook", "/hook", false, {}},
                       {"admin", "/admin", true, {}},
                       {"named", "/named", false, {"a.example"}},
                       {"rest", "/", true, {}}});
  for (const std::string_view path :
       {"/hook/", "/Hook", "/HOOK/", "/Admin", "/ADMIN/", "/admIn/users"}) {
    EXPECT_EQ(routes.find("h", path), "none") << path;
  }
  for (const std::string_view path : {"/hook/x", "/hooks", "/Hook/x", "/Admins", "/x/Hook", "/"}) {
    EXPECT_EQ(routes.find("h", path), "rest") << path;
  }
  EXPECT_EQ(routes.find("a.example", "/Named"), "none");
  EXPECT_EQ(routes.find("b.example", "/Named"), "rest") << "of another host";
  EXPECT_EQ(routes.find("h", "/admin/Users"), "admin");
}

TEST(Router, TellsRoutesThatDifferInCaseOrAFinalSlash) {
  const Routes routes({{"upper", "/A", true, {}},
                       {"lower", "/a", true, {}},
                       {"b", "/b", false, {}},
                       {"below", "/b/", true, {}}});
  EXPECT_EQ(routes.find("h", "/A/x"), "upper");
  EXPECT_EQ(routes.find("h", "/a/x"), "lower");
  EXPECT_EQ(routes.find("h", "/b"), "b");
  EXPECT_EQ(routes.find("h", "/b/"), "below");
  EXPECT_EQ(routes.find("h", "/b/x"), "below");
}

TEST(Router, PrefersExactOverPrefixOfTheSamePath) {
  const Routes routes({{"prefix", "/a", true, {}}, {"exact", "/a", false, {}}});
  EXPECT_EQ(routes.find("h", "/a"), "exact");
  EXPECT_EQ(routes.find("h", "/a/b"), "prefix");
}

TEST(Router, PrefersExactHostThenLongestWildcardThenAny) {
  const Routes routes({{"any", "/", true, {}},
                       {"wide", "/", true, {"*.example.com"}},
                       {"narrow", "/", true, {"*.bots.example.com"}},
                       {"exact", "/", true, {"a.bots.example.com"}}});
  EXPECT_EQ(routes.find("a.bots.example.com", "/"), "exact");
  EXPECT_EQ(routes.find("b.bots.example.com", "/"), "narrow");
  EXPECT_EQ(routes.find("c.example.com", "/"), "wide");
  EXPECT_EQ(routes.find("example.com", "/"), "any");
  EXPECT_EQ(routes.find("xexample.com", "/"), "any");
  EXPECT_EQ(routes.find(".example.com", "/"), "any");
}

TEST(Router, PrefersTheHostOverALongerPathElsewhere) {
  const Routes routes({{"path", "/long/path", true, {}}, {"host", "/", true, {"a.example"}}});
  EXPECT_EQ(routes.find("a.example", "/long/path"), "host");
  EXPECT_EQ(routes.find("b.example", "/long/path"), "path");
}

TEST(Router, FallsBackToOtherHostsWhenNoPathOfTheHostMatches) {
  const Routes routes({{"host", "/a", true, {"a.example"}}, {"any", "/", true, {}}});
  EXPECT_EQ(routes.find("a.example", "/b"), "any");
}

TEST(Router, IgnoresPortCaseAndRootDotOfTheAuthority) {
  const Routes routes({{"name", "/", true, {"a.example"}}, {"six", "/", true, {"[2001:db8::1]"}}});
  EXPECT_EQ(routes.find("A.Example:8443", "/"), "name");
  EXPECT_EQ(routes.find("a.example.", "/"), "name");
  EXPECT_EQ(routes.find("a.example.:1", "/"), "name");
  EXPECT_EQ(routes.find("[2001:DB8::1]:8443", "/"), "six");
  EXPECT_EQ(routes.find("[2001:db8::1]", "/"), "six");
  EXPECT_EQ(routes.find("[2001:db8::1", "/"), "none");
  EXPECT_EQ(routes.find("[", "/"), "none");
  EXPECT_EQ(routes.find("", "/"), "none");
  EXPECT_EQ(routes.find(".", "/"), "none");
}

}  // namespace
}  // namespace edgehold
