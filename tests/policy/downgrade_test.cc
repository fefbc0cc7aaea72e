// SPDX-License-Identifier: Apache-2.0
// What counts as weaker, and what does not. Each row is a change of one document, both ways: what
// is weaker in one direction is not in the other. Thread: main only.
#include "proxy/policy/downgrade.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/limits.h"
#include "tests/policy/policy_fakes.h"

namespace edgehold {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DowngradeTest : public ::testing::Test {
 protected:
  std::shared_ptr<const PolicySnapshot> load(const std::string& text) {
    const LoadResult result =
        loadPolicyText(text, folder_.at("e.yaml"), {fakes_.registry(), clock_, nullptr});
    EXPECT_THAT(result.errors, IsEmpty()) << text;
    return result.snapshot;
  }
  std::vector<std::string> weaker(const std::string& was, const std::string& is) {
    const auto running = load(was);
    const auto next = load(is);
    if (running == nullptr || next == nullptr) return {"does not load"};
    return findWeaker(*running, *next);
  }
  // A whole document around one route with these filters (flow style), and further lines.
  static std::string document(const std::string& filters, const std::string& more = {}) {
    return "listen: {address: \"127.0.0.1:0\", clear_text: true}\n"
           "upstreams: {agent: {url: \"http://127.0.0.1:18789\"}}\n"
           "routes: [{name: hook, match: {path: /hook}, upstream: agent, filters: [" +
           filters + "]}]\n" + more;
  }

  TempFolder folder_;
  FakeClock clock_;
  FakeRegistry fakes_{FakeRegistry::Keys::kAny};
};

struct FilterRow {
  const char* was;
  const char* is;
  const char* told;
};

TEST_F(DowngradeTest, AFilterThatIsLostOrRefusesLessIsWeaker) {
  const std::vector<FilterRow> rows = {
      {"dedupe", "", "routes[0].filters[0].dedupe: requests are no longer checked by `dedupe`"},
      {"channel", "channel: {mode: shadow}", "`channel` only watches now (`mode: shadow`)"},
      {"channel", "channel: {mode: off}", "no longer checked by `channel`"},
      {"channel: {dialect: qq}", "channel: {dialect: hmac}", "no longer verifies by `qq`"},
      {"channel: {dialect: wechat, encryption: safe}",
       "channel: {dialect: wechat, encryption: plain}", "no longer verifies by `wechat safe`"},
      {"channel: {dialect: qq}", "channel: {dialect: qq, unknown_events: pass}",
       "no longer refuses `unknown events`"},
      {"channel: {dialect: qq}", "channel: {dialect: qq, setup_until: 2100-01-01}",
       "no longer refuses `unsigned set-up requests`"},
      {"channel: {dialect: qq}", "channel: {dialect: qq, failures_per_minute: 0}",
       "no longer refuses `guessing`"},
      {"replay_window", "replay_window: {on_error: allow}", "(`on_error: allow`)"},
      {"approval_hold: {actions: [a, b]}", "approval_hold: {actions: [a]}", "no longer holds `b`"},
      {"approval_hold: {actions: a}", "approval_hold", "no longer holds `a`"},
      {"ip_access: {allow: [10.0.0.0/8]}", "ip_access: {allow: [10.0.0.0/7]}",
       ".allow: lets in more networks"},
      {"ip_access: {allow: [10.0.0.0/8]}", "ip_access: {deny: [10.0.0.0/8]}", "`allow` is gone"},
      {"ip_access: {deny: [10.0.0.0/8]}", "ip_access: {deny: [10.0.0.0/9]}",
       ".deny: keeps out fewer networks"},
      {"host_guard: {hosts: [a], origins: [b]}", "host_guard: {hosts: [a]}", "`origins` is gone"},
      {"method_path: {methods: [GET], paths: [/a]}", "method_path: {paths: [/a]}",
       "`methods` is gone"},
      {"action_class: {deny: [drop]}", "action_class", "no longer denies `drop`"},
      {"rate_limit: {limits: [{key: group, rate: 1/1s}, {key: sender, rate: 1/1s}]}",
       "rate_limit: {limits: [{key: group, rate: 1/1s}]}", "no longer limits `sender`"},
      {"rate_limit: {limits: [{key: [group, sender], rate: 1/1s}]}",
       "rate_limit: {limits: [{key: [group, sender], rate: 1/1s, count_only: true}]}",
       "no longer limits `group+sender`"},
      {"dedupe: {required: true}", "dedupe: {required: false}", "no longer requires an id"},
      {"rate_limit: {name: one}, rate_limit: {name: two}", "rate_limit: {name: two}",
       "no longer checked by `one`"},
      {"action_class: {rows: [{action: a}, {action: b}]}, approval_hold: {actions: [a]}",
       "action_class: {rows: [{action: b}]}, approval_hold: {actions: [a]}",
       "holds `a`, but `action_class` no longer names any so"},
  };
  for (const FilterRow& row : rows) {
    const auto braced = [](const char* filters) {
      std::string text = filters;  // `a: {..}, b` in a flow list: single-pair maps need no braces
      return document(text);
    };
    EXPECT_THAT(weaker(braced(row.was), braced(row.is)), ElementsAre(HasSubstr(row.told)))
        << row.was << " -> " << row.is;
    EXPECT_THAT(weaker(braced(row.is), braced(row.is)), IsEmpty()) << row.is;
  }
}

TEST_F(DowngradeTest, WhatGrowsStricterOrIsTunedIsNotWeaker) {
  const std::vector<std::pair<std::string, std::string>> pairs = {
      {"", "dedupe"},
      {"channel: {mode: shadow}", ""},
      {"channel: {mode: shadow}", "channel"},
      {"replay_window: {on_error: allow}", "replay_window"},
      {"approval_hold: {actions: [a]}", "approval_hold: {actions: [b, a]}"},
      {"approval_hold: {ttl: 1h}", "approval_hold: {ttl: 2h}"},
      {"ip_access: {allow: [10.0.0.0/8, 192.0.2.0/24]}", "ip_access: {allow: [10.1.0.0/16]}"},
      {"ip_access: {allow: [10.0.0.0/8, 10.1.0.0/16]}", "ip_access: {allow: [10.0.0.0/8]}"},
      {"ip_access: {deny: [10.0.0.0/8]}", "ip_access: {deny: [10.0.0.0/8, 192.0.2.0/24]}"},
      {"payload_cap: {max: 1KiB}", "payload_cap: {max: 1MiB}"},
      {"rate_limit: {limits: [{key: group, rate: 1/1s}]}",
       "rate_limit: {limits: [{key: group, rate: 9/1s}]}"},
      {"rate_limit: {name: one}", "rate_limit: {name: another}"},
      {"event_types: {known: [a]}", "event_types: {known: [a, b]}"},
      {"action_class: {rows: [{action: a}]}", "action_class: {rows: [{action: b}]}"},
  };
  for (const auto& [was, is] : pairs) {
    EXPECT_THAT(weaker(document(was), document(is)), IsEmpty()) << was << " -> " << is;
  }
}

TEST_F(DowngradeTest, AWebSocketThatIsLookedIntoLessIsWeaker) {
  const auto with = [](const std::string& websocket) {
    return "listen: {address: \"127.0.0.1:0\", clear_text: true}\n"
           "upstreams: {agent: {url: \"http://127.0.0.1:18789\"}}\n"
           "routes: [{name: ws, upstream: agent" +
           websocket + "}]\n";
  };
  const std::string claw = ", websocket: {inspect: true, protocol: openclaw}";
  const FilterRow rows[] = {
      {"", ", websocket: {}", "nobody looks into"},
      {", websocket: {inspect: true}", ", websocket: {}", "no longer inspected"},
      {", websocket: {inspect: true, binary: refuse}", ", websocket: {inspect: true}", "binary"},
      {claw.c_str(), ", websocket: {inspect: true, binary: refuse}", "need no longer be"},
  };
  for (const FilterRow& row : rows) {
    const auto told = weaker(with(row.was), with(row.is));
    EXPECT_THAT(told, ::testing::Contains(HasSubstr(row.told))) << row.is;
    EXPECT_THAT(weaker(with(row.is), with(row.is)), IsEmpty()) << row.is;
  }
  EXPECT_THAT(weaker(with(""), with(claw)), IsEmpty());
  EXPECT_THAT(weaker(with(claw), with("")), IsEmpty());
}

struct LineRow {
  const char* was;
  const char* is;
  const char* told;
};

TEST_F(DowngradeTest, LinesOfTheProcessThatGrowWeakerAreNamed) {
  const std::vector<LineRow> rows = {
      {"security: {network: {deny_public_admin: true}}",
       "security: {network: {deny_public_admin: false}}",
       "security.network.deny_public_admin: was true and is false"},
      {"", "security: {network: {deny_public_admin: false}}", "deny_public_admin"},
      {"", "admin: {address: \"127.0.0.1:9901\"}", "admin.address: opens `127.0.0.1:9901`"},
      {"security: {actions: {require_approval_for: [a, b]}}",
       "security: {actions: {require_approval_for: [a]}}",
       "security.actions.require_approval_for: no longer holds `b`"},
      {"security: {actions: {rate_limit_per_minute: 5}}", "",
       "security.actions.rate_limit_per_minute: requests are no longer checked"},
      {"security: {network: {allowlist_ips: [10.0.0.0/8]}}", "",
       "security.network.allowlist_ips: requests are no longer checked"},
      {"security: {network: {allowlist_ips: [10.0.0.0/8]}}",
       "security: {network: {allowlist_ips: [10.0.0.0/8, 192.0.2.0/24]}}", "more networks"},
      {"security: {audit: {retention_days: 30}}", "security: {audit: {retention_days: 7}}",
       "security.audit.retention_days: records are kept 7 days, they were kept 30"},
      {"security: {audit: {retention_days: 0}}", "security: {audit: {retention_days: 7}}",
       "kept for good"},
      {"", "security: {audit: {fields: [who, what, when, request_id]}}",
       "security.audit.fields: no longer has `why`"},
      {"audit: {durability: disk}", "audit: {durability: kernel}", "audit.durability: was `disk`"},
      {"trusted_proxies: [10.0.0.0/8]", "trusted_proxies: [10.0.0.0/8, 192.0.2.1]",
       "trusted_proxies: believes more"},
  };
  for (const LineRow& row : rows) {
    EXPECT_THAT(weaker(document("", row.was), document("", row.is)),
                ElementsAre(HasSubstr(row.told)))
        << row.was << " -> " << row.is;
  }
  for (const LineRow& row : rows) {
    EXPECT_THAT(weaker(document("", row.is), document("", row.was)), IsEmpty())
        << row.is << " -> " << row.was;
  }
}

TEST_F(DowngradeTest, AnAdminAddressThatOthersReachIsWeaker) {
  const std::string open = "security: {network: {deny_public_admin: false}}\n";
  EXPECT_THAT(weaker(document("", open + "admin: {address: \"127.0.0.1:9901\"}\n"),
                     document("", open + "admin: {address: \"0.0.0.0:9901\"}\n")),
              ElementsAre(HasSubstr("`0.0.0.0:9901` can be reached from other machines")));
}

TEST_F(DowngradeTest, AListenerThatBelievesMoreProxiesIsWeaker) {
  const auto with = [](const std::string& proxies) {
    return "listen: {address: \"127.0.0.1:0\", clear_text: true" + proxies +
           "}\nupstreams: {agent: {url: \"http://127.0.0.1:1\"}}\n"
           "routes: [{name: hook, upstream: agent}]\n";
  };
  const std::string one = with(", proxy_protocol: {from: [10.0.0.0/8]}");
  const std::string two = with(", proxy_protocol: {from: [10.0.0.0/8, 192.0.2.1]}");
  EXPECT_THAT(weaker(one, two), ElementsAre(HasSubstr("listen[0].proxy_protocol: believes more")));
  EXPECT_THAT(weaker(with(""), one), ElementsAre(HasSubstr("listen[0].proxy_protocol")));
  EXPECT_THAT(weaker(two, one), IsEmpty());
  EXPECT_THAT(weaker(one, with("")), IsEmpty());
}

TEST_F(DowngradeTest, AListenerThatDemandsLessOfClientsIsWeaker) {
  folder_.write("pem", "x");
  const auto with = [](const std::string& tls) {
    return "listen: {address: \"127.0.0.1:0\", tls: {certificate: pem, key: pem" + tls +
           "}}\nupstreams: {agent: {url: \"http://127.0.0.1:1\"}}\n"
           "routes: [{name: hook, upstream: agent}]\n";
  };
  const std::string required = with(", client_ca: pem");
  const std::string optional = with(", client_ca: pem, client_certificate: optional");
  const auto told = ElementsAre(HasSubstr("listen[0].tls.client_certificate: demands less"));
  EXPECT_THAT(weaker(required, optional), told);
  EXPECT_THAT(weaker(required, with("")), told);
  EXPECT_THAT(weaker(optional, with("")), told);
  EXPECT_THAT(weaker(with(""), required), IsEmpty());
}

TEST_F(DowngradeTest, UpstreamsThatLoseTheirProofAreWeaker) {
  folder_.write("ca.pem", "x");
  const auto with = [](const std::string& upstream) {
    return "listen: {address: \"127.0.0.1:0\", clear_text: true}\n"
           "upstreams: {agent: {" +
           upstream + "}}\nroutes: [{name: hook, upstream: agent}]\n";
  };
  const std::string verified = with("url: \"https://a\"");
  EXPECT_THAT(weaker(verified, with("url: \"http://a\"")),
              ElementsAre(HasSubstr("upstreams.agent: was `https` and is `http`")));
  EXPECT_THAT(weaker(verified, with("url: \"https://a\", tls: {insecure_skip_verify: true}")),
              ElementsAre(HasSubstr("upstreams.agent.tls.insecure_skip_verify")));
  EXPECT_THAT(weaker(with("url: \"https://a\", tls: {ca: ca.pem}"), verified),
              ElementsAre(HasSubstr("upstreams.agent.tls.ca")));
  EXPECT_THAT(weaker(with("url: \"http://a\""), verified), IsEmpty());
}

TEST_F(DowngradeTest, ARouteThatTakesAnothersRequestsIsComparedWithIt) {
  const auto with = [](const std::string& routes) {
    return "listen: {address: \"127.0.0.1:0\", clear_text: true}\n"
           "upstreams: {agent: {url: \"http://127.0.0.1:18789\"}}\nroutes: [" +
           routes + "]\n";
  };
  const std::string guarded =
      "{name: hook, match: {path: /hook}, upstream: agent, filters: [dedupe]}";
  const std::string open = "{name: open, match: {path: /}, upstream: agent}";
  const std::string hole = "{name: hole, match: {path: /hook/x}, upstream: agent}";
  const std::string host =
      "{name: host, match: {path: /hook, hosts: [a.example]}, upstream: agent}";
  // Removed, so that its requests fall to one that checks less.
  EXPECT_THAT(weaker(with(guarded + ", " + open), with(open)),
              ElementsAre(HasSubstr("no longer checked by `dedupe` (route `open`)")));
  // A hole in it, by path or by host.
  EXPECT_THAT(weaker(with(guarded), with(guarded + ", " + hole)),
              ElementsAre(HasSubstr("(route `hole`)")));
  EXPECT_THAT(weaker(with(guarded), with(guarded + ", " + host)),
              ElementsAre(HasSubstr("(route `host`)")));
  // Renamed, removed without heir, or a new one beside it: not weaker.
  const std::string renamed =
      "{name: other, match: {path: /hook}, upstream: agent, filters: [dedupe]}";
  EXPECT_THAT(weaker(with(guarded), with(renamed)), IsEmpty());
  EXPECT_THAT(weaker(with(guarded + ", " + hole), with(hole)), IsEmpty());
  EXPECT_THAT(weaker(with(guarded), with(guarded + ", " + open)), IsEmpty());
}

TEST_F(DowngradeTest, ARuleFileOrACatalogueRowThatIsGoneIsWeaker) {
  folder_.write("rules/a.lua", "1");
  folder_.write("rules/b.lua", "1");
  folder_.write("rules/b_test.lua", "1");
  folder_.write("actions.yaml", "rows: [{action: mass_send}, {action: read}]\n");
  const std::string text = document(
      "lua_rules: {directory: rules}, action_class: {catalogue: actions.yaml}, "
      "approval_hold: {actions: [mass_send]}");
  const auto running = load(text);
  std::filesystem::remove(folder_.at("rules/b.lua"));
  std::filesystem::remove(folder_.at("rules/b_test.lua"));
  folder_.write("actions.yaml", "rows: [{action: read}]\n");
  EXPECT_THAT(findWeaker(*running, *load(text)),
              ElementsAre(HasSubstr("lua_rules: no longer asks `b.lua` (route `hook`)"),
                          HasSubstr("action_class` no longer names any")));
}

TEST_F(DowngradeTest, TellsABoundedNumberOfSentences) {
  const auto with = [](std::size_t routes, const std::string& filter) {
    std::string text =
        "listen: {address: \"127.0.0.1:0\", clear_text: true}\n"
        "upstreams: {agent: {url: \"http://127.0.0.1:18789\"}}\nroutes:\n";
    for (std::size_t i = 0; i < routes; ++i) {
      const std::string n = std::to_string(i);
      text += "- {name: r" + n + ", match: {path: /" + n + "}, upstream: agent, filters: [" +
              filter + "]}\n";
    }
    return text;
  };
  const std::size_t most = limits::kPolicyWeakerMax;
  EXPECT_EQ(weaker(with(most, "dedupe"), with(most, "")).size(), most);
  const auto told = weaker(with(most + 1, "dedupe"), with(most + 1, ""));
  ASSERT_EQ(told.size(), most + 1);
  EXPECT_EQ(told.back(), "and 1 more");
}

}  // namespace
}  // namespace edgehold
