// SPDX-License-Identifier: Apache-2.0
// The one way a policy comes into force after the start: from the disk or from the history, checked
// whole, recorded, kept, and only then handed over.
// Thread: main only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/base/loop.h"
#include "proxy/base/random.h"
#include "proxy/observe/audit_file.h"
#include "proxy/observe/metrics.h"
#include "proxy/policy/history.h"
#include "proxy/policy/loader.h"
#include "proxy/policy/watcher.h"
#include "proxy/server/operations.h"
#include "proxy/server/serving.h"

namespace edgehold {

class Reloader {
 public:
  // All outlive the reloader.
  struct Parts {
    Loop& loop;
    const LoadTools& tools;
    Random& random;
    AuditFile& audit;
    MetricsRegistry& metrics;
    const std::string& config_file;
  };
  // What a policy needs of the machine (an admin address); an error refuses it.
  using Prepare = std::function<Result<void>(const PolicySnapshot&)>;
  using Adopt = std::function<void(std::shared_ptr<const Serving>)>;

  // `serving` is in force, and `loaded` is what it came from. `adopt` hands the next one over.
  Reloader(const Parts& parts, std::string history_directory,
           std::shared_ptr<const Serving> serving, LoadResult loaded, Prepare prepare, Adopt adopt);

  // The files on the disk. A refusal changes nothing; either way there is an audit record.
  ReloadReport reload(const PolicyAsk& ask);
  // A kept policy (PolicyHistory::find()). The disk stays as it is and is in force again with the
  // next reload.
  ReloadReport rollback(std::string_view version, const PolicyAsk& ask);
  // Drains: whatever is asked from now on is refused.
  void close() { is_closed_ = true; }

  const PolicyHistory& history() const { return history_; }
  const PolicyState& state() const { return state_; }

 private:
  // One try: what it is called in the record, and what came of loading.
  struct Attempt {
    std::string_view act;
    const PolicyAsk& ask;
    LoadResult loaded;
  };

  ReloadReport take(Attempt attempt);
  // Null when it must not be taken: then the report says why.
  std::shared_ptr<const Serving> check(const Attempt& attempt, ReloadReport& report) const;
  void checkStrength(const Attempt& attempt, ReloadReport& report) const;
  Result<void> record(const Attempt& attempt, const ReloadReport& report, std::string_view target);
  void refuse(const Attempt& attempt, const ReloadReport& report);
  void adopt(const Attempt& attempt, std::shared_ptr<const Serving> next, ReloadReport& report);
  void keep(std::string_view cause, std::string_view who, const std::string& content);
  void follow(std::vector<std::string> watched);
  void tellIfWeakerThanLast();

  const Parts parts_;
  const Prepare prepare_;
  const Adopt adopt_;
  std::shared_ptr<const Serving> serving_;
  PolicyHistory history_;
  PolicyWatcher watcher_;
  PolicyState state_;
  bool is_closed_ = false;
};

}  // namespace edgehold
