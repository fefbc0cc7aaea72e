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
#include "proxy/upstream/upstream_pool.h"

namespace edgehold {

class StatusPage;

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

  const std::shared_ptr<const PolicySnapshot>& snapshot() const { return snapshot_; }
  // New exchanges follow `snapshot` from now on; those under way keep theirs. Pools of upstreams
  // that did not change stay warm.
  void adopt(std::shared_ptr<const PolicySnapshot> snapshot);
  // The pool of an upstream of the current snapshot; an exchange keeps it while it needs it.
  std::shared_ptr<UpstreamPool> pool(std::string_view upstream) const;

  // Hands the turn's records to the kernel (to the disk, when one of them says that something was
  // held or executed). Runs before any answer of the turn leaves.
  void flushAudit();
  // Records an exchange whose decision stands.
  void record(const Exchange& exchange);
  // The last flush failed: an answer whose record is missing must not leave.
  bool owesRecords() const { return owes_records_; }

  bool isDraining() const { return is_draining_; }
  void drain();

  // 32 hexadecimal digits, never the same twice.
  std::string_view newRequestId(Arena& arena);
  // RFC 9110 6.6.1, IMF-fixdate; made once a second.
  std::string_view date();

 private:
  Parts parts_;
  Graveyard graveyard_;
  std::shared_ptr<const PolicySnapshot> snapshot_;
  std::map<std::string, std::shared_ptr<UpstreamPool>, std::less<>> pools_;
  bool is_draining_ = false;
  bool needs_durable_record_ = false;
  bool owes_records_ = false;
  std::string date_;
  std::int64_t date_second_ = -1;
};

}  // namespace edgehold
