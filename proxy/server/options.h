// SPDX-License-Identifier: Apache-2.0
// The command line: which verb, with what. Parses and explains itself; runs nothing.
// Thread: main only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proxy/observe/audit_reader.h"

namespace edgehold {

// What `edgehold` exits with. Part of the interface: scripts and CI gates read it.
enum class ExitCode : int {
  kOk = 0,
  kFailure = 1,  // operational: nobody answers, a store is not writable
  kUsage = 2,    // the command line or the configuration is wrong
  kGate = 3,     // the check ran, and what it checked did not pass
};

enum class Verb : std::uint8_t {
  kRun,
  kCheck,
  kReload,
  kPolicyHistory,
  kPolicyDiff,
  kPolicyRollback,
  kStatus,
  kVersion,
  kRulesTest,
  kRulesTop,
  kApprovalsList,
  kApprovalsShow,
  kApprovalsApprove,
  kApprovalsDeny,
  kSessionEnd,
  kAuditQuery,
  kChannelSign,
  kSecretsStatus,
  kKeyNew,
  kKeyHash,
};

struct Options {
  Verb verb = Verb::kVersion;
  std::string config_file;  // -c; empty: not given
  std::string admin;        // --admin; empty: not given
  bool is_json = false;
  bool keeps_core_dumps = false;
  bool allows_downgrade = false;      // reload, policy rollback
  std::vector<std::string> versions;  // policy diff, rollback
  std::string directory;              // rules test
  std::string rules_by = "time";      // rules top: the column to sort by
  std::string approval_id;            // approvals show, approve, deny
  std::string app;                    // session end
  std::string subject;                // session end
  std::string reason;                 // approvals approve, deny; session end
  std::string who;                    // the same
  std::string state = "pending";      // approvals list; or `any`
  std::size_t limit = 100;            // approvals list, audit query; 0: all
  std::string audit_file;             // audit query; empty: as configured
  std::string since;                  // audit query: RFC 3339, or how long ago
  std::string until;                  // the same
  std::string platform;               // channel sign
  std::string route;                  // channel sign; empty: the first that speaks it
  std::string body_file;              // channel sign; empty: a sample; `-`: standard input
  std::string signing_key_file;       // channel sign; empty: none
  std::string url;                    // channel sign; empty: as configured
  std::string key_name = "NAME";      // key new, hash: whose it is
  AuditQuery audit;                   // its times are not set
};

// Either options, or what to print and exit with (help, version, a mistake).
struct ParsedOptions {
  std::optional<Options> options;
  ExitCode exit_code = ExitCode::kOk;
  std::string out;  // for standard output
  std::string err;  // for standard error
};

// `arguments` without the program's name. `version` is what --version prints.
ParsedOptions parseOptions(const std::vector<std::string>& arguments, const std::string& version);

}  // namespace edgehold
