// SPDX-License-Identifier: Apache-2.0
// How many client connections there may be, in all and from one address, and how many of them may
// be shaking hands. Asked a few times a connection, by all workers: the counts are exact. At the
// cap of all, whoever comes from an address that has few takes the place of an idle connection of
// the address that has most. Thread: any (synchronised by mutex_).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "proxy/base/ip.h"

namespace edgehold {

class ConnectionGate {
  struct Seat;

 public:
  enum class Admission : std::uint8_t {
    kWelcome,
    kSurplus,     // over a cap; its request may still be read, to be answered with 503
    kTurnedAway,  // over a cap, and enough of those are being told already
  };
  enum class Cap : std::uint8_t { kNone, kConnections, kAddress, kHandshakes };

  struct Bounds {
    std::size_t connections = SIZE_MAX;
    std::size_t per_address = SIZE_MAX;
    std::size_t handshakes = SIZE_MAX;
    std::size_t handshakes_per_address = SIZE_MAX;
  };

  struct Arrival {
    IpAddress peer;
    // From the caps of an address, and nobody's to shed: a trusted proxy brings the clients of
    // many.
    bool is_exempt = false;
    bool shakes_hands = false;  // TLS
    // Asks the connection to make room; on any thread, with the gate locked. It ends, or is spared.
    std::function<void()> on_shed = {};
  };

  // One connection's place; given back when it ends. REQUIRES: the gate outlives it.
  class Pass {
   public:
    Pass(Pass&& other) noexcept;
    Pass& operator=(Pass&&) = delete;
    ~Pass();

    Admission admission() const { return admission_; }
    Cap cap() const { return cap_; }  // the one it is over

    // TLS is established; at most once.
    void handsShaken();
    // Nothing of it is under way: it may be asked to make room. Costs one store.
    void setIdle(bool is_idle);
    // Asked to make room, it has become busy meanwhile and stays.
    void spare();

   private:
    friend class ConnectionGate;
    Pass() = default;

    ConnectionGate* gate_ = nullptr;  // null when nothing is to be given back
    std::unique_ptr<Seat> seat_;      // null: turned away, or surplus
    Admission admission_ = Admission::kWelcome;
    Cap cap_ = Cap::kNone;
  };

  ConnectionGate();
  ~ConnectionGate();
  ConnectionGate(const ConnectionGate&) = delete;
  ConnectionGate& operator=(const ConnectionGate&) = delete;

  // Connections that are open stay.
  void bound(const Bounds& bounds);
  Pass enter(const Arrival& arrival);
  // A proxy has said whose connection it is: counts it where it belongs, or refuses it there.
  // REQUIRES: `pass` was entered as exempt.
  Pass attribute(Pass pass, const IpAddress& client);

 private:
  struct Address {
    std::size_t connections = 0;
    std::size_t handshakes = 0;
    std::list<Seat*> seats;  // oldest first, but for those that were looked at and found busy
  };
  using Addresses = std::map<IpAddress, Address>;
  struct Seat {
    std::atomic<bool> is_idle{true};
    // guarded by mutex_
    std::optional<Addresses::iterator> address;  // none: exempt
    std::list<Seat*>::iterator place;            // in its address's list
    bool is_shaking = false;
    bool is_leaving = false;  // asked to make room: counted no more
    std::function<void()> on_shed;
  };

  Pass refuse(Cap cap, bool may_be_told);
  std::optional<Cap> seatAt(const IpAddress& network, Seat& seat);
  void leaveAddress(Seat& seat);
  // Changes the count of an address, and its place in the order.
  void count(Addresses::iterator address, std::size_t connections);
  bool makeRoomFor(const IpAddress& network);
  Seat* idleSeatOf(Address& address);
  void endHandshake(Seat& seat);
  void leave(Pass& pass);

  std::mutex mutex_;
  // guarded by mutex_
  Bounds bounds_;
  std::size_t open_ = 0;
  std::size_t handshakes_ = 0;
  std::size_t surplus_ = 0;                               // at most limits::kSurplusConnectionsMax
  std::size_t shedding_ = 0;                              // at most limits::kConnectionsSheddingMax
  Addresses addresses_;                                   // at most as many as are open
  std::set<std::pair<std::size_t, IpAddress>> by_count_;  // the same
};

}  // namespace edgehold
