// SPDX-License-Identifier: Apache-2.0
// What a process is given by the one that it replaces: the sockets that clients connect to, and its
// turn, once the other one has let go of the state. Thread: main only.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/ip.h"
#include "proxy/base/result.h"
#include "proxy/net/fd.h"

namespace edgehold {

// Of either process for the other: a drain and a start.
inline constexpr std::chrono::minutes kSuccessionTime{10};

// A socket that listens for the listener at `index` of the policy.
struct DoorSocket {
  std::size_t index = 0;
  Fd fd;
};

// What both sides say of it, in the environment of the new process:
// `CONTROL;INDEX:FD,INDEX:FD,...`, all descriptors.
inline constexpr std::string_view kInheritanceVariable = "EDGEHOLD_INHERITANCE";
std::string inheritanceText(int control, const std::vector<DoorSocket>& doors);

// What they tell each other over the control socket, a byte each.
enum class SuccessionWord : char {
  kChecked = 'C',  // new to old: my configuration is fine, and I wait
  kGo = 'G',       // old to new: the state is yours
  kReady = 'R',    // new to old: I serve
};

class Inheritance {
 public:
  // Nothing when nobody is replaced. An error when what is said is not so: a descriptor that is not
  // open, or does not listen.
  static Result<std::optional<Inheritance>> read(
      const std::function<std::optional<std::string>(const std::string&)>& environment);

  // Says that all is well so far, and waits until the state is free. Also when the other one has
  // ended without a word: then it is free.
  Result<void> awaitTurn();
  // The sockets that listen at `address`, which the listener at `index` is configured for.
  std::vector<Fd> take(std::size_t index, const Endpoint& address);
  // The others are closed: nobody is configured for them any more.
  void tellReady();

 private:
  bool say(SuccessionWord word);

  // Open until tellReady(), or else until the process ends: that is how its end is noticed.
  int control_ = -1;
  std::vector<DoorSocket> doors_;
};

}  // namespace edgehold
