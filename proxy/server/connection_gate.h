// SPDX-License-Identifier: Apache-2.0
// How many client connections there may be, in all and from one address. Asked once a connection,
// by all workers: the counts are exact.
// Thread: any (synchronised by mutex_).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>

#include "proxy/base/ip.h"

namespace edgehold {

class ConnectionGate {
 public:
  enum class Admission : std::uint8_t {
    kWelcome,
    kSurplus,     // over a cap; its request may still be read, to be answered with 503
    kTurnedAway,  // over a cap, and enough of those are being told already
  };
  enum class Cap : std::uint8_t { kNone, kConnections, kAddress };

  // One connection's place; given back when it ends. REQUIRES: the gate outlives it.
  class Pass {
   public:
    Pass(Pass&& other) noexcept;
    Pass& operator=(Pass&&) = delete;
    ~Pass();

    Admission admission() const { return admission_; }
    Cap cap() const { return cap_; }  // the one it is over

   private:
    friend class ConnectionGate;
    Pass() = default;

    ConnectionGate* gate_ = nullptr;    // null when nothing is to be given back
    std::optional<IpAddress> network_;  // where it is counted
    Admission admission_ = Admission::kWelcome;
    Cap cap_ = Cap::kNone;
  };

  ConnectionGate() = default;
  ConnectionGate(const ConnectionGate&) = delete;
  ConnectionGate& operator=(const ConnectionGate&) = delete;

  // Connections that are open stay.
  void bound(std::size_t connections, std::size_t per_address);
  // `is_exempt` from the cap of an address: a trusted proxy brings the clients of many.
  Pass enter(const IpAddress& peer, bool is_exempt);
  // A proxy has said whose connection it is: counts it where it belongs, or refuses it there.
  // REQUIRES: `pass` was entered as exempt.
  Pass attribute(Pass pass, const IpAddress& client);

 private:
  Pass refuse(Cap cap);
  bool countAt(const IpAddress& address, Pass& pass);
  void leave(const Pass& pass);

  std::mutex mutex_;
  // guarded by mutex_
  std::size_t connections_most_ = SIZE_MAX;
  std::size_t per_address_most_ = SIZE_MAX;
  std::size_t open_ = 0;
  std::size_t surplus_ = 0;                     // at most limits::kSurplusConnectionsMax
  std::map<IpAddress, std::size_t> addresses_;  // at most as many as are open
};

}  // namespace edgehold
