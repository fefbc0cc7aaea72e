// SPDX-License-Identifier: Apache-2.0
// The laws, each beside what it judges.
// Thread: one loop.
#include "tests/simulation/laws.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace edgehold::simulation {
namespace {

// A window of the body, one read of either side, and what one turn of output may hold.
constexpr std::size_t kKeptBytesMax = 512 * 1024;

// `/hook/17`, `/open/17`: 0 for every other path.
std::uint64_t numberIn(std::string_view path) {
  for (const std::string_view prefix : {"/open/", "/hook/"}) {
    if (!path.starts_with(prefix)) continue;
    path.remove_prefix(prefix.size());
    std::uint64_t number = 0;
    std::from_chars(path.data(), path.data() + path.size(), number);
    return number;
  }
  return 0;
}

std::uint64_t numberIn(const WireMessage& request) {
  const std::string_view line = request.start_line;
  const std::size_t space = line.find(' ');
  return space == std::string_view::npos ? 0 : numberIn(line.substr(space + 1));
}

std::string text(const Json::Value& record, const char* key) { return record[key].asString(); }

bool isRelease(const Json::Value& record) {
  return !text(record, "approval_id").empty() && text(record, "decision") != "hold";
}

}  // namespace

void Laws::breaks(std::string what) {
  if (std::find(broken_.begin(), broken_.end(), what) == broken_.end()) {
    broken_.push_back(std::move(what));
  }
}

Laws::Story* Laws::find(std::uint64_t number) {
  const auto found = stories_.find(number);
  return found != stories_.end() ? &found->second : nullptr;
}

bool Laws::isRecorded(std::uint64_t number) const {
  const auto found = stories_.find(number);
  return found != stories_.end() && found->second.is_recorded;
}

bool Laws::mayPass(const Story& story) const {
  for (std::size_t at = story.policy_at; at < policies_.size(); ++at) {
    if (story.request.may_pass[policies_[at].which]) return true;
  }
  return false;
}

void Laws::policyAdopted(std::string version, std::size_t which) {
  policies_.push_back({std::move(version), which});
}

void Laws::asked(const Request& request, bool is_alone) {
  Story story;
  story.request = request;
  story.request.wire.clear();
  story.policy_at = policies_.size() - 1;
  story.is_alone = is_alone;
  stories_.emplace(request.number, std::move(story));
}

void Laws::sentWhole(std::uint64_t number) {
  if (Story* const story = find(number)) story->is_sent_whole = true;
}

void Laws::arrived(const WireMessage& head) {
  ++tally_.arrivals;
  Story* const story = find(numberIn(head));
  if (story == nullptr) return breaks("law 2: an agent got what nobody asked: " + head.start_line);
  ++story->arrivals;
  checkArrival(*story);
}

void Laws::checkArrival(Story& story) {
  const Request& request = story.request;
  const std::string name = "request " + std::to_string(request.number);
  if (story.is_excused) breaks("law 1: " + name + " was said to be undone, and sent on");
  if (!mayPass(story)) breaks("law 2: " + name + " was sent on, and no policy allows it");
  if (request.needs_whole_body && !story.is_sent_whole) {
    breaks("law 2: " + name + " was sent on before its last byte had come");
  }
  if (story.arrivals > (request.is_repeatable ? 2 : 1)) {
    breaks("law 2: " + name + " was sent on " + std::to_string(story.arrivals) + " times");
  }
  if (!request.needs_yes) {
    if (acknowledged_events_.contains(request.event_id)) {
      breaks("promise: " + request.event_id + " was acknowledged, and sent on again by " + name);
    }
    const auto work = at_work_.find(request.event_id);
    if (work != at_work_.end() && work->second != request.number) {
      breaks("promise: " + request.event_id + " was sent on again by " + name +
             " while an agent is at work on it");
    }
    return;
  }
  ++tally_.executions;
  if (!approving_.contains(story.approval_id)) {
    breaks("law 2: " + name + " was sent on without a yes");
  }
  if (++hold_arrivals_[story.approval_id] > 1) {
    breaks("promise: hold " + story.approval_id + " was carried out twice");
  }
}

void Laws::arrivedWhole(const WireMessage& message) {
  const Story* const story = find(numberIn(message));
  if (story == nullptr) return;
  const Request& request = story->request;
  if (message.body != request.body) {
    breaks("law 2: the agent got other bytes than request " + std::to_string(request.number) +
           " has");
  }
  const bool is_at_work = !request.event_id.empty() && !request.needs_yes && !story->has_begun;
  if (is_at_work) at_work_[request.event_id] = request.number;
}

void Laws::endWork(const Story& story) {
  const auto found = at_work_.find(story.request.event_id);
  if (found != at_work_.end() && found->second == story.request.number) at_work_.erase(found);
}

void Laws::agentFailed(std::uint64_t number) {
  if (const Story* const story = find(number)) endWork(*story);
}

void Laws::agentBegan(std::uint64_t number, std::uint16_t status) {
  Story* const story = find(number);
  if (story == nullptr) return;
  story->has_begun = true;
  endWork(*story);
  if (status < 400) taken_events_.insert(story->request.event_id);
}

void Laws::agentAnswered(std::uint64_t number, std::string body) {
  if (Story* const story = find(number)) story->agent_body = std::move(body);
}

void Laws::answered(std::uint64_t number, const WireMessage& answer) {
  ++tally_.answers;
  Story* const story = find(number);
  if (story == nullptr) return breaks("an answer to nothing");
  const std::string id = answer.field("x-request-id");
  const auto record = records_.find(id);
  const std::string name =
      "the answer " + std::to_string(answer.status()) + " to request " + std::to_string(number);
  if (id.empty()) return breaks("law 1: " + name + " names no request id");
  const bool says_undone =
      story->request.is_head || answer.body.find("\"store_unavailable\"") != std::string::npos;
  story->is_excused = answer.status() == 503 && says_undone && record == records_.end();
  if (story->is_excused && story->arrivals == 0) return;
  if (record == records_.end()) return breaks("law 1: " + name + " left without a record");
  if (record->second["status"].asUInt() != answer.status()) {
    breaks("law 1: " + name + " is recorded with another status");
  }
  const std::uint64_t recorded = numberIn(text(record->second["what"], "path"));
  // What never was understood has no path.
  if (recorded != number && recorded != 0) {
    breaks("law 1: " + name + " carries the record of request " + std::to_string(recorded));
  }
  if (!answer.field("x-sim-answer").empty()) checkPassedAnswer(*story, answer);
  noteAcknowledged(*story, answer);
}

void Laws::checkPassedAnswer(const Story& story, const WireMessage& answer) {
  const std::string name = "the answer to request " + std::to_string(story.request.number);
  if (answer.field("x-sim-answer") != std::to_string(story.request.number)) {
    return breaks("law 2: " + name + " is that of " + answer.field("x-sim-answer"));
  }
  if (!story.agent_body) return breaks("law 2: " + name + " looks whole, and the agent cut it");
  if (!story.request.is_head && *story.agent_body != answer.body) {
    breaks("law 2: " + name + " has other bytes than the agent sent");
  }
}

void Laws::noteAcknowledged(const Story& story, const WireMessage& answer) {
  const std::uint16_t status = answer.status();
  if (story.request.event_id.empty() || status < 200 || status >= 400) return;
  const Json::Value& record = records_.at(answer.field("x-request-id"));
  const std::string reason = text(record, "reason");
  if (reason == "held") {
    ++tally_.holds;
    acknowledged_holds_.insert(text(record, "approval_id"));
  }
  if (reason == "duplicate") {
    ++tally_.duplicates;
    if (!taken_events_.contains(story.request.event_id)) {
      breaks("promise: " + story.request.event_id + " was called a duplicate, and nobody has it");
    }
  }
  acknowledged_events_.insert(story.request.event_id);
}

void Laws::recorded(const Json::Value& record) {
  if (text(record, "decision").empty()) return;  // an operator's act
  ++tally_.records;
  const std::string id = text(record, "request_id");
  const std::string key = (isRelease(record) ? "release " : "") + id;
  if (!records_.emplace(key, record).second) breaks("law 1: two records of " + key);
  Story* const story = find(numberIn(text(record["what"], "path")));
  if (story != nullptr && !isRelease(record)) checkRecord(*story, record);
}

void Laws::checkRecord(Story& story, const Json::Value& record) {
  const std::string name = "request " + std::to_string(story.request.number);
  const std::string version = text(record, "policy");
  const std::string decision = text(record, "decision");
  story.is_recorded = true;
  // Its agent was given up; but that its sender left says nothing about the agent.
  if (text(record, "reason") != "client_closed") endWork(story);
  if (decision == "hold") story.approval_id = text(record, "approval_id");
  if (decision == "hold") taken_events_.insert(story.request.event_id);
  const auto policy = std::find_if(policies_.begin(), policies_.end(),
                                   [&](const Policy& one) { return one.version == version; });
  if (policy == policies_.end()) return breaks("law 4: " + name + " has a policy of nobody's");
  if (story.is_alone && policies_[story.policy_at].version != version) {
    breaks("law 4: " + name + " began under one policy and was judged by another");
  }
  const bool was_let = decision == "allow" || decision == "hold";
  if (was_let && !story.request.may_pass[policy->which]) {
    breaks("law 4: " + name + " was let through, and its policy forbids it");
  }
  if (decision == "hold" && !story.request.needs_yes) breaks("law 2: " + name + " was held");
  if (decision == "allow" && story.request.needs_yes) breaks("law 2: " + name + " was not held");
}

void Laws::keeps(std::size_t bytes) {
  if (bytes > kKeptBytesMax) breaks("law 3: a connection keeps " + std::to_string(bytes));
}

void Laws::holdIs(const std::string& approval_id, std::string_view state) {
  const auto found = hold_arrivals_.find(approval_id);
  const bool has_arrived = found != hold_arrivals_.end();
  const std::string name = "hold " + approval_id + ", which is " + std::string(state) + ", ";
  if (state.empty())
    return breaks("promise: hold " + approval_id + " was acknowledged and is lost");
  if (state == "done" && !has_arrived) breaks("promise: " + name + "was not carried out");
  const bool says_unsent = state != "done" && state != "unknown" && state != "executing";
  if (says_unsent && has_arrived) breaks("promise: " + name + "was carried out");
}

}  // namespace edgehold::simulation
