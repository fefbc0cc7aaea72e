// SPDX-License-Identifier: Apache-2.0
// Laws of the whole document: what a configuration becomes, and what every mistake says.
// Thread: main only.
#include "proxy/policy/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "proxy/policy/policy_files.h"
#include "tests/policy/policy_fakes.h"

namespace edgehold {
namespace {

using std::chrono_literals::operator""s;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::string_view kHead =
    "listen: {address: \"127.0.0.1:0\", clear_text: true}\n"
    "upstreams: {agent: {url: \"http://127.0.0.1:18789\"}}\n";
constexpr std::string_view kRoute = "routes: [{name: all, upstream: agent}]\n";

// The operator's own words (the design's block, to the letter).
constexpr std::string_view kSecurity = R"(security:
  secrets:
    store: "kms_or_vault"          # avoid hardcoding in configs
    rotate_days: 30
  network:
    allowlist_ips: ["203.0.113.0/24"]
    deny_public_admin: true
  actions:
    require_approval_for: ["mass_send", "bulk_delete", "permission_change"]
    rate_limit_per_minute: 120
  audit:
    retention_days: 30
    fields: ["who", "what", "when", "why", "request_id"]
)";

class LoaderTest : public ::testing::Test {
 protected:
  LoadResult load(const std::string& text) {
    LoadResult result = loadPolicyText(text, folder_.at("e.yaml"), tools());
    // Short messages: every one starts with the folder of this run.
    for (std::string& error : result.errors) {
      if (error.starts_with(folder_.path() + "/")) error.erase(0, folder_.path().size() + 1);
    }
    EXPECT_EQ(result.snapshot == nullptr, !result.errors.empty());
    return result;
  }
  // A document whose errors are wanted: whole but for `text`.
  std::vector<std::string> errorsOf(const std::string& text) { return load(text).errors; }
  LoadResult loadRoute(const std::string& route) {
    return load(std::string(kHead) + "routes:\n- name: r\n  upstream: agent\n" + route);
  }
  LoadTools tools() { return {fakes_.registry(), clock_, nullptr}; }

  static std::vector<std::string> namesOf(const Route& route) {
    std::vector<std::string> names;
    for (const ChainEntry& entry : route.chain().entries()) names.push_back(entry.name);
    return names;
  }

  TempFolder folder_;
  FakeClock clock_;
  FakeRegistry fakes_;
};

TEST_F(LoaderTest, ReadsWhatARouteSaysOfWebSockets) {
  EXPECT_FALSE(loadRoute("").snapshot->routes()[0]->websocket().has_value());
  const auto blind = loadRoute("  websocket: {idle_timeout: 90s}\n").snapshot;
  EXPECT_FALSE(blind->routes()[0]->websocket()->is_inspected);
  EXPECT_EQ(blind->routes()[0]->websocket()->idle_timeout, 90s);
  const auto claw = loadRoute("  websocket: {inspect: true, protocol: openclaw}\n").snapshot;
  const WebSocketSpec& spec = *claw->routes()[0]->websocket();
  EXPECT_FALSE(spec.allows_binary);
  EXPECT_EQ(spec.first_message_bytes_max, limits::kWebSocketMessageBytesFirst);
  EXPECT_EQ(spec.message_bytes_max, limits::kWebSocketMessageBytesDefault);
  EXPECT_GT(WebSocketSpec().idle_timeout, 35s) << "agents tick every 30 s";
}

TEST_F(LoaderTest, TellsWhatIsWrongWithAWebSocket) {
  const std::pair<const char*, const char*> rows[] = {
      {"{binary: refuse}", "websocket.binary: needs `inspect: true`"},
      {"{inspect: true, protocol: slack}", "`openclaw`"},
      {"{inspect: true, message_bytes: 65MiB}", "message_bytes"},
      {"{inspect: true, protocol: openclaw, message_bytes: 26MiB}", "reads JSON: at most `25MiB`"},
      {"{inspect: true, message_bytes: 0B}", "websocket.message_bytes: must be at least `1B`"},
      {"{inspect: true, message_bytes: 1KiB, message_bytes_unauthenticated: 1025B}",
       "websocket.message_bytes_unauthenticated: is more than `message_bytes`, `1KiB`"},
      {"", "websocket: says nothing: write `{inspect: true}`"},
      {"~", "websocket: says nothing: write `{inspect: true}`"},
      {"{idle_timeout: 0s}", "must be longer than zero"},
      {"{inspected: true}", "unknown key `inspected`"},
  };
  for (const auto& [websocket, told] : rows) {
    EXPECT_THAT(loadRoute("  websocket: " + std::string(websocket) + "\n").errors,
                ElementsAre(HasSubstr(told)))
        << websocket;
  }
}

TEST_F(LoaderTest, TakesBoundsOfMessagesAtTheirBorders) {
  for (const char* const bounds :
       {"message_bytes: 1B", "message_bytes: 1KiB, message_bytes_unauthenticated: 1KiB",
        "message_bytes: 1KiB, message_bytes_unauthenticated: 0B",
        "protocol: openclaw, message_bytes: 1KiB"}) {
    const auto result = loadRoute("  websocket: {inspect: true, " + std::string(bounds) + "}\n");
    EXPECT_THAT(result.errors, IsEmpty()) << bounds;
  }
}

TEST_F(LoaderTest, WarnsOfFiltersThatRefuseEveryWebSocketOfTheirRoute) {
  const auto warningsOf = [this](const std::string& websocket, const std::string& filter) {
    const auto result = loadRoute(websocket + "  filters: [channel: {}, " + filter + "]\n");
    EXPECT_THAT(result.errors, IsEmpty());
    return result.snapshot->warnings();
  };
  const std::string open = "  websocket: {inspect: true}\n";
  EXPECT_THAT(warningsOf(open, "event_types: {wants_event: true}"),
              ElementsAre(HasSubstr("route `r`: `event_types` wants an event, and a request to "
                                    "upgrade brings none")));
  EXPECT_THAT(warningsOf(open, "dedupe: {wants_event: true, name: once}"),
              ElementsAre(HasSubstr("`once` wants an event")));
  EXPECT_THAT(warningsOf("", "event_types: {wants_event: true}"), IsEmpty());
  EXPECT_THAT(warningsOf(open, "event_types: {wants_event: true, mode: shadow}"), IsEmpty());
  EXPECT_THAT(warningsOf(open, "event_types: {wants_event: true, mode: off}"), IsEmpty());
  EXPECT_THAT(warningsOf(open, "dedupe: {}"), IsEmpty());
}

TEST_F(LoaderTest, WarnsOfMessageRulesThatSeeNoMessage) {
  const auto warningsOf = [this](const std::string& websocket) {
    const auto result = loadRoute(
        websocket + "  filters: [lua_rules: {on_message: true}, approval_hold: {mode: off}]\n");
    EXPECT_THAT(result.errors, IsEmpty());
    return result.snapshot->warnings();
  };
  EXPECT_THAT(warningsOf("  websocket: {idle_timeout: 90s}\n"),
              ElementsAre(HasSubstr("route `r`: its rules have `on_message`, and no message")));
  EXPECT_THAT(warningsOf("  websocket: {inspect: true}\n"), IsEmpty());
  EXPECT_THAT(warningsOf(""), IsEmpty()) << "rules are shared by routes";
}

TEST_F(LoaderTest, WantsAListenerThatVerifiesTheCertificatesThatAFilterWants) {
  const std::string route =
      "upstreams: {agent: {url: \"http://a\"}}\n"
      "routes: [{name: r, upstream: agent, filters: [mtls_identity: {}]}]\n";
  folder_.write("c.pem", "c");
  const auto errorsWith = [&](const std::string& more) {
    return errorsOf("listen: {address: \"127.0.0.1:1\", tls: {certificate: c.pem, key: c.pem" +
                    more + "}}\n" + route);
  };
  EXPECT_THAT(errorsWith(""), ElementsAre(AllOf(HasSubstr("routes[0].filters[0].mtls_identity: no "
                                                          "listener verifies client certificates"),
                                                HasSubstr("`tls.client_ca`"))));
  EXPECT_THAT(errorsWith(", client_ca: c.pem, client_certificate: none"), SizeIs(1));
  EXPECT_THAT(errorsWith(", client_ca: c.pem, client_certificate: optional"), IsEmpty());
  EXPECT_THAT(errorsWith(", client_ca: c.pem"), IsEmpty());
}

TEST_F(LoaderTest, WantsAtLeastOneConnectionToAnUpstream) {
  const auto errorsWith = [this](const std::string& most) {
    return errorsOf(
        "listen: {address: \"1.2.3.4:1\", clear_text: true}\n"
        "upstreams: {agent: {url: \"http://a\", max_connections: " +
        most + "}}\n" + std::string(kRoute));
  };
  EXPECT_THAT(errorsWith("0"), ElementsAre(HasSubstr("upstreams.agent.max_connections: ")));
  EXPECT_THAT(errorsWith("1"), IsEmpty());
}

TEST_F(LoaderTest, FillsDefaults) {
  const auto result = load(std::string(kHead) + std::string(kRoute));
  ASSERT_THAT(result.errors, IsEmpty());
  const PolicySnapshot& snapshot = *result.snapshot;
  EXPECT_EQ(snapshot.version().size(), 16u);
  ASSERT_EQ(snapshot.server().listeners.size(), 1u);
  EXPECT_FALSE(snapshot.server().listeners[0].is_tls);
  EXPECT_EQ(snapshot.server().workers, 0u);
  EXPECT_EQ(snapshot.server().state_directory, "/var/lib/edgehold");
  EXPECT_EQ(snapshot.server().admin.socket_path, "/var/lib/edgehold/admin.sock");
  EXPECT_FALSE(snapshot.server().admin.address.has_value());
  EXPECT_EQ(snapshot.audit().path, "/var/lib/edgehold/audit.jsonl");
  EXPECT_TRUE(snapshot.security().deny_public_admin);
  EXPECT_FALSE(snapshot.reload().is_watched);
  EXPECT_EQ(snapshot.timeouts().head, limits::kHeadTimeout);
  EXPECT_EQ(snapshot.limits().connections, 0u) << "as the descriptors allow";
  EXPECT_EQ(snapshot.limits().buffered_bytes, limits::kBufferedBytesDefault);
  ASSERT_EQ(snapshot.routes().size(), 1u);
  EXPECT_EQ(snapshot.routes()[0]->limits().body_bytes_max, limits::kBodyBytesDefault);
  EXPECT_EQ(snapshot.match("any.host", "/any/path"), snapshot.routes()[0].get());
  EXPECT_THAT(snapshot.warnings(), IsEmpty());
}

TEST_F(LoaderTest, ReadsEveryKey) {
  for (const char* const file : {"c.pem", "k.pem", "ca.pem"}) folder_.write(file, "x");
  const auto result = load(R"(
listen:
  - {name: public, address: "0.0.0.0:8443", backlog: 100, tls: {certificate: c.pem, key: k.pem, min_version: "1.3"}}
  - {address: "[::1]:8080", clear_text: true}
admin: {socket: run/admin.sock, address: "127.0.0.1:9901"}
workers: 2
user: edgehold
state: {directory: state, counter_entries: 2048}
trusted_proxies: ["10.0.0.0/8", "2001:db8::/32"]
timeouts: {handshake: 1s, head: 2s, idle: 3s, write: 4s, drain: 5s}
limits:
  {connections: 11, connections_per_address: 12, exchanges: 13, buffered: 14MiB, client_rate: 15B}
reload: {watch: true}
audit: {path: "-", durability: disk, rotate: {size: 1MiB, daily: false}}
upstreams:
  agent:
    urls: ["https://a.example", "https://[2001:db8::1]:8443"]
    tls: {ca: ca.pem, server_name: agent.example}
    host: agent.example:8443
    connect_timeout: 1s
    idle_timeout: 2s
    idle_connections: 7
    max_connections: 9
routes:
  - name: hook
    match: {path: /hook, hosts: [Bot.Example, "*.example.org"], exact: true}
    upstream: agent
    limits: {body: 2MiB, body_timeout: 1s, first_byte_timeout: 2s, response_idle_timeout: 3s, total_timeout: 4s}
)");
  ASSERT_THAT(result.errors, IsEmpty());
  const PolicySnapshot& snapshot = *result.snapshot;
  const ServerSpec& server = snapshot.server();
  ASSERT_EQ(server.listeners.size(), 2u);
  EXPECT_EQ(server.listeners[0].name, "public");
  EXPECT_EQ(server.listeners[0].backlog, 100);
  EXPECT_TRUE(server.listeners[0].is_tls);
  EXPECT_FALSE(server.listeners[0].tls.allows_tls12);
  EXPECT_EQ(server.listeners[0].tls.certificates[0].key_file, folder_.at("k.pem"));
  EXPECT_EQ(server.listeners[1].name, "[::1]:8080");
  EXPECT_EQ(server.admin.socket_path, folder_.at("run/admin.sock"));
  EXPECT_EQ(server.admin.address->toString(), "127.0.0.1:9901");
  EXPECT_EQ(server.workers, 2u);
  EXPECT_EQ(server.user, "edgehold");
  EXPECT_EQ(server.state_directory, folder_.at("state"));
  EXPECT_EQ(snapshot.counterEntries(), 2048u);
  EXPECT_TRUE(snapshot.trustedProxies().contains(*IpAddress::parse("10.1.2.3")));
  EXPECT_EQ(snapshot.timeouts().drain, 5s);
  EXPECT_EQ(snapshot.limits().connections, 11u);
  EXPECT_EQ(snapshot.limits().connections_per_address, 12u);
  EXPECT_EQ(snapshot.limits().exchanges, 13u);
  EXPECT_EQ(snapshot.limits().buffered_bytes, 14u * 1024 * 1024);
  EXPECT_EQ(snapshot.limits().client_rate, 15u);
  EXPECT_TRUE(snapshot.reload().is_watched);
  EXPECT_EQ(snapshot.audit().path, "-");
  EXPECT_EQ(snapshot.audit().durability, AuditSpec::Durability::kDisk);
  EXPECT_EQ(snapshot.audit().rotate_bytes, 1u << 20);
  EXPECT_FALSE(snapshot.audit().rotate_daily);
  const UpstreamSpec& upstream = snapshot.upstreams().at(0);
  EXPECT_THAT(upstream.addresses,
              ElementsAre(UpstreamAddress{"a.example", 443}, UpstreamAddress{"2001:db8::1", 8443}));
  EXPECT_TRUE(upstream.is_tls);
  EXPECT_EQ(upstream.tls.ca_file, folder_.at("ca.pem"));
  EXPECT_EQ(upstream.tls.server_name, "agent.example");
  EXPECT_TRUE(upstream.tls.verify);
  EXPECT_EQ(upstream.host, "agent.example:8443");
  EXPECT_EQ(upstream.idle_connections_max, 7u);
  EXPECT_EQ(upstream.connections_max, 9u);
  const Route& route = *snapshot.routes().at(0);
  EXPECT_EQ(route.upstream(), "agent");
  EXPECT_EQ(route.limits().body_bytes_max, 2u << 20);
  EXPECT_EQ(route.limits().response_idle_timeout, 3s);
  EXPECT_EQ(route.limits().total_timeout, 4s);
  EXPECT_TRUE(route.limits().is_total_strict);
  EXPECT_EQ(snapshot.match("bot.example:8443", "/hook"), &route);
  EXPECT_EQ(snapshot.match("x.example.org", "/hook"), &route);
  EXPECT_EQ(snapshot.match("bot.example", "/hook/x"), nullptr);
}

TEST_F(LoaderTest, OffersHttp2OverTlsAndTakesItInClearTextWhereToldTo) {
  for (const char* const file : {"c.pem", "k.pem"}) folder_.write(file, "x");
  constexpr std::string_view kRest =
      "upstreams: {agent: {url: \"http://a\"}}\nroutes: [{name: r, upstream: agent}]\n";
  const auto listener = [&](std::string_view keys) {
    const auto result = load("listen: {address: \"127.0.0.1:0\", " + std::string(keys) + "}\n" +
                             std::string(kRest));
    EXPECT_THAT(result.errors, IsEmpty());
    return result.snapshot->server().listeners.at(0);
  };
  EXPECT_TRUE(listener("tls: {certificate: c.pem, key: k.pem}").tls.offers_http2);
  EXPECT_FALSE(listener("tls: {certificate: c.pem, key: k.pem, http2: false}").tls.offers_http2);
  EXPECT_FALSE(listener("clear_text: true").takes_http2);
  EXPECT_TRUE(listener("clear_text: true, http2: true").takes_http2);
  const auto errors = errorsOf(
      "listen: {address: \"127.0.0.1:0\", http2: true, tls: {certificate: c.pem, key: k.pem}}\n" +
      std::string(kRest));
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_THAT(errors[0], HasSubstr("listen.http2: of a TLS listener this is `tls.http2`"));
}

TEST_F(LoaderTest, RefusesLimitsThatAreNone) {
  constexpr std::string_view kRest =
      "listen: {address: \"127.0.0.1:0\", clear_text: true}\n"
      "upstreams: {agent: {url: \"http://a\"}}\n"
      "routes: [{name: r, upstream: agent}]\n";
  for (const std::string_view wrong :
       {"connections: 0", "connections: 4194305", "connections_per_address: 0", "exchanges: 0",
        "exchanges: -1", "buffered: 1048575B", "buffered: 1000000", "client_rate: 2MiB",
        "conections: 5"}) {
    const auto errors = errorsOf(std::string(kRest) + "limits: {" + std::string(wrong) + "}\n");
    ASSERT_EQ(errors.size(), 1u) << wrong;
    EXPECT_THAT(errors[0], HasSubstr("limits")) << wrong;
  }
}

TEST_F(LoaderTest, TellsEveryMistakeAtOnceInFileOrder) {
  const auto errors = errorsOf(
      "lisen: {address: \"127.0.0.1:0\", clear_text: true}\n"         // 1
      "listen: {address: \"127.0.0.1\", clear_text: yes}\n"           // 2
      "workers: 0x2\n"                                                // 3
      "timeouts: {head: 10, idle: 5mins, write: 0s}\n"                // 4
      "trusted_proxies: [10.0.0.1/8]\n"                               // 5
      "upstreams: {agent: {url: \"ftp://x\", connect_timout: 5s}}\n"  // 6
      "routes:\n"                                                     // 7
      "- name: a b\n"                                                 // 8
      "  upstream: agnt\n"                                            // 9
      "  limits: {body: 64KB}\n"                                      // 10
      "  filters:\n"                                                  // 11
      "  - rate_limt: {}\n"                                           // 12
      "  - dedupe: {mode: shado, windw: 5}\n");                       // 13
  EXPECT_THAT(
      errors,
      ElementsAre(
          "e.yaml:1:1: unknown key `lisen`, did you mean `listen`?",
          "e.yaml:2:19: listen.address: expected an address and a port such as `0.0.0.0:8443` or "
          "`[::]:8443`, found `127.0.0.1`",
          "e.yaml:2:44: listen.clear_text: expected `true` or `false`, found `yes`",
          HasSubstr("e.yaml:3:10: workers: expected a whole number, found `0x2`"),
          "e.yaml:4:18: timeouts.head: `10` has no unit, write `10s`",
          "e.yaml:4:28: timeouts.idle: unknown unit `mins`, write `5m`",
          "e.yaml:4:42: timeouts.write: must be longer than zero",
          HasSubstr("e.yaml:5:18: trusted_proxies: `10.0.0.1/8`: "),
          HasSubstr("e.yaml:6:26: upstreams.agent.url: expected a URL such as"),
          "e.yaml:6:37: upstreams.agent: unknown key `connect_timout`, did you mean "
          "`connect_timeout`?",
          HasSubstr("e.yaml:8:9: routes[0].name: a name is made of letters"),
          "e.yaml:9:13: routes[0].upstream: unknown upstream `agnt`, did you mean `agent`?",
          "e.yaml:10:18: routes[0].limits.body: unknown unit `KB`, write `64KiB`",
          "e.yaml:12:5: routes[0].filters[0]: unknown filter `rate_limt`, did you mean "
          "`rate_limit`?",
          HasSubstr("e.yaml:13:20: routes[0].filters[1].dedupe.mode: expected `enforce`"),
          HasSubstr("e.yaml:13:27: routes[0].filters[1].dedupe: unknown key `windw`")))
      << ::testing::PrintToString(errors);
}

struct Mistake {
  std::string text;
  std::string message;
};

TEST_F(LoaderTest, NamesEachMistakeOfTheDocument) {
  const std::string head(kHead);
  const std::string route(kRoute);
  const std::string upstreams = "upstreams: {agent: {url: \"http://127.0.0.1:1\"}}\n";
  for (const Mistake& row : {
           Mistake{route + upstreams, "listen: required, but not given"},
           {"listen: []\n" + route + upstreams, "listen: at least one listener is required"},
           {"listen: {address: \"1.2.3.4:1\"}\n" + route + upstreams,
            "listen.tls: required, unless `clear_text: true` is written"},
           {"listen: {address: \"1.2.3.4:1\", tls: {}}\n" + route + upstreams,
            "at least one `{certificate: FILE, key: FILE}`"},
           {"listen: {address: \"1.2.3.4:1\", tls: {certificate: no.pem, key: no.key}}\n" + route +
                upstreams,
            "No such file or directory"},
           {"listen: {address: \"1.2.3.4:1\", clear_text: true, proxy_protocol: required}\n" +
                route + upstreams,
            "listen.proxy_protocol: `trusted_proxies` is empty: nobody could connect"},
           {"listen: {address: \"1.2.3.4:1\", clear_text: true, proxy_protocol: v2}\n" + route +
                upstreams,
            "listen.proxy_protocol: expected `required`"},
           {"listen: {address: \"1.2.3.4:1\", clear_text: true, proxy_protocol: {}}\n" + route +
                upstreams,
            "listen.proxy_protocol.from: at least one network of proxies is required"},
           {"listen: [{address: \"1.2.3.4:1\", clear_text: true}, {address: \"1.2.3.4:1\", "
            "clear_text: true}]\n" +
                route + upstreams,
            "another listener has the same address or name"},
           {head, "routes: at least one route is required"},
           {"listen: {address: \"1.2.3.4:1\", clear_text: true}\n"
            "upstreams: {agent: {url: \"http://127.0.0.1:1\", protocol: http2}}\n" +
                route,
            "upstreams.agent.protocol"},
           {"listen: {address: \"1.2.3.4:1\", clear_text: true}\n"
            "upstreams: {agent: {url: \"http://127.0.0.1:1\", protocol: h2}}\n"
            "routes: [{name: a, upstream: agent, websocket: {}}]\n",
            "routes[0].websocket: needs an upstream of HTTP/1.1"},
           {head + "routes: [{name: a, upstream: agent, limits: {event: 0B}}]\n",
            "routes[0].limits.event: must be at least `1B`"},
           {head + "routes: [{name: a, upstream: agent, limits: {event: 65MiB}}]\n",
            "routes[0].limits.event: "},
           {head + "routes: [{upstream: agent}]\n", "routes[0].name: required"},
           {head + "routes: [{name: a}]\n", "routes[0].upstream: required"},
           {head + "routes: [{name: a, upstream: agent}, {name: a, upstream: agent, match: {path: "
                   "/x}}]\n",
            "another route has this name"},
           {head + "routes: [{name: a, upstream: agent}, {name: b, upstream: agent}]\n",
            "the same match as route `a`"},
           {head + "routes: [{name: a, upstream: agent, match: {path: hook}}]\n",
            "expected a canonical path"},
           {head + "routes: [{name: a, upstream: agent, match: {path: /a/../b}}]\n",
            "expected a canonical path"},
           {head + "routes: [{name: a, upstream: agent, match: {path: /a//b}}]\n",
            "expected a canonical path"},
           {head + "routes: [{name: a, upstream: agent, match: {path: \"/a;b\"}}]\n",
            "expected a canonical path"},
           {head + "routes: [{name: a, upstream: agent, match: {path: /a%2fb}}]\n",
            "expected a canonical path"},
           {head + "routes: [{name: a, upstream: agent, match: {path: /a*}}]\n",
            "expected a canonical path"},
           {head + "routes: [{name: a, upstream: agent, match: {hosts: [\"a:80\"]}}]\n",
            "without a port"},
           {head + "routes: [{name: a, upstream: agent, match: {hosts: [a.example.]}}]\n",
            "expected a host"},
           {head + "routes: [{name: a, upstream: agent, limits: {body: 65MiB}, filters: "
                   "[{channel: {whole_body: true}}]}]\n",
            "must be at most `64MiB`"},
           {"listen: {address: \"1.2.3.4:1\", clear_text: true}\n" + route,
            "upstreams: at least one upstream is required"},
           {head + route + "state: {directory: \"\"}\n", "state.directory: must not be empty"},
           {head + route + "admin: {socket: " + std::string(108, 'x') + "}\n",
            "is longer than 107 bytes"},
           {head + route + "admin: {address: \"0.0.0.0:9901\"}\n",
            "`security.network.deny_public_admin` is true: listen on `127.0.0.1`"},
           {head + route + "admin: {address: localhost}\n", "expected an address and a port"},
           {head + route + "audit: {rotate: {size: 1KiB}}\n", "must be at least `64KiB`"},
           {head + route + "security: {network: {allowlist_ips: []}}\n", "names no network"},
           {head + route + "security: {audit: {fields: [where]}}\n", "found `where`"},
           {head + route + "security: {secrets: {store: disk}}\n", "expected `any`"},
           {head + route +
                "security: {secrets: {store: kms_or_vault}}\ndefaults: {filters: "
                "[{channel: {secret: hunter2}}]}\n",
            "accepts no literal secret"},
       }) {
    const auto errors = errorsOf(row.text);
    EXPECT_THAT(errors, ::testing::Contains(HasSubstr(row.message))) << row.text;
    EXPECT_THAT(errors, ::testing::Not(::testing::Contains(HasSubstr("hunter2"))));
  }
}

TEST_F(LoaderTest, ReadsAndChecksWhatTlsOffers) {
  folder_.write("cert.pem", "x");
  folder_.write("ca.pem", "x");
  const auto load = [&](const std::string& tls) {
    return loadPolicyText(
        "listen: {address: \"1.2.3.4:1\", tls: {certificate: cert.pem, key: cert.pem" + tls +
            "}}\nupstreams: {agent: {url: \"http://127.0.0.1:1\"}}\n" + std::string(kRoute),
        folder_.at("e.yaml"), tools());
  };
  const auto spec = [&](const std::string& tls) {
    const auto result = load(tls);
    EXPECT_THAT(result.errors, IsEmpty()) << tls;
    return result.snapshot->server().listeners[0].tls;
  };
  EXPECT_EQ(spec("").hsts, "");
  EXPECT_EQ(spec(", hsts: {}").hsts, "max-age=31536000");
  EXPECT_EQ(spec(", hsts: {max_age: 730d, include_subdomains: true, preload: true}").hsts,
            "max-age=63072000; includeSubDomains; preload");
  EXPECT_TRUE(spec(", client_ca: ca.pem").requires_client_certificate);
  EXPECT_FALSE(
      spec(", client_ca: ca.pem, client_certificate: optional").requires_client_certificate);
  EXPECT_EQ(spec(", client_ca: ca.pem, client_certificate: none").client_ca_file, "");
  EXPECT_FALSE(spec(", tickets: {enabled: false}").tickets.is_enabled);
  EXPECT_EQ(spec(", tickets: {rotation: 84h}").tickets.rotation, std::chrono::hours(84));
  for (const auto& [tls, told] : std::vector<std::pair<std::string, std::string>>{
           {", hsts: {preload: true}", "listen.tls.hsts.preload: needs `include_subdomains"},
           {", hsts: {max_age: 364d, include_subdomains: true, preload: true}", "hsts.preload"},
           {", client_certificate: required", "listen.tls.client_ca: required"},
           {", client_ca: no.pem", "No such file"},
           {", client_ca: ca.pem, client_certificate: yes", "expected `none`"},
           {", tickets: {rotation: 59s}", "between `1m` and `84h`"},
           {", tickets: {rotation: 85h}", "between `1m` and `84h`"},
           {", tickets: {keys_file: cert.pem, rotation: 2h}", "rotated by whoever writes it"},
           {", tickets: {key_file: cert.pem}", "did you mean `keys_file`"},
           {", ocsp_file: no.der", "No such file"},
       }) {
    EXPECT_THAT(load(tls).errors, testing::Contains(HasSubstr(told))) << tls;
  }
}

TEST_F(LoaderTest, ReadsWhoMayAnnounceClients) {
  const auto announcers = [&](const std::string& listen) {
    const auto result = loadPolicyText(
        "trusted_proxies: [10.0.0.0/8]\nlisten: {address: \"1.2.3.4:1\", clear_text: true" +
            listen + "}\nupstreams: {agent: {url: \"http://127.0.0.1:1\"}}\n" + std::string(kRoute),
        "e.yaml", tools());
    EXPECT_THAT(result.errors, IsEmpty()) << listen;
    return result.snapshot->server().listeners[0].announcers;
  };
  EXPECT_FALSE(announcers("").has_value());
  EXPECT_FALSE(announcers(", proxy_protocol: off").has_value());
  EXPECT_TRUE(announcers(", proxy_protocol: required")->contains(*IpAddress::parse("10.1.1.1")));
  const auto own = announcers(", proxy_protocol: {from: [192.0.2.0/24]}");
  EXPECT_TRUE(own->contains(*IpAddress::parse("192.0.2.1")));
  EXPECT_FALSE(own->contains(*IpAddress::parse("10.1.1.1")));
}

TEST_F(LoaderTest, RefusesUrlsThatAreNoOrigin) {
  for (const std::string url :
       {"127.0.0.1:80", "http://", "http://a:0", "http://a:65536", "http://a:", "http://a/b",
        "http://a?x", "http://u:p@a", "http://[::1", "http://[::1]x", "http://[1.2.3.4]",
        "http://a b", "http://-a", "unix:///x"}) {
    EXPECT_FALSE(loadPolicyText("listen: {address: \"1.2.3.4:1\", clear_text: true}\n" +
                                    std::string(kRoute) + "upstreams: {agent: {url: \"" + url +
                                    "\"}}\n",
                                "e.yaml", tools())
                     .errors.empty())
        << url;
  }
}

TEST_F(LoaderTest, SortsFiltersByRankAndKeepsTheOrderOfTheFileWithin) {
  const auto result = loadRoute(
      "  filters:\n"
      "  - approval_hold: {}\n"
      "  - rate_limit: {name: first}\n"
      "  - dedupe\n"
      "  - ip_access:\n"
      "  - rate_limit: {name: second, mode: shadow, on_error: allow}\n"
      "  - rate_limit\n"
      "  - rate_limit\n");
  ASSERT_THAT(result.errors, IsEmpty());
  const Route& route = *result.snapshot->routes()[0];
  EXPECT_THAT(namesOf(route), ElementsAre("ip_access", "dedupe", "first", "second", "rate_limit",
                                          "rate_limit-2", "approval_hold"));
  EXPECT_EQ(route.chain().entries()[2].mode, FilterMode::kEnforce);
  EXPECT_EQ(route.chain().entries()[2].on_error, OnError::kDeny);
  EXPECT_EQ(route.chain().entries()[3].mode, FilterMode::kShadow);
  EXPECT_EQ(route.chain().entries()[3].on_error, OnError::kAllow);
}

TEST_F(LoaderTest, RefusesFiltersGivenTwiceThatMayNotRepeat) {
  EXPECT_THAT(loadRoute("  filters: [dedupe: {}, dedupe: {name: again}]\n").errors,
              ElementsAre(HasSubstr("routes[0].filters[1].dedupe: given twice")));
}

TEST_F(LoaderTest, RefusesEntriesOfTwoFilters) {
  EXPECT_THAT(loadRoute("  filters:\n  - dedupe: {}\n    ip_access: {}\n").errors,
              ElementsAre(HasSubstr("routes[0].filters[0]: expected one filter")));
}

TEST_F(LoaderTest, LeavesOutFiltersThatAreOff) {
  const auto result = loadRoute("  filters: [dedupe: {mode: off}, ip_access: {}]\n");
  ASSERT_THAT(result.errors, IsEmpty());
  EXPECT_THAT(namesOf(*result.snapshot->routes()[0]), ElementsAre("ip_access"));
}

TEST_F(LoaderTest, PutsDefaultsBeforeARoutesOwnWhichMayReplaceThem) {
  const auto result = load(std::string(kHead) +
                           "defaults: {filters: [payload_cap: {max: 1}, rate_limit: {name: all}, "
                           "dedupe: {}]}\n"
                           "routes:\n"
                           "- {name: plain, upstream: agent}\n"
                           "- name: own\n"
                           "  match: {path: /own}\n"
                           "  upstream: agent\n"
                           "  filters: [payload_cap: {max: 2}, rate_limit: {name: mine}, dedupe: "
                           "{mode: off}]\n");
  ASSERT_THAT(result.errors, IsEmpty());
  EXPECT_THAT(namesOf(*result.snapshot->routes()[0]), ElementsAre("payload_cap", "dedupe", "all"));
  EXPECT_THAT(namesOf(*result.snapshot->routes()[1]), ElementsAre("payload_cap", "all", "mine"));
  EXPECT_EQ(fakes_.builtOf("payload_cap")[1].config.at("max"), "2");
}

TEST_F(LoaderTest, TellsAMistakeInTheDefaultsOnceHoweverManyRoutes) {
  EXPECT_THAT(errorsOf(std::string(kHead) + "defaults: {filters: [payload_cap: {maxx: 1}]}\n"
                                            "routes:\n"
                                            "- {name: a, upstream: agent}\n"
                                            "- {name: b, upstream: agent, match: {path: /b}}\n"),
              ElementsAre(HasSubstr("defaults.filters[0].payload_cap: unknown key `maxx`")));
}

TEST_F(LoaderTest, AcceptsTheSecurityBlockAsItStandsAndEachLineActs) {
  const auto result = load(std::string(kHead) + std::string(kSecurity) +
                           "routes:\n"
                           "- {name: a, upstream: agent}\n"
                           "- name: b\n"
                           "  match: {path: /b}\n"
                           "  upstream: agent\n"
                           "  filters: [ip_access: {deny: [203.0.113.7]}, action_class: {}, "
                           "approval_hold: {actions: [deploy, mass_send], ttl: 5m}]\n");
  ASSERT_THAT(result.errors, IsEmpty());
  const PolicySnapshot& snapshot = *result.snapshot;
  EXPECT_EQ(snapshot.security().secret_rotate_days, 30);
  EXPECT_THAT(snapshot.security().require_approval_for,
              ElementsAre("mass_send", "bulk_delete", "permission_change"));
  EXPECT_EQ(snapshot.audit().retention_days, 30);
  EXPECT_THAT(snapshot.audit().fields, ElementsAre("who", "what", "when", "why", "request_id"));

  EXPECT_THAT(
      namesOf(*snapshot.routes()[0]),
      ElementsAre("security.allowlist_ips", "security.rate_limit", "security.require_approval"));
  EXPECT_EQ(fakes_.builtOf("ip_access")[0].config.at("allow[0]"), "203.0.113.0/24");
  EXPECT_EQ(fakes_.builtOf("rate_limit")[0].config.at("limits[0].rate"), "120/1m");
  EXPECT_EQ(fakes_.builtOf("approval_hold")[0].config.at("actions[2]"), "permission_change");

  // Both address lists apply; the route keeps one hold, with its own terms and all the actions.
  EXPECT_THAT(namesOf(*snapshot.routes()[1]),
              ElementsAre("security.allowlist_ips", "ip_access", "security.rate_limit",
                          "action_class", "approval_hold"));
  const auto hold = fakes_.builtOf("approval_hold")[1].config;
  EXPECT_EQ(hold.at("ttl"), "5m");
  EXPECT_EQ(hold.at("actions[0]"), "deploy");
  EXPECT_EQ(hold.at("actions[3]"), "permission_change");
  EXPECT_EQ(hold.count("actions[4]"), 0u);

  EXPECT_THAT(snapshot.warnings(),
              ElementsAre(HasSubstr("route `a`: nothing names the action of a request")));
}

TEST_F(LoaderTest, WarnsOfAHoldToWhichNothingCanCome) {
  const std::pair<std::string, std::string> cases[] = {
      {"approval_hold", "`approval_hold` holds nothing: name `actions`"},
      {"approval_hold: {ttl: 5m}, action_class: {}", "`approval_hold` holds nothing"},
      {"approval_hold: {actions: [mass_send]}", "nothing names the action of a request"},
  };
  for (const auto& [filters, warning] : cases) {
    EXPECT_THAT(loadRoute("  filters: [" + filters + "]\n").snapshot->warnings(),
                ElementsAre(HasSubstr(warning)))
        << filters;
  }
  for (const std::string filters :
       {"approval_hold: {actions: [mass_send]}, action_class: {}", "approval_hold, lua_rules: {}",
        "approval_hold: {mode: off}", "action_class: {}"}) {
    EXPECT_THAT(loadRoute("  filters: [" + filters + "]\n").snapshot->warnings(), IsEmpty())
        << filters;
  }
}

TEST_F(LoaderTest, WarnsOfAPathThatAnotherRoutesHostTakesAway) {
  const auto warningsOf = [&](const std::string& wide, const std::string& narrow) {
    return load(std::string(kHead) + "routes:\n- {name: w, upstream: agent, match: " + wide +
                "}\n- {name: n, upstream: agent, match: " + narrow + "}\n")
        .snapshot->warnings();
  };
  EXPECT_THAT(warningsOf("{path: /hook, exact: true}", "{path: /, hosts: [a.example]}"),
              ElementsAre("route `w`: `/hook` of the host `a.example` goes to route `n`, which "
                          "names that host; name it here too"));
  EXPECT_THAT(
      warningsOf("{path: /a/b, hosts: [\"*.example\"]}", "{path: /a, hosts: [b.other, a.example]}"),
      ElementsAre(HasSubstr("`a.example`")));
  EXPECT_THAT(warningsOf("{path: /hook, hosts: [a.example]}", "{path: /, hosts: [a.example]}"),
              IsEmpty());
  EXPECT_THAT(warningsOf("{path: /hook}", "{path: /}"), IsEmpty());
  EXPECT_THAT(warningsOf("{path: /}", "{path: /, hosts: [a.example]}"), IsEmpty());
  EXPECT_THAT(warningsOf("{path: /hook}", "{path: /hoo, hosts: [a.example]}"), IsEmpty());
  EXPECT_THAT(warningsOf("{path: /hook, hosts: [\"*.example\"]}", "{path: /, hosts: [example]}"),
              IsEmpty());
}

TEST_F(LoaderTest, WarnsOfWhatHasNoEventToJudge) {
  for (const std::string filter : {"replay_window", "event_types", "dedupe"}) {
    EXPECT_THAT(loadRoute("  filters: [" + filter + "]\n").snapshot->warnings(),
                ElementsAre(HasSubstr("`" + filter + "` has no event to judge: add `channel`")));
    EXPECT_THAT(loadRoute("  filters: [" + filter + ", channel: {}]\n").snapshot->warnings(),
                IsEmpty());
  }
  for (const std::string filter :
       {"replay_window: {header: X-Time}", "replay_window: {pointer: /time}",
        "event_types: {pointer: /type}", "dedupe: {id: \"header:Idempotency-Key\"}"}) {
    EXPECT_THAT(loadRoute("  filters: [" + filter + "]\n").snapshot->warnings(), IsEmpty())
        << filter;
  }
}

TEST_F(LoaderTest, KeepsTheSecurityHoldWhateverARouteSays) {
  for (const std::string own : {"approval_hold: {mode: off}", "approval_hold: {mode: shadow}",
                                "ip_access: {mode: off}", "approval_hold: {on_error: allow}"}) {
    const auto result = load(std::string(kHead) + std::string(kSecurity) +
                             "routes: [{name: a, upstream: agent, filters: [" + own + "]}]\n");
    ASSERT_THAT(result.errors, IsEmpty());
    int enforced = 0;
    for (const ChainEntry& entry : result.snapshot->routes()[0]->chain().entries()) {
      const bool is_hold =
          entry.name == "security.require_approval" || entry.name == "approval_hold";
      if (is_hold && entry.mode == FilterMode::kEnforce && entry.on_error == OnError::kDeny) {
        ++enforced;
      }
    }
    EXPECT_EQ(enforced, 1) << own;
    EXPECT_EQ(namesOf(*result.snapshot->routes()[0])[0], "security.allowlist_ips") << own;
  }
}

TEST_F(LoaderTest, HoldsForRulesThatAskForItUnlessTheOperatorChose) {
  const auto namesWith = [&](const std::string& filters) {
    const auto result = loadRoute("  filters: [" + filters + "]\n");
    EXPECT_THAT(result.errors, IsEmpty());
    return namesOf(*result.snapshot->routes()[0]);
  };
  EXPECT_THAT(namesWith("lua_rules: {}"), ElementsAre("lua_rules", "approval_hold"));
  EXPECT_THAT(namesWith("lua_rules: {mode: off}"), IsEmpty());
  EXPECT_THAT(namesWith("lua_rules: {}, approval_hold: {mode: off}"), ElementsAre("lua_rules"));
  EXPECT_THAT(namesWith("lua_rules: {}, approval_hold: {name: mine}"),
              ElementsAre("lua_rules", "mine"));
}

TEST_F(LoaderTest, WarnsOfAPublicAdminListenerThatWasAskedFor) {
  const auto result =
      load(std::string(kHead) + std::string(kRoute) +
           "admin: {address: \"0.0.0.0:9901\"}\nsecurity: {network: {deny_public_admin: false}}\n");
  ASSERT_THAT(result.errors, IsEmpty());
  EXPECT_THAT(result.snapshot->warnings(), ElementsAre(HasSubstr("asks for no credentials")));
}

TEST_F(LoaderTest, KeepsUnresolvedSecretsAsWarnings) {
  const auto result = loadRoute("  filters: [channel: {secret: \"${env:NONE}\"}]\n");
  ASSERT_THAT(result.errors, IsEmpty());
  EXPECT_EQ(fakes_.builtOf("channel")[0].config.at("secret"), "0");
  EXPECT_THAT(result.snapshot->warnings(), ElementsAre(HasSubstr("`${env:NONE}` does not")));
}

TEST_F(LoaderTest, TakesSecretLiteralsAsMistakes) {
  const auto errors = loadRoute("  filters: [channel: {secret: hunter2}]\n").errors;
  EXPECT_THAT(errors, ElementsAre(HasSubstr("routes[0].filters[0].channel.secret: a secret must "
                                            "not be written here")));
}

TEST_F(LoaderTest, ChangesItsVersionWithEveryFileThatActs) {
  folder_.write("rules/a.lua", "1");
  folder_.write("list.txt", "1");
  const auto version = [&] {
    const auto result = loadRoute("  filters: [lua_rules: {folder: rules, file: list.txt}]\n");
    EXPECT_THAT(result.errors, IsEmpty());
    return result.snapshot == nullptr ? "" : result.snapshot->version();
  };
  const std::string first = version();
  EXPECT_EQ(version(), first);
  folder_.write("list.txt", "2");
  const std::string second = version();
  EXPECT_NE(second, first);
  folder_.write("rules/b.lua", "1");
  EXPECT_NE(version(), second);
  folder_.write("rules/ignored.txt", "1");
  std::filesystem::remove(folder_.at("rules/b.lua"));
  EXPECT_EQ(version(), second);
}

TEST_F(LoaderTest, KeepsItsVersionWhenTheFolderMoves) {
  TempFolder other;
  const auto versionIn = [&](const TempFolder& folder) {
    folder.write("list.txt", "1");
    const std::string path =
        folder.write("e.yaml", std::string(kHead) +
                                   "routes: [{name: r, upstream: agent, filters: [lua_rules: "
                                   "{file: list.txt}]}]\n");
    return loadPolicy(path, tools()).snapshot->version();
  };
  EXPECT_EQ(versionIn(folder_), versionIn(other));
}

TEST(PolicyFileSet, KeepsFilesOutsideARelativeFolderApart) {
  TempFolder outside;
  PolicyFileSet files("some/folder/");
  EXPECT_TRUE(files.absolute("a").starts_with('/'));
  EXPECT_TRUE(files.absolute("../a").ends_with("/some/a"));
  EXPECT_EQ(*files.read(outside.write("a", "of a"), 100), "of a");
  EXPECT_EQ(*files.read(outside.write("b", "of b"), 100), "of b");
}

TEST(PolicyFileSet, BoundsWhatItReads) {
  TempFolder folder;
  PolicyFileSet files(folder.path());
  folder.write("a", "12345");
  EXPECT_TRUE(files.read("a", 5).has_value());
  EXPECT_FALSE(files.read("a", 4).has_value());
  EXPECT_FALSE(files.read(".", 100).has_value());
  for (const char* const name : {"r/1.lua", "r/2.lua", "r/.hidden.lua"}) folder.write(name, "x");
  EXPECT_THAT(*files.list("r", ".lua", 2), ElementsAre("1.lua", "2.lua"));
  EXPECT_FALSE(files.list("r", ".lua", 1).has_value());
  EXPECT_FALSE(files.list("absent", ".lua", 9).has_value());
}

TEST(PolicyFileSet, RequiresFilesThatCanBeReadWithoutWaiting) {
  TempFolder folder;
  PolicyFileSet files(folder.path());
  folder.write("key.pem", "x");
  EXPECT_TRUE(files.require("key.pem"));
  ASSERT_EQ(mkfifo(folder.at("fifo.pem").c_str(), 0600), 0);
  for (const char* const name : {"fifo.pem", ".", "absent.pem"}) {
    EXPECT_FALSE(files.require(name)) << name;
  }
}

TEST(PolicyFileSet, SeesOneStateOfAFolder) {
  TempFolder folder;
  PolicyFileSet files(folder.path());
  folder.write("r/1.lua", "x");
  EXPECT_THAT(*files.list("r", ".lua", 9), ElementsAre("1.lua"));
  const std::string content = files.content();
  folder.write("r/2.lua", "x");
  EXPECT_THAT(*files.list("r", ".lua", 9), ElementsAre("1.lua")) << "routes share folders";
  EXPECT_EQ(files.content(), content);
}

TEST_F(LoaderTest, NamesTheFileOfAMistakeInAnotherFile) {
  folder_.write("actions.yaml", "a: 1\na: 2\n");
  EXPECT_THAT(loadRoute("  filters: [action_class: {document: actions.yaml}]\n").errors,
              ElementsAre("actions.yaml:2:1: duplicate key `a`"));
}

TEST_F(LoaderTest, ListsWhatToWatch) {
  folder_.write("rules/a.lua", "1");
  const std::string path = folder_.write(
      "e.yaml",
      std::string(kHead) +
          "routes: [{name: r, upstream: agent, filters: [lua_rules: {folder: rules}]}]\n");
  const auto result = loadPolicy(path, tools());
  EXPECT_THAT(result.watched, ::testing::UnorderedElementsAre(path, folder_.at("rules")));
}

TEST_F(LoaderTest, SaysThatTheFileIsMissing) {
  const auto result = loadPolicy(folder_.at("none.yaml"), tools());
  EXPECT_EQ(result.snapshot, nullptr);
  EXPECT_THAT(result.errors, ElementsAre(HasSubstr("none.yaml`: No such file")));
}

TEST_F(LoaderTest, RefusesMoreRoutesThanTheLimit) {
  const auto withRoutes = [&](std::size_t count) {
    std::string text = std::string(kHead) + "routes:\n";
    for (std::size_t i = 0; i < count; ++i) {
      const std::string n = std::to_string(i);
      text += "- {name: r" + n + ", upstream: agent, match: {path: /" + n + "}}\n";
    }
    return errorsOf(text);
  };
  EXPECT_THAT(withRoutes(limits::kRoutesMax), IsEmpty());
  EXPECT_THAT(withRoutes(limits::kRoutesMax + 1), ElementsAre(HasSubstr("at most 1000 routes")));
}

struct StartOnlyRow {
  const char* line;
  const char* named;
};

// Every key that only a start can change, by its path. A new one belongs here.
TEST_F(LoaderTest, LetsOnlyAStartChangeSocketsThreadsIdentityAndStores) {
  const std::string base = std::string(kHead) + std::string(kRoute);
  const auto running = load(base).snapshot;
  const std::vector<StartOnlyRow> rows = {
      {"workers: 3", "`workers`"},
      {"user: x", "`user`"},
      {"state: {counter_entries: 4096}", "`state.counter_entries`"},
      {"state: {durability: disk}", "`state.durability`"},
      {"audit: {path: /y}", "`audit.path`"},
      {"audit: {durability: disk}", "`audit.durability`"},
      {"admin: {socket: /z}", "`admin.socket`"},
      // What lies in the directory moves with it.
      {"state: {directory: /x}", "`admin.socket`, `state.directory`, `audit.path`"},
  };
  for (const StartOnlyRow& row : rows) {
    const auto refused = checkReloadable(*running, *load(base + row.line + "\n").snapshot);
    ASSERT_FALSE(refused.has_value()) << row.line;
    EXPECT_EQ(refused.error().message,
              std::string("only a restart can change ") + row.named + ": nothing was changed");
  }
  const char* const kReloadable =
      "timeouts: {head: 1s}\nreload: {watch: true}\ntrusted_proxies: [10.0.0.0/8]\n"
      "audit: {rotate: {size: 1MiB}}\nlimits: {connections: 9}\n"
      "admin: {address: \"127.0.0.1:9901\"}\n";
  EXPECT_TRUE(checkReloadable(*running, *load(base + kReloadable).snapshot));
}

TEST_F(LoaderTest, ListenersAreStartOnlyAndNamedByTheirPlace) {
  const auto with = [&](const std::string& listen) {
    return load("listen: " + listen + "\nupstreams: {agent: {url: \"http://127.0.0.1:1\"}}\n" +
                std::string(kRoute))
        .snapshot;
  };
  const std::string second = "{address: \"127.0.0.1:8080\", clear_text: true}";
  const auto running = with("[{address: \"127.0.0.1:0\", clear_text: true}, " + second + "]");
  const std::vector<StartOnlyRow> rows = {
      {"[{address: \"127.0.0.1:1\", clear_text: true}, ", "`listen[0].address`"},
      {"[{address: \"127.0.0.1:0\", clear_text: true, name: x}, ", "`listen[0].name`"},
      {"[{address: \"127.0.0.1:0\", clear_text: true, backlog: 9}, ", "`listen[0].backlog`"},
      {"[", "`listen`"},
  };
  for (const StartOnlyRow& row : rows) {
    const auto refused = checkReloadable(*running, *with(row.line + second + "]"));
    ASSERT_FALSE(refused.has_value()) << row.line;
    EXPECT_THAT(refused.error().message, HasSubstr(std::string("change ") + row.named + ":"));
  }
}

TEST_F(LoaderTest, NamesAllThatOnlyAStartCanChangeAtOnce) {
  const std::string base = std::string(kHead) + std::string(kRoute);
  const auto next = load(base + "workers: 3\nuser: x\naudit: {path: /y}\n").snapshot;
  const auto refused = checkReloadable(*load(base).snapshot, *next);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().message,
            "only a restart can change `workers`, `user`, `audit.path`: nothing was changed");
}

}  // namespace
}  // namespace edgehold
