// SPDX-License-Identifier: Apache-2.0
// A filter registry that records what it was asked to build, and a folder for a test's files.
// Thread: main only.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <stdlib.h>

#include "proxy/exchange/filter_registry.h"
#include "proxy/policy/loader.h"
#include "tests/support/fake_clock.h"

namespace edgehold {

class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "edgehold-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }
  std::string at(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, const std::string& text) const {
    const std::filesystem::path file = at(name);
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
    // Not world-readable, whatever the umask: that would be a warning about secrets.
    std::filesystem::permissions(
        file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    return file.string();
  }

 private:
  std::string path_;
};

// What a factory was given, flattened: `limits[0].rate` -> `120/1m`.
struct BuiltFilter {
  std::string type;
  std::string route;
  std::string path;
  std::map<std::string, std::string> config;
};

class FakeFilter final : public Filter {
 public:
  explicit FakeFilter(FilterNeeds needs) : needs_(needs) {}
  FilterNeeds needs() const override { return needs_; }

 private:
  FilterNeeds needs_;
};

// The types of the spine with the keys that the loader writes itself; `file`, `folder`, `document`
// and `secret` reach what FilterBuild offers.
class FakeRegistry {
 public:
  // kAny takes every key: for documents written for the real filters.
  enum class Keys : std::uint8_t { kKnown, kAny };
  explicit FakeRegistry(Keys keys = Keys::kKnown) : keys_(keys) {
    add("source_budget", FilterRank::kSourceBudget);
    add("ip_access", FilterRank::kIpAccess);
    add("host_guard", FilterRank::kHostGuard);
    add("method_path", FilterRank::kMethodPath);
    add("payload_cap", FilterRank::kPayloadCap);
    add("mtls_identity", FilterRank::kCredentials);
    for (const char* const type : {"api_key", "jwt_auth", "session_login", "session_auth"}) {
      add(type, FilterRank::kCredentials);
    }
    add("channel", FilterRank::kChannel);
    add("replay_window", FilterRank::kReplayWindow);
    add("event_types", FilterRank::kEventTypes);
    add("dedupe", FilterRank::kDedupe);
    add("rate_limit", FilterRank::kRateLimit, true);
    add("action_class", FilterRank::kActionClass);
    add("lua_rules", FilterRank::kRules, true);
    add("approval_hold", FilterRank::kApprovalHold);
  }
  const FilterRegistry& registry() const { return registry_; }
  const std::vector<BuiltFilter>& built() const { return built_; }
  std::vector<BuiltFilter> builtOf(const std::string& type) const {
    std::vector<BuiltFilter> some;
    for (const BuiltFilter& one : built_) {
      if (one.type == type) some.push_back(one);
    }
    return some;
  }

 private:
  static void flatten(const ConfigNode& node, const std::string& path,
                      std::map<std::string, std::string>& out) {
    if (node.kind == ConfigNode::Kind::kScalar) out[path] = node.scalar;
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      flatten(node.items[i], path + "[" + std::to_string(i) + "]", out);
    }
    for (const auto& [key, value] : node.members) {
      flatten(value, path.empty() ? key : path + "." + key, out);
    }
  }

  void add(std::string_view name, FilterRank rank, bool may_repeat = false) {
    const auto make = [this, name](ConfigReader& config, const FilterBuild& build) {
      return this->make(name, config, build);
    };
    registry_.add({name, rank, make, may_repeat});
  }

  std::unique_ptr<const Filter> make(std::string_view type, ConfigReader& config,
                                     const FilterBuild& build) {
    BuiltFilter one{std::string(type), std::string(build.route), config.path(), {}};
    for (const char* const key : {"allow", "deny", "limits", "actions", "ttl", "max", "methods",
                                  "header", "pointer", "id"}) {
      if (const ConfigNode* const node = config.find(key)) flatten(*node, key, one.config);
    }
    if (config.has("secret")) {
      const auto versions = build.secrets.resolve(config.text("secret"));
      if (!versions) config.reject("secret", versions.error().message);
      one.config["secret"] = std::to_string(versions ? versions->size() : 0);
    }
    if (config.has("file")) {
      const auto bytes = build.files.read(config.text("file"), 1024);
      if (!bytes) config.reject("file", bytes.error().message);
    }
    if (config.has("folder")) {
      const auto names = build.files.list(config.text("folder"), ".lua", 16);
      if (!names) config.reject("folder", names.error().message);
    }
    if (config.has("document")) build.files.config(config.text("document"), config.errors());
    FilterNeeds needs;
    if (config.boolean("whole_body", false)) needs.request_body = FilterNeeds::Body::kWhole;
    needs.event = config.boolean("wants_event", false);
    needs.ws_answers = config.boolean("on_message", false);
    needs.client_certificate = type == "mtls_identity";
    if (keys_ == Keys::kKnown) config.finish();
    built_.push_back(std::move(one));
    return std::make_unique<FakeFilter>(needs);
  }

  const Keys keys_;
  FilterRegistry registry_;
  std::vector<BuiltFilter> built_;
};

}  // namespace edgehold
