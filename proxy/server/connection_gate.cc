// SPDX-License-Identifier: Apache-2.0
// Counts of connections behind connection_gate.h.
// Thread: any (synchronised by mutex_).
#include "proxy/server/connection_gate.h"

#include <algorithm>
#include <utility>

#include "proxy/base/limits.h"
#include "proxy/base/subscriber.h"

namespace edgehold {

ConnectionGate::Pass::Pass(Pass&& other) noexcept
    : gate_(std::exchange(other.gate_, nullptr)),
      seat_(std::move(other.seat_)),
      admission_(other.admission_),
      cap_(other.cap_) {}

ConnectionGate::Pass::~Pass() {
  if (gate_ != nullptr) gate_->leave(*this);
}

void ConnectionGate::Pass::handsShaken() {
  if (seat_ == nullptr) return;
  const std::lock_guard lock(gate_->mutex_);
  gate_->endHandshake(*seat_);
}

void ConnectionGate::Pass::setIdle(bool is_idle) {
  if (seat_ != nullptr) seat_->is_idle.store(is_idle, std::memory_order_relaxed);
}

// May go past the cap for a moment: by as many as may be leaving at once.
void ConnectionGate::Pass::spare() {
  if (seat_ == nullptr) return;
  const std::lock_guard lock(gate_->mutex_);
  if (!std::exchange(seat_->is_leaving, false)) return;
  --gate_->shedding_;
  ++gate_->open_;
  const Addresses::iterator address = *seat_->address;
  gate_->count(address, address->second.connections + 1);
}

ConnectionGate::ConnectionGate() = default;
ConnectionGate::~ConnectionGate() = default;

void ConnectionGate::bound(const Bounds& bounds) {
  const std::lock_guard lock(mutex_);
  bounds_ = bounds;
}

ConnectionGate::Pass ConnectionGate::enter(const Arrival& arrival) {
  const std::lock_guard lock(mutex_);
  const IpAddress network = Subscriber(arrival.peer).network();
  if (arrival.shakes_hands && handshakes_ >= bounds_.handshakes) {
    return refuse(Cap::kHandshakes, /*may_be_told=*/false);
  }
  Pass pass;
  pass.seat_ = std::make_unique<Seat>();
  pass.seat_->is_shaking = arrival.shakes_hands;
  pass.seat_->on_shed = arrival.on_shed;
  if (!arrival.is_exempt) {
    const auto cap = seatAt(network, *pass.seat_);
    if (cap) return refuse(*cap, /*may_be_told=*/*cap != Cap::kHandshakes);
  }
  if (open_ >= bounds_.connections && !makeRoomFor(network)) {
    if (pass.seat_->address) leaveAddress(*pass.seat_);
    return refuse(Cap::kConnections, /*may_be_told=*/true);
  }
  ++open_;
  if (arrival.shakes_hands) ++handshakes_;
  pass.gate_ = this;
  return pass;
}

ConnectionGate::Pass ConnectionGate::attribute(Pass pass, const IpAddress& client) {
  if (pass.admission_ != Admission::kWelcome) return pass;
  const std::lock_guard lock(mutex_);
  const auto cap = seatAt(Subscriber(client).network(), *pass.seat_);
  if (!cap) return pass;
  --open_;
  if (pass.seat_->is_shaking) --handshakes_;
  pass.gate_ = nullptr;
  return refuse(*cap, /*may_be_told=*/*cap != Cap::kHandshakes);
}

// Nothing, or the cap that it would be over.
std::optional<ConnectionGate::Cap> ConnectionGate::seatAt(const IpAddress& network, Seat& seat) {
  const auto found = addresses_.find(network);
  if (found != addresses_.end()) {
    const Address& address = found->second;
    if (address.connections >= bounds_.per_address) return Cap::kAddress;
    if (seat.is_shaking && address.handshakes >= bounds_.handshakes_per_address) {
      return Cap::kHandshakes;
    }
  }
  const auto place = addresses_.try_emplace(network).first;
  Address& address = place->second;
  count(place, address.connections + 1);
  if (seat.is_shaking) ++address.handshakes;
  seat.place = address.seats.insert(address.seats.end(), &seat);
  seat.address = place;
  return std::nullopt;
}

void ConnectionGate::count(Addresses::iterator address, std::size_t connections) {
  std::size_t& now = address->second.connections;
  auto node = by_count_.extract({now, address->first});
  now = connections;
  if (connections == 0) return;
  if (node.empty()) {
    by_count_.emplace(connections, address->first);
  } else {
    node.value().first = connections;
    by_count_.insert(std::move(node));
  }
}

// Only for who does not have more than the other one then: nobody takes turns.
bool ConnectionGate::makeRoomFor(const IpAddress& network) {
  if (shedding_ >= limits::kConnectionsSheddingMax || by_count_.empty()) return false;
  const auto& [most, whose] = *by_count_.rbegin();
  const auto own = addresses_.find(network);
  // The newcomer is among its own; one whom a proxy brings is not, and counts as one.
  const std::size_t own_count = own != addresses_.end() ? own->second.connections : 1;
  if (most <= own_count) return false;
  const auto heaviest = addresses_.find(whose);
  Seat* const seat = idleSeatOf(heaviest->second);
  if (seat == nullptr) return false;
  seat->is_leaving = true;
  ++shedding_;
  --open_;
  count(heaviest, most - 1);
  seat->on_shed();
  return true;
}

ConnectionGate::Seat* ConnectionGate::idleSeatOf(Address& address) {
  std::list<Seat*>& seats = address.seats;
  const std::size_t looked_at = std::min(seats.size(), limits::kShedCandidatesMax);
  for (std::size_t i = 0; i < looked_at; ++i) {
    Seat* const seat = seats.front();
    seats.splice(seats.end(), seats, seats.begin());
    const bool is_idle = seat->is_idle.load(std::memory_order_relaxed);
    if (is_idle && !seat->is_leaving && seat->on_shed) return seat;
  }
  return nullptr;
}

// `may_be_told`: why, by an answer.
ConnectionGate::Pass ConnectionGate::refuse(Cap cap, bool may_be_told) {
  Pass pass;
  pass.cap_ = cap;
  pass.admission_ = Admission::kTurnedAway;
  if (!may_be_told || surplus_ >= limits::kSurplusConnectionsMax) return pass;
  ++surplus_;
  pass.admission_ = Admission::kSurplus;
  pass.gate_ = this;
  return pass;
}

void ConnectionGate::endHandshake(Seat& seat) {
  if (!std::exchange(seat.is_shaking, false)) return;
  --handshakes_;
  if (seat.address) --(*seat.address)->second.handshakes;
}

void ConnectionGate::leave(Pass& pass) {
  const std::lock_guard lock(mutex_);
  if (pass.admission_ == Admission::kSurplus) {
    --surplus_;
    return;
  }
  Seat& seat = *pass.seat_;
  endHandshake(seat);
  if (seat.is_leaving) {
    --shedding_;
  } else {
    --open_;
  }
  if (seat.address) leaveAddress(seat);
}

void ConnectionGate::leaveAddress(Seat& seat) {
  const Addresses::iterator address = *seat.address;
  if (seat.is_shaking) --address->second.handshakes;
  address->second.seats.erase(seat.place);
  if (!seat.is_leaving) count(address, address->second.connections - 1);
  if (address->second.seats.empty()) addresses_.erase(address);
}

}  // namespace edgehold
