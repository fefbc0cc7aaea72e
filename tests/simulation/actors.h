// SPDX-License-Identifier: Apache-2.0
// Who talks to the server: clients that send, stall and leave, and agents that answer well, badly
// or not at all. Each does one random thing when asked. Thread: one loop.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "tests/simulation/laws.h"
#include "tests/simulation/request_maker.h"
#include "tests/simulation/wire.h"
#include "tests/support/fake_random.h"
#include "tests/support/fake_transport.h"

namespace edgehold::simulation {

class SimClient {
 public:
  SimClient(std::shared_ptr<FakePeer> peer, FakeRandom& random, Laws& laws)
      : peer_(std::move(peer)), random_(random), laws_(laws) {}

  // What it did, for the trace.
  std::string act(RequestMaker& maker, WallTime now);
  // Reads what came and tells the laws.
  void observe();
  bool isGone() const { return peer_->is_closed; }

  // The request whose answer is awaited, 0 for none; how much of it the server took, and how much
  // of the answer's body has come.
  std::uint64_t awaited() const { return asked_.empty() ? 0 : asked_.front().request.number; }
  std::size_t taken() const;
  bool isDismissed() const { return is_dismissed_; }
  std::size_t got() const { return reader_.hasHead() ? reader_.bodyBytes() : 0; }

 private:
  struct Asked {
    Request request;
    std::size_t fed = 0;
  };
  std::uint64_t below(std::uint64_t end) { return random_.next() % end; }
  std::string ask(RequestMaker& maker, WallTime now);
  std::string feed();
  void readAnswers();

  std::shared_ptr<FakePeer> peer_;
  FakeRandom& random_;
  Laws& laws_;
  std::deque<Asked> asked_;  // not answered yet
  WireReader reader_{WireReader::Side::kResponses};
  bool is_leaving_ = false;    // sends nothing more
  bool is_dismissed_ = false;  // the server said that it closes: what still comes it drops
};

class SimAgent {
 public:
  SimAgent(std::shared_ptr<FakePeer> peer, FakeRandom& random, Laws& laws)
      : peer_(std::move(peer)), random_(random), laws_(laws) {}

  std::string act();
  void observe();
  bool isGone() const { return peer_->is_closed; }

  // The request that it answers, 0 for none; how much of its body has come, and how much of the
  // answer the server took.
  std::uint64_t number() const { return is_answering_ && plan_ != Plan::kGarbage ? number_ : 0; }
  std::size_t got() const { return has_whole_request_ ? request_bytes_ : reader_.bodyBytes(); }
  std::size_t taken() const { return sent_ - std::min(sent_, peer_->to_send.size()); }

 private:
  enum class Plan { kAnswer, kReset, kShort, kGarbage, kExtra, kSilent };
  std::uint64_t below(std::uint64_t end) { return random_.next() % end; }
  void receive();
  void planAnswer();
  std::string answer();

  std::shared_ptr<FakePeer> peer_;
  FakeRandom& random_;
  Laws& laws_;
  WireReader reader_{WireReader::Side::kRequests};
  bool is_dialled_ = false;
  bool has_told_head_ = false;
  bool is_answering_ = false;  // a plan is under way
  Plan plan_ = Plan::kAnswer;
  std::uint64_t number_ = 0;
  std::uint16_t status_ = 0;
  std::string to_send_;        // of the answer
  std::size_t head_left_ = 0;  // of it, until the head has been sent
  std::string body_;
  bool has_whole_request_ = false;
  std::size_t request_bytes_ = 0;  // of its body
  std::size_t sent_ = 0;           // of the answer
};

}  // namespace edgehold::simulation
