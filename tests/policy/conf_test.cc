// SPDX-License-Identifier: Apache-2.0
// Every example configuration that is shipped loads as it stands.
// Thread: main only.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/file.h"
#include "proxy/base/limits.h"
#include "proxy/policy/loader.h"
#include "proxy/policy/yaml_source.h"
#include "tests/policy/policy_fakes.h"
#ifdef EDGEHOLD_TEST_REAL_FILTERS
#include "filters/registry.h"
#endif

namespace edgehold {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
namespace fs = std::filesystem;

// A copy of conf/ with the files that an operator brings along.
class ConfTest : public ::testing::Test {
 protected:
  ConfTest() {
    fs::copy(fs::path(EDGEHOLD_SOURCE_DIR) / "conf", folder_.path(), fs::copy_options::recursive);
    for (const char* const file :
         {"cert.pem", "key.pem", "other-cert.pem", "other-key.pem", "ca.pem"}) {
      folder_.write(std::string("tls/") + file, "x");
    }
    folder_.write("secrets/webhook", "file");
    folder_.write("secrets/vault/bots/main/signing", "vault");
    folder_.write("rules/none.lua",
                  "return { id = \"none\", check = function() return allow() end }\n");
  }

  LoadResult load(const std::string& name, const FilterRegistry& registry) const {
    const auto environment = [](const std::string&) {
      return std::optional<std::string>("an environment of thirty-two bytes");
    };
    return loadPolicy(folder_.at(name), {registry, SystemClock(), environment});
  }
  // With the fakes always, with the real filters where they are built.
  LoadResult loadWithAll(const std::string& name) const {
    const FakeRegistry fakes(FakeRegistry::Keys::kAny);
    LoadResult result = load(name, fakes.registry());
#ifdef EDGEHOLD_TEST_REAL_FILTERS
    EXPECT_THAT(result.errors, IsEmpty());
    FilterRegistry registry;
    addFilters(registry);
    result = load(name, registry);
#endif
    return result;
  }

  TempFolder folder_;
};

TEST_F(ConfTest, LoadsTheMinimalExample) {
  const auto result = loadWithAll("minimal.yaml");
  ASSERT_THAT(result.errors, IsEmpty());
  EXPECT_THAT(result.snapshot->warnings(), IsEmpty());
}

TEST_F(ConfTest, LoadsTheBotExampleAndHoldsWhatItSays) {
  const auto result = loadWithAll("bot.yaml");
  ASSERT_THAT(result.errors, IsEmpty());
  EXPECT_THAT(result.snapshot->warnings(), IsEmpty());
  std::vector<std::string> names;
  for (const auto& entry : result.snapshot->match("", "/webhook")->chain().entries()) {
    names.push_back(entry.name);
  }
  EXPECT_THAT(names, ElementsAre("security.allowlist_ips", "method_path", "payload_cap", "channel",
                                 "replay_window", "event_types", "dedupe", "security.rate_limit",
                                 "rate_limit", "action_class", "approval_hold"));
  EXPECT_EQ(result.snapshot->match("bot.example.com", "/")->name(), "console");
  EXPECT_EQ(result.snapshot->match("bot.example.com", "/webhook")->name(), "webhook");
  for (const std::string_view path : {"/webhook/", "/Webhook"}) {
    EXPECT_EQ(result.snapshot->match("bot.example.com", path), nullptr) << path;
  }
}

TEST_F(ConfTest, LoadsTheOpenClawExampleWhoseMessagesPassTheChain) {
  const auto result = loadWithAll("openclaw.yaml");
  ASSERT_THAT(result.errors, IsEmpty());
  const Route* const route = result.snapshot->match("claw.example.com", "/");
  ASSERT_NE(route, nullptr);
  ASSERT_TRUE(route->websocket().has_value());
  EXPECT_TRUE(route->websocket()->is_inspected);
  EXPECT_FALSE(route->websocket()->allows_binary);
  EXPECT_EQ(route->websocket()->protocol, WebSocketSpec::Protocol::kOpenClaw);
#ifdef EDGEHOLD_TEST_REAL_FILTERS
  EXPECT_TRUE(route->chain().bodyPlan().ws_messages);
#endif
}

TEST_F(ConfTest, LoadsTheCompleteExample) {
  const auto result = loadWithAll("complete.yaml");
  ASSERT_THAT(result.errors, IsEmpty());
  EXPECT_THAT(result.snapshot->warnings(), IsEmpty());
  EXPECT_EQ(result.snapshot->routes().size(), 6u);
}

TEST_F(ConfTest, ReadsEveryShippedCatalogue) {
  int catalogues = 0;
  for (const auto& entry : fs::directory_iterator(folder_.at("actions"))) {
    const auto text = readFile(entry.path().string(), limits::kConfigBytesMax);
    ASSERT_TRUE(text.has_value());
    ConfigErrors errors;
    const auto tree = parseYaml(*text, entry.path().string(), errors);
    ASSERT_TRUE(tree.has_value()) << ::testing::PrintToString(errors.messages());
    EXPECT_EQ(tree->members.at(0).first, "rows");
    ++catalogues;
  }
  EXPECT_GE(catalogues, 2);
}

}  // namespace
}  // namespace edgehold
