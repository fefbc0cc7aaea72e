// SPDX-License-Identifier: Apache-2.0
// Accepts operators, behind admin.h.
// Thread: main only.
#include "proxy/server/admin.h"

#include <algorithm>
#include <utility>

#include "proxy/base/limits.h"
#include "proxy/base/log.h"
#include "proxy/net/socket.h"
#include "proxy/net/tcp_transport.h"
#include "proxy/server/privileges.h"

namespace edgehold {
namespace {

constexpr int kBacklog = 64;

std::string callerAt(const Fd& fd, const Endpoint& peer, bool is_tcp) {
  if (is_tcp) return "tcp:" + peer.toString();
  const auto uid = peerUserId(fd);
  return uid ? describeUser(*uid) : "uid:unknown";
}

Result<void> checkAddress(const AdminSpec& spec) {
  if (!spec.address || spec.address->ip.isLoopback() || spec.is_public_allowed) return {};
  return fail("admin.address: `" + spec.address->toString() +
              "` is not loopback and `security.network.deny_public_admin` is true");
}

}  // namespace

Admin::Admin(EventLoop& loop, Operations& operations)
    : loop_(loop), api_(operations, loop), graveyard_(loop) {}

Admin::~Admin() = default;

Result<std::unique_ptr<Admin>> Admin::make(EventLoop& loop, const AdminSpec& spec,
                                           Operations& operations) {
  std::unique_ptr<Admin> admin(new Admin(loop, operations));
  TRY(admin->listen(spec));
  return admin;
}

Result<void> Admin::listen(const AdminSpec& spec) {
  TRY(checkAddress(spec));
  if (!spec.socket_path.empty()) {
    TRY_ASSIGN(UnixListener unix_listener, listenOnUnix(spec.socket_path, kBacklog));
    socket_file_ = std::move(unix_listener.file);
    unix_listener_ = std::make_unique<Listener>(
        loop_, std::move(unix_listener.fd),
        [this](Fd fd, const Endpoint& peer) { accept(std::move(fd), peer, /*is_tcp=*/false); });
  }
  if (spec.address) TRY(listenAt(*spec.address));
  return {};
}

Result<void> Admin::listenAt(const Endpoint& address) {
  TRY_ASSIGN(Fd fd, listenAloneOn(address, kBacklog));
  wanted_ = address;
  address_ = localEndpoint(fd);
  tcp_listener_ =
      std::make_unique<Listener>(loop_, std::move(fd), [this](Fd accepted, const Endpoint& peer) {
        accept(std::move(accepted), peer, /*is_tcp=*/true);
      });
  return {};
}

Result<void> Admin::moveTo(const AdminSpec& spec) {
  TRY(checkAddress(spec));
  if (spec.address == wanted_) return {};
  // First the old one goes: a wider address of the same port could not be bound beside it.
  const auto old = std::exchange(wanted_, std::nullopt);
  tcp_listener_.reset();
  address_.reset();
  if (!spec.address) return {};
  const auto moved = listenAt(*spec.address);
  if (moved) return {};
  if (old) {
    if (const auto back = listenAt(*old); !back) LOG(ERROR) << back.error().message;
  }
  return fail("admin.address: " + moved.error().message);
}

void Admin::accept(Fd fd, const Endpoint& peer, bool is_tcp) {
  if (connections_.size() >= limits::kAdminConnectionsMax) {
    LogEvery(100, WARNING) << "admin: more than " << limits::kAdminConnectionsMax
                           << " connections, refusing one";
    return;
  }
  AdminConnection::Peer who{callerAt(fd, peer, is_tcp), std::nullopt};
  if (is_tcp) who.local = localEndpoint(fd);
  auto transport = std::make_unique<TcpTransport>(loop_, std::move(fd), peer, false);
  connections_.push_back(
      std::make_unique<AdminConnection>(loop_, api_, std::move(transport), std::move(who),
                                        [this](AdminConnection& connection) { bury(connection); }));
  connections_.back()->start();
}

void Admin::bury(AdminConnection& connection) {
  const auto found =
      std::find_if(connections_.begin(), connections_.end(),
                   [&](const auto& candidate) { return candidate.get() == &connection; });
  CHECK(found != connections_.end());
  graveyard_.bury(std::move(*found));
  connections_.erase(found);
}

}  // namespace edgehold
