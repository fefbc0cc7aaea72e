// SPDX-License-Identifier: Apache-2.0
// Checks, records, keeps and hands over, in that order, behind reloader.h.
// Thread: main only.
#include "proxy/server/reloader.h"

#include <utility>

#include "proxy/base/log.h"
#include "proxy/base/strings.h"
#include "proxy/policy/downgrade.h"

namespace edgehold {
namespace {

constexpr std::string_view kReload = "policy.reload";
constexpr std::string_view kRollback = "policy.rollback";
constexpr std::string_view kStart = "policy.start";

std::string whyOf(const ReloadReport& report) {
  if (!report.errors.empty()) return join(report.errors, "; ");
  if (!report.weaker.empty()) return "weaker, and allowed: " + join(report.weaker, "; ");
  return report.has_changed ? "" : "nothing changed";
}

}  // namespace

Reloader::Reloader(const Parts& parts, std::string history_directory,
                   std::shared_ptr<const Serving> serving, LoadResult loaded, Prepare prepare,
                   Adopt adopt)
    : parts_(parts),
      prepare_(std::move(prepare)),
      adopt_(std::move(adopt)),
      serving_(std::move(serving)),
      history_(std::move(history_directory)),
      watcher_(parts.loop, [this] { reload({.cause = "watch", .who = "watch"}); }) {
  state_.in_force_since = state_.last_reload = parts_.tools.clock.wallNow();
  state_.last_cause = "start";
  parts_.metrics.reloadSucceeded(state_.last_reload, serving_->policy->version());
  tellIfWeakerThanLast();
  keep("start", "start", loaded.content);
  follow(std::move(loaded.watched));
}

// A restart takes what is on the disk, whatever it is: but whoever reads the log shall know.
void Reloader::tellIfWeakerThanLast() {
  const std::string& version = serving_->policy->version();
  if (history_.policies().empty() || history_.policies().back().version == version) return;
  const auto content = history_.content(history_.policies().back().version);
  if (!content) return;
  const LoadResult last = loadKeptPolicy(*content, parts_.config_file, parts_.tools);
  if (last.snapshot == nullptr) return;
  ReloadReport report;
  report.weaker = findWeaker(*last.snapshot, *serving_->policy);
  if (report.weaker.empty()) return;
  for (const std::string& line : report.weaker) {
    LOG(WARNING) << "weaker than the policy that was last in force: " << line;
  }
  const PolicyAsk ask{.cause = "start", .who = "start"};
  if (const auto told = record({kStart, ask, {}}, report, version); !told) {
    LOG(ERROR) << "cannot record the start: " << told.error().message;
  }
}

ReloadReport Reloader::reload(const PolicyAsk& ask) {
  LOG(INFO) << "reload (" << ask.cause << ")";
  if (is_closed_) return take({kReload, ask, {}});
  LoadResult loaded = loadPolicy(parts_.config_file, parts_.tools);
  auto watched = std::exchange(loaded.watched, {});
  ReloadReport report = take({kReload, ask, std::move(loaded)});
  // Also after a refusal: the next change of the same files may mend it.
  follow(std::move(watched));
  return report;
}

ReloadReport Reloader::rollback(std::string_view version, const PolicyAsk& ask) {
  LOG(INFO) << "rollback (" << ask.cause << ")";
  if (is_closed_) return take({kRollback, ask, {}});
  const auto found = history_.find(version);
  const auto content = found ? history_.content(*found) : fail(found.error());
  LoadResult loaded;
  if (content) {
    loaded = loadKeptPolicy(*content, parts_.config_file, parts_.tools);
  } else {
    loaded.errors.push_back(content.error().message);
  }
  const bool is_same_again = loaded.snapshot == nullptr || loaded.snapshot->version() == *found;
  if (!is_same_again) {
    // Something that is not kept decides what acts.
    loaded.snapshot = nullptr;
    loaded.errors.push_back("what was kept of " + *found + " gives another policy now");
  }
  auto watched = std::exchange(loaded.watched, {});
  ReloadReport report = take({kRollback, ask, std::move(loaded)});
  if (report.errors.empty()) follow(std::move(watched));
  return report;
}

ReloadReport Reloader::take(Attempt attempt) {
  ReloadReport report;
  report.errors = attempt.loaded.errors;
  report.version = serving_->policy->version();
  std::string target = parts_.config_file;
  if (attempt.loaded.snapshot != nullptr) {
    target = attempt.loaded.snapshot->version();
    report.has_changed = target != report.version;
  }
  std::shared_ptr<const Serving> next = check(attempt, report);
  if (next != nullptr) {
    if (const auto prepared = prepare_(*next->policy); !prepared) {
      report.errors.push_back(prepared.error().message);
      next = nullptr;
    }
  }
  // What cannot be recorded is not done.
  if (const auto told = record(attempt, report, target); !told) {
    report.errors.push_back("the audit log cannot record it: " + told.error().message);
    if (next != nullptr) (void)prepare_(*serving_->policy);
    next = nullptr;
  }
  if (next == nullptr) {
    report.has_changed = false;
    refuse(attempt, report);
  } else {
    adopt(attempt, std::move(next), report);
  }
  return report;
}

std::shared_ptr<const Serving> Reloader::check(const Attempt& attempt, ReloadReport& report) const {
  if (is_closed_) {
    report.reason = Reason::kDraining;
    report.errors.emplace_back("draining: no policy is taken any more");
    return nullptr;
  }
  if (attempt.loaded.snapshot == nullptr) return nullptr;
  const auto reloadable = checkReloadable(*serving_->policy, *attempt.loaded.snapshot);
  if (!reloadable) report.errors.push_back(reloadable.error().message);
  checkStrength(attempt, report);
  auto made = Serving::make(attempt.loaded.snapshot, serving_.get());
  if (!made) report.errors.push_back(made.error().message);
  return report.errors.empty() ? std::move(*made) : nullptr;
}

void Reloader::checkStrength(const Attempt& attempt, ReloadReport& report) const {
  report.weaker = findWeaker(*serving_->policy, *attempt.loaded.snapshot);
  if (report.weaker.empty() || attempt.ask.allows_downgrade) return;
  const bool is_rollback = attempt.act == kRollback;
  report.errors.push_back(
      "this policy is weaker than the one in force; run `edgehold " +
      (is_rollback ? "policy rollback " + attempt.loaded.snapshot->version() : "reload") +
      " --allow-downgrade` to take it:");
  for (const std::string& line : report.weaker) report.errors.push_back("weaker: " + line);
}

Result<void> Reloader::record(const Attempt& attempt, const ReloadReport& report,
                              std::string_view target) {
  const bool is_taken = report.errors.empty();
  const std::string why = whyOf(report);
  const std::string request_id = randomHex(parts_.random, 2);
  OperatorAct act;
  act.who = attempt.ask.who;
  act.act = attempt.act;
  act.target = target;
  act.outcome = is_taken ? "taken" : "refused";
  act.why = why;
  act.request_id = request_id;
  act.policy = serving_->policy->version();
  act.reason = is_taken ? Reason::kAllowed : report.reason;
  return parts_.audit.record(act, parts_.tools.clock.wallNow());
}

void Reloader::refuse(const Attempt& attempt, const ReloadReport& report) {
  state_.last_reload = parts_.tools.clock.wallNow();
  state_.last_cause = attempt.ask.cause;
  state_.last_error = report.errors.front();
  state_.last_weaker = report.weaker;
  // Of the disk, that is; a rollback that was refused says nothing about it.
  if (attempt.act == kReload) state_.is_disk_in_force = false;
  parts_.metrics.reloadFailed(state_.last_reload);
  for (const std::string& error : report.errors) LOG(ERROR) << "reload refused: " << error;
}

void Reloader::adopt(const Attempt& attempt, std::shared_ptr<const Serving> next,
                     ReloadReport& report) {
  const WallTime now = parts_.tools.clock.wallNow();
  serving_ = std::move(next);
  const PolicySnapshot& policy = *serving_->policy;
  adopt_(serving_);
  report.version = policy.version();
  report.warnings = policy.warnings();
  if (report.has_changed) state_.in_force_since = now;
  state_.is_rolled_back = attempt.act == kRollback;
  state_.is_disk_in_force = !state_.is_rolled_back;
  state_.last_reload = now;
  state_.last_cause = attempt.ask.cause;
  state_.last_error.clear();
  state_.last_weaker.clear();
  parts_.metrics.reloadSucceeded(now, report.version);
  for (const std::string& line : report.weaker) LOG(WARNING) << "weaker, and allowed: " << line;
  for (const std::string& warning : report.warnings) LOG(WARNING) << warning;
  keep(state_.is_rolled_back ? "rollback" : attempt.ask.cause, attempt.ask.who,
       attempt.loaded.content);
  LOG(INFO) << "policy " << report.version << " in force";
}

void Reloader::keep(std::string_view cause, std::string_view who, const std::string& content) {
  const auto kept = history_.add({serving_->policy->version(), parts_.tools.clock.wallNow(),
                                  std::string(cause), std::string(who)},
                                 content);
  if (!kept) LOG(ERROR) << "policy history: " << kept.error().message;
}

void Reloader::follow(std::vector<std::string> watched) {
  if (serving_->policy->reload().is_watched) {
    watcher_.watch(std::move(watched));
  } else {
    watcher_.stop();
  }
}

}  // namespace edgehold
