// SPDX-License-Identifier: Apache-2.0
// Exchanges whose clients left while the upstream was at work on an event: they are seen through,
// with nobody to hear the answer, so that it is known whether the event was taken and may not come
// again. Thread: one loop (owned by the station).
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>

#include "proxy/base/graveyard.h"
#include "proxy/base/reason.h"

namespace edgehold {

class ExchangeDriver;
class Station;

class OrphanExchanges {
 public:
  // REQUIRES: the station outlives it.
  explicit OrphanExchanges(Station& station);
  OrphanExchanges(const OrphanExchanges&) = delete;
  OrphanExchanges& operator=(const OrphanExchanges&) = delete;
  ~OrphanExchanges();

  // `home` owns the driver, and is buried when its exchange is over.
  // REQUIRES: driver.outlivesClient().
  void adopt(std::unique_ptr<Mortal> home, ExchangeDriver& driver, Reason left_for);
  bool empty() const { return exchanges_.empty(); }
  // None of them needs what is remembered (ExchangeDriver::isSettled()).
  bool isSettled() const;
  // Ends what is under way: the process does.
  void cutAll();
  // Called whenever the last of them is over.
  void setOnEmpty(std::function<void()> on_empty) { on_empty_ = std::move(on_empty); }

 private:
  class Nobody;
  void end(Nobody& client);

  Station& station_;
  std::unordered_map<Nobody*, std::unique_ptr<Nobody>> exchanges_;
  std::function<void()> on_empty_;
};

}  // namespace edgehold
