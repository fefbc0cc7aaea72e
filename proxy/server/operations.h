// SPDX-License-Identifier: Apache-2.0
// What an operator can ask of a running edgehold. The admin listener speaks HTTP to it; the server
// implements it.
// Thread: main only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/async.h"
#include "proxy/base/clock.h"
#include "proxy/base/ip.h"
#include "proxy/base/reason.h"
#include "proxy/base/result.h"

namespace edgehold {

class HoldStore;
struct OperatorAct;
struct SessionUser;
class MetricsRegistry;
class PolicyHistory;

// A policy shall change: who asks for it, and what they accept.
struct PolicyAsk {
  std::string cause;  // `admin`, `signal`, `watch`
  std::string who;    // AdminRequest::caller, or the cause again
  bool allows_downgrade = false;
};

struct ReloadReport {
  bool has_changed = false;
  std::string version;              // of the policy that is in force now
  std::vector<std::string> errors;  // why it was refused; empty when it was taken
  std::vector<std::string> warnings;
  std::vector<std::string> weaker;         // in what it is weaker than the one before (downgrade.h)
  Reason reason = Reason::kPolicyRefused;  // when it was refused
};

// How the policy in force came to be, and how the last try ended.
struct PolicyState {
  WallTime in_force_since{};
  bool is_rolled_back = false;   // from the history, not from the disk
  bool is_disk_in_force = true;  // as far as the files were read: false after a refusal too
  WallTime last_reload{};
  std::string last_cause;                // `start`, `admin`, `signal`, `watch`
  std::string last_error;                // first line of it; empty when it was taken
  std::vector<std::string> last_weaker;  // of a refusal: that it was weaker, and in what
};

struct ServerStatus {
  std::string program_version;
  std::string policy_version;
  std::string config_file;
  WallTime started;
  bool is_ready = false;
  bool is_draining = false;
  std::size_t workers = 0;
  std::vector<std::string> listeners;  // where clients connect: `name address:port`, ports as bound
  PolicyState policy;
  std::string audit_file;
  bool is_audit_healthy = true;
  std::vector<std::string> troubles;  // of the stores: why what must be kept is refused
  std::vector<std::string> warnings;  // of the policy in force
  std::vector<std::string> quarantined_rules;
};

// What one rule has cost all workers since the start, and whether it is run.
struct RuleReport {
  std::string rule;
  std::uint64_t calls = 0;
  std::uint64_t errors = 0;  // of these: failed or over budget
  std::uint64_t instructions = 0;
  Duration time{};
  Duration time_max{};               // of one call
  std::size_t memory_bytes_max = 0;  // of one call
  bool is_quarantined = false;
  Duration cooling{};             // until the next try, when quarantined
  std::uint64_t quarantines = 0;  // so far
};

class Operations {
 public:
  virtual ~Operations() = default;
  virtual ServerStatus status() const = 0;
  // Loads, checks and takes over the configuration file, or a policy of the history (by its version
  // or the first digits of it). A refusal changes nothing.
  virtual ReloadReport reload(const PolicyAsk& ask) = 0;
  virtual ReloadReport rollback(std::string_view version, const PolicyAsk& ask) = 0;
  virtual const PolicyHistory& history() const = 0;
  virtual bool isStarted() const = 0;  // /startupz: listening
  virtual bool isReady() const = 0;    // /readyz: started, not draining, audit and store writable
  virtual HoldStore& holds() = 0;
  // Ends every session that the user has now; how many there were (user_sessions.h).
  virtual Async<Result<std::size_t>> endSessions(const SessionUser& user) = 0;
  virtual const MetricsRegistry& metrics() const = 0;
  // Leaves an audit record, on the disk when this returns without error. kStoreUnavailable.
  virtual Result<void> record(OperatorAct act) = 0;
  virtual std::vector<RuleReport> rules() const = 0;  // by name
};

}  // namespace edgehold
