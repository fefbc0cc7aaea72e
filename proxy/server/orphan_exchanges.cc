// SPDX-License-Identifier: Apache-2.0
// Who asks for an answer that nobody hears, behind orphan_exchanges.h.
// Thread: one loop (owned by the station).
#include "proxy/server/orphan_exchanges.h"

#include <algorithm>
#include <utility>

#include "proxy/base/loop.h"
#include "proxy/server/client_side.h"
#include "proxy/server/exchange_driver.h"
#include "proxy/server/station.h"

namespace edgehold {

class OrphanExchanges::Nobody final : public ClientSide, public Mortal {
 public:
  Nobody(OrphanExchanges& all, std::unique_ptr<Mortal> home, ExchangeDriver& driver)
      : all_(all),
        home_(std::move(home)),
        driver_(driver),
        deadline_(all.station_.loop().makeTimer([this] { driver_.onDeadline(); })) {}

  ExchangeDriver& driver() { return driver_; }
  void start(Reason left_for) {
    deadline_->arm(driver_.deadline() - all_.station_.clock().now());
    driver_.loseClient(*this, left_for);
  }

  void credit(std::size_t) override {}
  void sendContinue() override {}
  void sendHead(const ResponseHead&, bool) override {}
  void sendBody(ByteView) override {}
  void sendEnd() override {}
  void abort() override {}
  std::size_t queuedBytes() override { return 0; }
  void awaitRecord() override {}
  void noteDeadline() override {}
  void onExchangeDone(const Decision&) override {
    deadline_->cancel();
    all_.end(*this);
  }

 private:
  OrphanExchanges& all_;
  const std::unique_ptr<Mortal> home_;
  ExchangeDriver& driver_;  // in home_
  const std::unique_ptr<Timer> deadline_;
};

OrphanExchanges::OrphanExchanges(Station& station) : station_(station) {}
OrphanExchanges::~OrphanExchanges() = default;

void OrphanExchanges::adopt(std::unique_ptr<Mortal> home, ExchangeDriver& driver, Reason left_for) {
  auto nobody = std::make_unique<Nobody>(*this, std::move(home), driver);
  Nobody& adopted = *nobody;
  exchanges_.emplace(&adopted, std::move(nobody));
  adopted.start(left_for);
}

bool OrphanExchanges::isSettled() const {
  return std::all_of(exchanges_.begin(), exchanges_.end(),
                     [](const auto& entry) { return entry.first->driver().isSettled(); });
}

void OrphanExchanges::cutAll() {
  while (!exchanges_.empty()) exchanges_.begin()->first->driver().onClientGone();
}

void OrphanExchanges::end(Nobody& client) {
  const auto found = exchanges_.find(&client);
  station_.graveyard().bury(std::move(found->second));  // it is on the stack above us
  exchanges_.erase(found);
  if (exchanges_.empty() && on_empty_) on_empty_();
}

}  // namespace edgehold
