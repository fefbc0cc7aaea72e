// SPDX-License-Identifier: Apache-2.0
// The way from this process to the one that replaces it, without a connection refused: the new one
// checks its configuration first, then answers say that connections end, then nobody is accepted
// until what needs state is done, then the state changes hands. Whatever goes wrong before that
// leaves all as it was; after it, the program that runs here is started again.
// Thread: main only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/net/event_loop.h"
#include "proxy/server/successor.h"

namespace edgehold {

class Upgrade {
 public:
  class Host {
   public:
    virtual ~Host() = default;
    // Answers say that their connections end; all else goes on.
    virtual void announceEnd() = 0;
    // Nobody is accepted any more; `on_settled` once nothing that is under way needs state.
    virtual void leaveDoors(std::function<void()> on_settled) = 0;
    // Ends connections that have not asked anything yet.
    virtual void cutUnheard() = 0;
    // Ends everything that keeps `on_settled` waiting.
    virtual void cutUnsettled() = 0;
    virtual void releaseState() = 0;
    // What is under way may go on until it is done.
    virtual void onReplaced(pid_t successor) = 0;
    // Nobody has taken over, and nothing can be served here any more.
    virtual void onAbandoned() = 0;
    virtual void recordUpgrade(bool is_taken, const std::string& why) = 0;
    // How long what needs state may take.
    virtual Duration settleTime() const = 0;
  };

  // REQUIRES: both outlive it. `doors`: what to hand over.
  Upgrade(EventLoop& loop, Host& host, ProgramCall program, std::vector<DoorSocket> doors);
  ~Upgrade();

  void begin();
  // Does not replace anybody any more, if the state is still ours.
  void abandon();

 private:
  enum class Stage : std::uint8_t { kNone, kChecking, kAnnounced, kLeaving, kReleased, kDone };

  bool start();
  void onNews(Successor::News news);
  void onChecked();
  void onGone(const std::string& how);
  void closeDoors();
  void onSettled();
  void startAgain();
  void refuse(const std::string& why);
  void onDeadline();

  EventLoop& loop_;
  Host& host_;
  ProgramCall program_;
  std::vector<DoorSocket> doors_;
  Stage stage_ = Stage::kNone;
  bool is_unheard_cut_ = false;
  bool is_second_try_ = false;  // it is the program that runs here
  std::unique_ptr<Timer> deadline_;
  std::unique_ptr<Successor> successor_;
  std::unique_ptr<Successor> former_;  // may be on the stack
};

}  // namespace edgehold
