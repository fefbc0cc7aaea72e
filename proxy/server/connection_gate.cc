// SPDX-License-Identifier: Apache-2.0
// Counts of connections behind connection_gate.h.
// Thread: any (synchronised by mutex_).
#include "proxy/server/connection_gate.h"

#include <utility>

#include "proxy/base/limits.h"

namespace edgehold {
namespace {

// A subscriber has a /64 of IPv6 addresses at the least, and may use each of them.
constexpr unsigned kNetworkBitsV6 = 64;

IpAddress networkOf(const IpAddress& address) {
  return address.isV4() ? address : Cidr::around(address, kNetworkBitsV6).first();
}

}  // namespace

ConnectionGate::Pass::Pass(Pass&& other) noexcept
    : gate_(std::exchange(other.gate_, nullptr)),
      network_(other.network_),
      admission_(other.admission_),
      cap_(other.cap_) {}

ConnectionGate::Pass::~Pass() {
  if (gate_ != nullptr) gate_->leave(*this);
}

void ConnectionGate::bound(std::size_t connections, std::size_t per_address) {
  const std::lock_guard lock(mutex_);
  connections_most_ = connections;
  per_address_most_ = per_address;
}

ConnectionGate::Pass ConnectionGate::enter(const IpAddress& peer, bool is_exempt) {
  const std::lock_guard lock(mutex_);
  if (open_ >= connections_most_) return refuse(Cap::kConnections);
  Pass pass;
  if (!is_exempt && !countAt(peer, pass)) return refuse(Cap::kAddress);
  ++open_;
  pass.gate_ = this;
  return pass;
}

ConnectionGate::Pass ConnectionGate::attribute(Pass pass, const IpAddress& client) {
  if (pass.admission_ != Admission::kWelcome) return pass;
  const std::lock_guard lock(mutex_);
  if (countAt(client, pass)) return pass;
  --open_;
  pass.gate_ = nullptr;
  return refuse(Cap::kAddress);
}

bool ConnectionGate::countAt(const IpAddress& address, Pass& pass) {
  const IpAddress network = networkOf(address);
  const auto [place, is_new] = addresses_.try_emplace(network, 0);
  if (place->second >= per_address_most_) return false;
  ++place->second;
  pass.network_ = network;
  return true;
}

ConnectionGate::Pass ConnectionGate::refuse(Cap cap) {
  Pass pass;
  pass.cap_ = cap;
  pass.admission_ = Admission::kTurnedAway;
  if (surplus_ >= limits::kSurplusConnectionsMax) return pass;
  ++surplus_;
  pass.admission_ = Admission::kSurplus;
  pass.gate_ = this;
  return pass;
}

void ConnectionGate::leave(const Pass& pass) {
  const std::lock_guard lock(mutex_);
  if (pass.admission_ == Admission::kSurplus) {
    --surplus_;
    return;
  }
  --open_;
  if (!pass.network_) return;
  const auto found = addresses_.find(*pass.network_);
  if (--found->second == 0) addresses_.erase(found);
}

}  // namespace edgehold
