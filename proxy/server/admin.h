// SPDX-License-Identifier: Apache-2.0
// The admin listener: a Unix socket, a TCP address, or both, served by the main loop.
// Thread: main only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/graveyard.h"
#include "proxy/net/event_loop.h"
#include "proxy/net/listener.h"
#include "proxy/net/unix_socket.h"
#include "proxy/policy/snapshot.h"
#include "proxy/server/admin_api.h"
#include "proxy/server/admin_connection.h"
#include "proxy/server/operations.h"

namespace edgehold {

class Admin {
 public:
  // Listens. Refuses an address that others can reach unless the policy says so: the loader has
  // checked that before; a listener without credentials is worth a second look.
  // REQUIRES: loop and operations outlive it.
  static Result<std::unique_ptr<Admin>> make(EventLoop& loop, const AdminSpec& spec,
                                             Operations& operations);
  ~Admin();
  Admin(const Admin&) = delete;
  Admin& operator=(const Admin&) = delete;

  // Listens on the TCP address of `spec` instead, or on none; who is connected stays. On an error
  // it listens where it did.
  Result<void> moveTo(const AdminSpec& spec);

  // Where it listens, the port as bound; nothing without a TCP address.
  std::optional<Endpoint> address() const { return address_; }
  const std::string& socketPath() const { return socket_file_.path(); }
  std::size_t connections() const { return connections_.size(); }

 private:
  Admin(EventLoop& loop, Operations& operations);
  Result<void> listen(const AdminSpec& spec);
  Result<void> listenAt(const Endpoint& address);
  void accept(Fd fd, const Endpoint& peer, bool is_tcp);
  void bury(AdminConnection& connection);

  EventLoop& loop_;
  AdminApi api_;
  Graveyard graveyard_;
  std::optional<Endpoint> wanted_;  // the port as configured
  std::optional<Endpoint> address_;
  UnixSocketFile socket_file_;
  std::unique_ptr<Listener> unix_listener_;
  std::unique_ptr<Listener> tcp_listener_;
  std::vector<std::unique_ptr<AdminConnection>> connections_;
};

}  // namespace edgehold
