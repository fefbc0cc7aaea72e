// SPDX-License-Identifier: Apache-2.0
// What an operator can ask of a running edgehold. The admin listener speaks HTTP to it; the server
// implements it.
// Thread: main only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/ip.h"
#include "proxy/base/result.h"

namespace edgehold {

class HoldStore;
struct OperatorAct;
class MetricsRegistry;

struct ReloadReport {
  bool has_changed = false;
  std::string version;              // of the policy that is in force now
  std::vector<std::string> errors;  // why it was refused; empty when it was taken
  std::vector<std::string> warnings;
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
  bool is_last_reload_ok = true;
  std::string last_reload_error;  // first line of it
  WallTime last_reload{};
  std::string audit_file;
  bool is_audit_healthy = true;
  std::vector<std::string> troubles;  // of the stores: why what must be kept is refused
  std::vector<std::string> warnings;  // of the policy in force
};

class Operations {
 public:
  virtual ~Operations() = default;
  virtual ServerStatus status() const = 0;
  // Loads, checks and takes over the configuration file. A refusal changes nothing.
  virtual ReloadReport reload() = 0;
  virtual bool isStarted() const = 0;  // /startupz: listening
  virtual bool isReady() const = 0;    // /readyz: started, not draining, audit and store writable
  virtual HoldStore& holds() = 0;
  virtual const MetricsRegistry& metrics() const = 0;
  // Leaves an audit record, on the disk when this returns without error. kStoreUnavailable.
  virtual Result<void> record(OperatorAct act) = 0;
};

}  // namespace edgehold
