// SPDX-License-Identifier: Apache-2.0
// What must be true whatever clients, agents, people and disks do. The actors of a simulation tell
// what they saw; a law that is broken is said once, in a sentence. Thread: one loop.
//
//  1. One exchange, one decision, one audit record: an answer that a client saw has its record, but
//     for the one that says that nothing can be recorded and nothing was done.
//  2. Nothing reaches an agent before its verdicts are in, and then exactly the bytes that were
//     judged: at most once where it may not be repeated, never without a person where one is
//     needed.
//  3. Every queue has a limit, every wait a deadline.
//  4. An exchange is judged by one policy: the one in force when it began.
//  (5, one owning thread for every object, is ThreadSanitizer's to check: nothing here has two.)
//
// And what is promised across crashes: an acknowledged hold is there, and is carried out at most
// once; an acknowledged event is not sent again, and none is called a duplicate that was not taken.
// And while a process lives: an event that an agent is at work on is given to nobody else, whether
// its sender waits for the answer or not.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/json_tree.h"
#include "tests/simulation/request_maker.h"
#include "tests/simulation/wire.h"

namespace edgehold::simulation {

class Laws {
 public:
  // --- what happened ---
  // A policy is in force; `which` is its index in kKnownEvents.
  void policyAdopted(std::string version, std::size_t which);
  // A client begins to send it; alone: nothing else is under way on its connection.
  void asked(const Request& request, bool is_alone);
  void sentWhole(std::uint64_t number);
  // An agent sees the head of a request, then all of it, then has sent the whole answer.
  void arrived(const WireMessage& head);
  void arrivedWhole(const WireMessage& message);
  void agentBegan(std::uint64_t number, std::uint16_t status);
  // An agent breaks off without an answer that anybody could read.
  void agentFailed(std::uint64_t number);
  // What the process did not write down is forgotten.
  void processDied() { at_work_.clear(); }
  void agentAnswered(std::uint64_t number, std::string body);
  // A client sees a whole answer to its request.
  void answered(std::uint64_t number, const WireMessage& answer);
  void recorded(const Json::Value& record);
  // A person says yes; what became of it is asked at the end.
  void approving(const std::string& approval_id) { approving_.insert(approval_id); }
  void holdIs(const std::string& approval_id, std::string_view state);
  // Bytes that the server keeps for one connection and one direction.
  void keeps(std::size_t bytes);
  void said(std::string what) { breaks(std::move(what)); }

  // --- what is known ---
  const std::vector<std::string>& broken() const { return broken_; }
  // Its end is written: what still comes of it is read and dropped.
  bool isRecorded(std::uint64_t number) const;
  const std::set<std::string>& acknowledgedHolds() const { return acknowledged_holds_; }
  struct Tally {
    std::uint64_t answers = 0, arrivals = 0, records = 0, holds = 0, executions = 0, duplicates = 0;
  };
  const Tally& tally() const { return tally_; }

 private:
  struct Story {
    Request request;
    std::size_t policy_at = 0;  // index into policies_ when it was asked
    bool is_alone = false;
    bool is_sent_whole = false;
    bool is_recorded = false;
    bool has_begun = false;   // an agent did, to answer
    bool is_excused = false;  // told that nothing can be recorded, so that nothing was done
    int arrivals = 0;
    std::string approval_id;
    std::optional<std::string> agent_body;  // of the answer that an agent sent whole
  };
  struct Policy {
    std::string version;
    std::size_t which = 0;
  };

  void breaks(std::string what);
  Story* find(std::uint64_t number);
  // Whether any policy since it was asked lets it pass.
  bool mayPass(const Story& story) const;
  void checkRecord(Story& story, const Json::Value& record);
  void checkArrival(Story& story);
  void endWork(const Story& story);
  void checkPassedAnswer(const Story& story, const WireMessage& answer);
  void noteAcknowledged(const Story& story, const WireMessage& answer);

  std::vector<Policy> policies_;  // in the order they came into force
  std::map<std::uint64_t, Story> stories_;
  std::map<std::string, Json::Value> records_;    // by request id, releases under "release " + id
  std::set<std::string> taken_events_;            // an agent or a hold took them
  std::set<std::string> acknowledged_events_;     // and the client knows
  std::map<std::string, std::uint64_t> at_work_;  // events that agents have all of, by request
  std::set<std::string> acknowledged_holds_;
  std::set<std::string> approving_;
  std::map<std::string, int> hold_arrivals_;
  std::vector<std::string> broken_;
  Tally tally_;
};

}  // namespace edgehold::simulation
