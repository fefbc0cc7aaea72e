// SPDX-License-Identifier: Apache-2.0
// Comings and goings behind proxy_lobby.h.
// Thread: one loop (owned by the worker).
#include "proxy/server/proxy_lobby.h"

#include <utility>

#include "proxy/base/log.h"

namespace edgehold {

void ProxyLobby::await(Guest guest, Fd fd, Duration time) {
  ProxyIntake::Observer& observer = *this;
  auto intake = std::make_unique<ProxyIntake>(loop_, std::move(fd), observer);
  ProxyIntake& started = *intake;
  guests_.emplace(&started, Waiting{std::move(intake), std::move(guest)});
  started.start(time);
}

void ProxyLobby::onProxyHeader(ProxyIntake& intake, const ProxySource& source) {
  Guest guest = leave(intake);
  host_.onAnnounced(std::move(guest), intake.takeFd(), source);
}

void ProxyLobby::onProxyFault(ProxyIntake& intake, ProxyFault fault) {
  metrics_.proxyFault(fault);
  intake.takeFd();  // closed now, before its place is given to somebody else
  (void)leave(intake);
  host_.onTurnedAway();
}

ProxyLobby::Guest ProxyLobby::leave(ProxyIntake& intake) {
  const auto found = guests_.find(&intake);
  CHECK(found != guests_.end());
  Guest guest = std::move(found->second.guest);
  graveyard_.bury(std::move(found->second.intake));
  guests_.erase(found);
  return guest;
}

}  // namespace edgehold
