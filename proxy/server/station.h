// SPDX-License-Identifier: Apache-2.0
// What one worker serves with: its loop, its pools, its log and counters, and the policy of the
// moment. Built on interfaces, so that a simulation runs the same server without a socket. Thread:
// one loop.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/graveyard.h"
#include "proxy/base/loop.h"
#include "proxy/base/random.h"
#include "proxy/exchange/services.h"
#include "proxy/observe/audit_log.h"
#include "proxy/observe/metrics.h"
#include "proxy/policy/snapshot.h"
#include "proxy/server/capacity.h"
#include "proxy/server/orphan_exchanges.h"
#include "proxy/server/outbound_calls.h"
#include "proxy/upstream/upstream_pool.h"

namespace edgehold {

class JournaledCounters;
class StatusPage;

// What was done with one upstream, and how much of it the metrics say already.
struct UpstreamTally {
  explicit UpstreamTally(WorkerMetrics::UpstreamSeries& its_series) : series(its_series) {}

  std::shared_ptr<UpstreamCounts> counts = std::make_shared<UpstreamCounts>();
  UpstreamCounts published;
  WorkerMetrics::UpstreamSeries& series;
};

class Station {
 public:
  struct Parts {
    Loop& loop;
    Random& random;
    Dialer& dialer;
    Services services;
    AuditLog& audit;
    WorkerMetrics& metrics;
    const StatusPage& status_page;
    Capacity& capacity;
    JournaledCounters* claims = nullptr;  // null: no claim outlives the process
  };
  Station(const Parts& parts, std::shared_ptr<const PolicySnapshot> snapshot);

  Loop& loop() { return parts_.loop; }
  const Clock& clock() const { return parts_.loop.clock(); }
  Random& random() { return parts_.random; }
  Services& services() { return parts_.services; }
  AuditLog& audit() { return parts_.audit; }
  WorkerMetrics& metrics() { return parts_.metrics; }
  Graveyard& graveyard() { return graveyard_; }
  const StatusPage& statusPage() const { return parts_.status_page; }

  // Exchanges that go on without their clients.
  OrphanExchanges& orphans() { return orphans_; }

  // This worker's part of what the process takes on.
  QuotaAccount& exchanges() { return exchanges_; }
  QuotaAccount& bufferedBytes() { return buffered_bytes_; }
  // Output past this, and the other side is not read.
  std::size_t outputBytesHigh() const {
    return buffered_bytes_.isScarce() ? limits::kOutputBytesHighScarce : limits::kOutputBytesHigh;
  }

  const std::shared_ptr<const PolicySnapshot>& snapshot() const { return snapshot_; }
  // New exchanges follow `snapshot` from now on; those under way keep theirs. Pools of upstreams
  // that did not change stay warm.
  void adopt(std::shared_ptr<const PolicySnapshot> snapshot);
  // The pool of an upstream of the current snapshot; an exchange keeps it while it needs it.
  std::shared_ptr<UpstreamPool> pool(std::string_view upstream) const;

  // Records an exchange whose decision stands.
  void record(const Exchange& exchange);
  // Hands what was recorded since the last call to the kernel (to the disk, when a record says that
  // something was held or executed), and the claims that were committed. False: an answer of this
  // turn must not leave, since its record or its claim may be missing. Asked before each output
  // that follows a decision; mostly one write serves all answers of a turn, a request that was
  // decided while the turn ended has one more.
  bool flushRecords();
  // The turn is over: writes the records of those who are not there to be answered.
  void endTurn();

  bool isDraining() const { return is_draining_; }
  void drain();
  // Answers say that their connections end. So they do while draining.
  bool isEnding() const { return is_ending_ || is_draining_; }
  void announceEnd() { is_ending_ = true; }
  // Another process has the state: what has begun may end, nothing may begin.
  bool hasLetGo() const { return has_let_go_; }
  void letGo();

  // 32 hexadecimal digits, never the same twice.
  std::string_view newRequestId(Arena& arena);
  // RFC 9110 6.6.1, IMF-fixdate; made once a second.
  std::string_view date();

 private:
  void publish(UpstreamTally& tally);
  std::shared_ptr<UpstreamPool> makePool(const UpstreamSpec& spec);

  Parts parts_;
  OutboundCalls calls_{*this};
  QuotaAccount exchanges_;
  QuotaAccount buffered_bytes_;
  Graveyard graveyard_;
  std::shared_ptr<const PolicySnapshot> snapshot_;
  std::map<std::string, std::shared_ptr<UpstreamPool>, std::less<>> pools_;
  std::map<std::string, UpstreamTally> tallies_;  // also of those whose last connections end
  OrphanExchanges orphans_{*this};
  bool is_ending_ = false;
  bool is_draining_ = false;
  bool has_let_go_ = false;
  bool has_new_records_ = false;
  bool needs_durable_record_ = false;
  bool is_flushed_ = true;        // the last flush went well
  bool has_lost_record_ = false;  // in this turn
  bool is_journaled_ = true;      // the claims of this turn are kept
  std::string date_;
  std::int64_t date_second_ = -1;
};

}  // namespace edgehold
