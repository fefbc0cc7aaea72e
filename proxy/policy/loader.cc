// SPDX-License-Identifier: Apache-2.0
// Reads the document part by part and assembles the snapshot.
// Thread: main only.
#include "proxy/policy/loader.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "proxy/base/file.h"
#include "proxy/base/limits.h"
#include "proxy/policy/listener_schema.h"
#include "proxy/policy/policy_files.h"
#include "proxy/policy/route_schema.h"
#include "proxy/policy/security_schema.h"
#include "proxy/policy/server_schema.h"
#include "proxy/policy/upstream_schema.h"
#include "proxy/policy/yaml_source.h"

namespace edgehold {
namespace {

std::string directoryOf(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

PolicySnapshot::Parts readDocument(const ConfigNode& document, ConfigErrors& errors,
                                   PolicyFileSet& files, const LoadTools& tools) {
  PolicySnapshot::Parts parts;
  ConfigReader root(document, {}, errors);
  SchemaScope scope{tools.registry, files, parts.warnings, parts.outline};
  const SecurityBlock security = readSecurity(root, document, scope, parts.audit);
  parts.security = security.spec;
  Secrets secrets(security.secrets, tools.environment, tools.clock.wallNow(), files);

  parts.trusted_proxies = readTrustedProxies(root);
  parts.server.listeners = readListeners(root, scope, parts.trusted_proxies);
  scope.verifies_clients =
      std::any_of(parts.server.listeners.begin(), parts.server.listeners.end(),
                  [](const auto& listener) { return !listener.tls.client_ca_file.empty(); });
  readServer(root, scope, parts);
  checkAdmin(root, parts);
  parts.timeouts = readTimeouts(root);
  parts.limits = readServerLimits(root);
  parts.reload = readReload(root);
  readAudit(root, scope, parts);
  parts.upstreams = readUpstreams(root, scope);
  for (const UpstreamSpec& upstream : parts.upstreams) scope.upstreams.push_back(upstream.name);
  parts.routes = readRoutes(root, scope, secrets, security, parts.upstreams);
  root.finish();

  parts.secrets = secrets.states();
  const auto& told = secrets.warnings();
  parts.warnings.insert(parts.warnings.end(), told.begin(), told.end());
  return parts;
}

LoadResult load(std::string_view text, const std::string& path, PolicyFileSet& files,
                const LoadTools& tools) {
  LoadResult result;
  ConfigErrors errors;
  files.contribute({}, text);  // no file has an empty name
  if (const auto document = parseYaml(text, path, errors)) {
    auto parts = readDocument(*document, errors, files, tools);
    if (errors.empty()) {
      result.content = files.content();
      parts.version = PolicyFileSet::versionOf(result.content);
      result.snapshot = std::make_shared<const PolicySnapshot>(std::move(parts));
    }
  }
  result.errors = errors.messages();
  result.watched = files.watched();
  return result;
}

}  // namespace

LoadResult loadPolicyText(std::string_view text, const std::string& path, const LoadTools& tools) {
  PolicyFileSet files(directoryOf(path));
  return load(text, path, files, tools);
}

LoadResult loadPolicy(const std::string& path, const LoadTools& tools) {
  PolicyFileSet files(directoryOf(path));
  files.watch(std::filesystem::path(path).filename().string());
  const auto text = readFile(path, limits::kConfigBytesMax);
  if (text) return load(*text, path, files, tools);
  return {nullptr, {text.error().message}, {}, files.watched()};
}

LoadResult loadKeptPolicy(std::string_view content, const std::string& path,
                          const LoadTools& tools) {
  PolicyFileSet files(directoryOf(path));
  files.watch(std::filesystem::path(path).filename().string());
  const auto text = files.keepTo(content);
  if (!text) return {nullptr, {text.error().message}, {}, files.watched()};
  return load(*text, path, files, tools);
}

}  // namespace edgehold
