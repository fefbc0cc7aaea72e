// SPDX-License-Identifier: Apache-2.0
// The process that is to replace this one: started with our arguments and our listening sockets,
// it checks its configuration, waits for its turn and says when it serves.
// Thread: main only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

#include "proxy/base/result.h"
#include "proxy/net/event_loop.h"
#include "proxy/net/fd.h"
#include "proxy/server/inheritance.h"

namespace edgehold {

// How this process was started: the file of the program (as it was named then: another one may lie
// there now) and the arguments, the first of which is its name.
struct ProgramCall {
  std::string file;
  std::vector<std::string> arguments;

  static ProgramCall ofThisProcess();
};

class Successor final : private FdWatch::Observer {
 public:
  enum class News : std::uint8_t {
    kChecked,  // it waits for go()
    kReady,    // it serves
    kGone,     // it has ended instead; fate() says how
  };
  using OnNews = std::function<void(News)>;

  // `on_news` may destroy the successor only in a later turn.
  static Result<std::unique_ptr<Successor>> start(EventLoop& loop, const ProgramCall& program,
                                                  const std::vector<DoorSocket>& doors,
                                                  OnNews on_news);
  // One that does not serve yet is killed.
  ~Successor() override;

  // The state is free.
  void go();
  pid_t process() const { return process_; }
  const std::string& fate() const { return fate_; }

 private:
  Successor(EventLoop& loop, Fd control, pid_t process, OnNews on_news);
  void onFdReady(bool is_readable, bool is_writable) override;
  void onGone();

  Fd control_;
  pid_t process_;
  OnNews on_news_;
  std::string fate_;
  bool is_over_ = false;  // it serves or has ended: nothing more is heard
  FdWatch watch_;
};

}  // namespace edgehold
