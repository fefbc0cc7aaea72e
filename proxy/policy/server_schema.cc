// SPDX-License-Identifier: Apache-2.0
// Reads what concerns the whole process.
// Thread: main only.
#include "proxy/policy/server_schema.h"

#include <string>
#include <utility>

#include <sys/un.h>

#include "proxy/base/limits.h"

namespace edgehold {
namespace {

constexpr std::string_view kStateDirectory = "/var/lib/edgehold";
constexpr std::size_t kSocketPathBytesMax = sizeof(sockaddr_un::sun_path) - 1;

void readState(ConfigReader& root, SchemaScope& scope, PolicySnapshot::Parts& parts) {
  std::string directory(kStateDirectory);
  if (auto state = root.child("state")) {
    directory = state->text("directory", kStateDirectory);
    if (directory.empty()) state->reject("directory", "must not be empty");
    parts.counter_entries =
        state->number("counter_entries", parts.counter_entries, 1024, std::uint64_t{1} << 32);
    parts.server.is_state_synced =
        state->choice<bool>("durability", false, {{"kernel", false}, {"disk", true}});
    state->finish();
  }
  parts.server.state_directory = scope.files.absolute(directory);
}

void readAdmin(ConfigReader& root, SchemaScope& scope, ServerSpec& server) {
  // One directory that edgehold may write is enough to start.
  std::string socket = server.state_directory + "/admin.sock";
  auto admin = root.child("admin");
  if (admin) {
    const std::string written = admin->text("socket", socket);
    socket = written.empty() ? written : scope.files.absolute(written);
    const std::string address = admin->text("address");
    server.admin.address = Endpoint::parse(address);
    if (!address.empty() && !server.admin.address) {
      admin->reject("address", "expected an address and a port such as `127.0.0.1:9901`, found " +
                                   quoteForMessage(address));
    }
    admin->finish();
  }
  if (socket.size() > kSocketPathBytesMax) {
    const std::string message = "the socket's path " + quoteForMessage(socket) +
                                " is longer than " + std::to_string(kSocketPathBytesMax) + " bytes";
    admin ? admin->reject("socket", message) : root.reject("admin", message);
  }
  server.admin.socket_path = std::move(socket);
}

}  // namespace

void readServer(ConfigReader& root, SchemaScope& scope, PolicySnapshot::Parts& parts) {
  readState(root, scope, parts);
  readAdmin(root, scope, parts.server);
  parts.server.workers = root.number("workers", 0, 0, limits::kWorkersMax);
  parts.server.user = root.text("user");
}

void checkAdmin(ConfigReader& root, PolicySnapshot::Parts& parts) {
  parts.server.admin.is_public_allowed = !parts.security.deny_public_admin;
  const auto& address = parts.server.admin.address;
  if (!address || address->ip.isLoopback()) return;
  auto admin = root.child("admin");
  if (!admin) return;
  if (parts.security.deny_public_admin) {
    admin->reject("address",
                  "`" + address->toString() +
                      "` is not loopback and `security.network.deny_public_admin` is true: listen "
                      "on `127.0.0.1`, or use `socket` alone");
    return;
  }
  parts.warnings.push_back("admin.address `" + address->toString() +
                           "` can be reached from other machines and asks for no credentials");
}

TimeoutSpec readTimeouts(ConfigReader& root) {
  TimeoutSpec spec;
  auto timeouts = root.child("timeouts");
  if (!timeouts) return spec;
  spec.handshake = readWait(*timeouts, "handshake", spec.handshake);
  spec.head = readWait(*timeouts, "head", spec.head);
  spec.idle = readWait(*timeouts, "idle", spec.idle);
  spec.write = readWait(*timeouts, "write", spec.write);
  spec.drain_delay = timeouts->duration("drain_delay", spec.drain_delay);
  spec.drain = readWait(*timeouts, "drain", spec.drain);
  timeouts->finish();
  return spec;
}

LimitSpec readServerLimits(ConfigReader& root) {
  LimitSpec spec;
  auto reader = root.child("limits");
  if (!reader) return spec;
  if (reader->has("connections")) {
    spec.connections = reader->number("connections", 1, 1, limits::kConnectionsCeiling);
  }
  spec.connections_per_address = reader->number(
      "connections_per_address", spec.connections_per_address, 1, limits::kConnectionsCeiling);
  spec.handshakes = reader->number("handshakes", spec.handshakes, 1, limits::kConnectionsCeiling);
  spec.handshakes_per_address = reader->number(
      "handshakes_per_address", spec.handshakes_per_address, 1, limits::kConnectionsCeiling);
  spec.exchanges = reader->number("exchanges", spec.exchanges, 1, limits::kExchangesCeiling);
  spec.buffered_bytes =
      reader->bytes("buffered", spec.buffered_bytes, limits::kBufferedBytesCeiling);
  if (spec.buffered_bytes < limits::kBufferedBytesLeast) {
    reader->reject("buffered", "must be at least `1MiB`");
  }
  spec.client_rate = reader->bytes("client_rate", spec.client_rate, limits::kClientRateCeiling);
  reader->finish();
  return spec;
}

ReloadSpec readReload(ConfigReader& root) {
  ReloadSpec spec;
  if (auto reload = root.child("reload")) {
    spec.is_watched = reload->boolean("watch", false);
    reload->finish();
  }
  return spec;
}

std::vector<Cidr> readNetworks(ConfigReader& reader, std::string_view key) {
  std::vector<Cidr> networks;
  for (const std::string& text : reader.texts(key)) {
    auto network = Cidr::parse(text);
    if (network) {
      networks.push_back(*network);
    } else {
      reader.reject(key, quoteForMessage(text) + ": " + network.error().message);
    }
  }
  return networks;
}

CidrSet readTrustedProxies(ConfigReader& root) {
  return CidrSet(readNetworks(root, "trusted_proxies"));
}

void readAudit(ConfigReader& root, SchemaScope& scope, PolicySnapshot::Parts& parts) {
  AuditSpec& spec = parts.audit;
  spec.path = parts.server.state_directory + "/audit.jsonl";
  auto audit = root.child("audit");
  if (!audit) return;
  const std::string path = audit->text("path", spec.path);
  if (path.empty()) audit->reject("path", "must not be empty; `-` is standard output");
  spec.path = path == "-" ? path : scope.files.absolute(path);
  spec.durability = audit->choice<AuditSpec::Durability>(
      "durability", spec.durability,
      {{"kernel", AuditSpec::Durability::kKernel}, {"disk", AuditSpec::Durability::kDisk}});
  if (auto rotate = audit->child("rotate")) {
    constexpr std::size_t kLeast = 64 * 1024;
    spec.rotate_bytes = rotate->bytes("size", spec.rotate_bytes, std::size_t{1} << 40);
    if (spec.rotate_bytes < kLeast) rotate->reject("size", "must be at least `64KiB`");
    spec.rotate_daily = rotate->boolean("daily", spec.rotate_daily);
    rotate->finish();
  }
  audit->finish();
}

}  // namespace edgehold
