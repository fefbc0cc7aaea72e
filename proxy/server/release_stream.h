// SPDX-License-Identifier: Apache-2.0
// The asking side of a released hold: nobody is connected, so the upstream's answer is collected
// for whoever comes with the status token. Thread: one loop (owned by the worker).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "proxy/delivery/hold_release.h"
#include "proxy/server/exchange_driver.h"
#include "proxy/server/station.h"

namespace edgehold {

class ReleaseStream final : public Mortal, private ExchangeDriver::Client {
 public:
  using OnDone = std::function<void(ReleaseStream&, ExecutionResult)>;

  // `on_done` is called once, after the record is written; it must not destroy the stream before it
  // has returned.
  ReleaseStream(Station& station, StoredRequest request, OnDone on_done);

  void start();
  // Ends what is under way: the process does.
  void cut() { driver_.onClientGone(); }

 private:
  void fill(Exchange& exchange) const;

  // ExchangeDriver::Client
  void credit(std::size_t) override {}
  void sendContinue() override {}
  void sendHead(const ResponseHead& head, bool for_head) override;
  void sendBody(ByteView chunk) override;
  void sendEnd() override { is_whole_ = true; }
  void abort() override { is_whole_ = false; }
  std::size_t queuedBytes() override { return 0; }
  void awaitRecord() override {}
  void noteDeadline() override {}
  void onExchangeDone(const Decision& decision) override;

  Station& station_;
  StoredRequest request_;
  OnDone on_done_;
  ExecutionResult result_;
  bool is_whole_ = false;
  ExchangeDriver driver_;
};

// The releases that are under way at one station.
class Releases {
 public:
  explicit Releases(Station& station) : station_(station) {}

  // `done` is called once, when the release is no longer one of these.
  void start(StoredRequest request, std::function<void(ExecutionResult)> done);
  bool empty() const { return streams_.empty(); }
  void cutAll();

 private:
  Station& station_;
  std::unordered_map<ReleaseStream*, std::unique_ptr<ReleaseStream>> streams_;
};

}  // namespace edgehold
