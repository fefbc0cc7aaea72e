// SPDX-License-Identifier: Apache-2.0
// `edgehold secrets status`: how old each secret is that a configuration refers to.
// Thread: main only.
#include <algorithm>
#include <ostream>

#include "proxy/base/json_tree.h"
#include "proxy/server/commands/command.h"
#include "proxy/server/commands/table.h"

namespace edgehold {
namespace {

struct Judged {
  const SecretState& secret;
  std::optional<std::int64_t> age_days;
  bool is_due = false;
};

std::string textOf(const std::vector<Judged>& secrets, int rotate_days) {
  if (secrets.empty()) return "no secret is referred to\n";
  Table table({"SECRET", "LIVE", "AGE", "STATE"});
  for (const auto& [secret, age_days, is_due] : secrets) {
    const std::string state = secret.versions == 0 ? "does not resolve"
                              : is_due
                                  ? "rotate it: older than " + std::to_string(rotate_days) + " days"
                                  : "good";
    table.add({secret.reference, std::to_string(secret.versions),
               age_days ? std::to_string(*age_days) + " d" : "not known", state});
  }
  return table.text();
}

std::string jsonOf(const std::vector<Judged>& secrets) {
  Json::Value tree(Json::arrayValue);
  for (const auto& [secret, age_days, is_due] : secrets) {
    Json::Value row(Json::objectValue);
    row["reference"] = secret.reference;
    row["live_versions"] = Json::UInt64{secret.versions};
    row["age_days"] = age_days ? Json::Value(Json::Int64{*age_days}) : Json::Value();
    row["is_due"] = is_due;
    tree.append(std::move(row));
  }
  return writeJsonPretty(tree);
}

}  // namespace

ExitCode showSecrets(const Options& options, const CommandWorld& world) {
  const LoadResult loaded = loadPolicy(options.config_file, world.loadTools());
  for (const std::string& error : loaded.errors) world.err << printable(error) << "\n";
  if (loaded.snapshot == nullptr) return ExitCode::kUsage;
  const int rotate_days = loaded.snapshot->security().secret_rotate_days;
  const WallTime now = world.clock.wallNow();
  std::vector<Judged> secrets;
  for (const SecretState& secret : loaded.snapshot->secrets()) {
    Judged judged{secret, std::nullopt, secret.isDue(now, rotate_days)};
    if (secret.modified) judged.age_days = (now - *secret.modified) / std::chrono::hours(24);
    secrets.push_back(judged);
  }
  world.out << (options.is_json ? jsonOf(secrets) : textOf(secrets, rotate_days));
  const bool is_good = std::none_of(secrets.begin(), secrets.end(), [](const Judged& one) {
    return one.is_due || one.secret.versions == 0;
  });
  return is_good ? ExitCode::kOk : ExitCode::kGate;
}

}  // namespace edgehold
