// SPDX-License-Identifier: Apache-2.0
// From verb to function.
// Thread: main only.
#include "proxy/server/commands/command.h"

namespace edgehold {

ExitCode runCommand(const Options& options, const CommandWorld& world) {
  switch (options.verb) {
    case Verb::kRun:
      return runService(options, world);
    case Verb::kCheck:
      return checkConfiguration(options, world);
    case Verb::kReload:
      return reloadPolicy(options, world);
    case Verb::kPolicyHistory:
      return showPolicyHistory(options, world);
    case Verb::kPolicyDiff:
      return showPolicyDiff(options, world);
    case Verb::kPolicyRollback:
      return rollBackPolicy(options, world);
    case Verb::kStatus:
      return showStatus(options, world);
    case Verb::kVersion:
      return showVersion(options, world);
    case Verb::kRulesTest:
      return testRules(options, world);
    case Verb::kRulesTop:
      return showRules(options, world);
    case Verb::kApprovalsList:
      return listApprovals(options, world);
    case Verb::kApprovalsShow:
      return showApproval(options, world);
    case Verb::kApprovalsApprove:
    case Verb::kApprovalsDeny:
      return decideApproval(options, world);
    case Verb::kSessionEnd:
      return endSessions(options, world);
    case Verb::kAuditQuery:
      return queryAudit(options, world);
    case Verb::kChannelSign:
      return signSample(options, world);
    case Verb::kSecretsStatus:
      return showSecrets(options, world);
    case Verb::kKeyNew:
      return makeKey(options, world);
    case Verb::kKeyHash:
      return hashKey(options, world);
  }
  return ExitCode::kUsage;
}

}  // namespace edgehold
