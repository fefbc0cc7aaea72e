// SPDX-License-Identifier: Apache-2.0
// Where objects go that end inside one of their own callbacks: they die at the end of the turn,
// when nobody is left on the stack above them. Thread: one loop.
#pragma once

#include <memory>
#include <vector>

#include "proxy/base/loop.h"

namespace edgehold {

class Mortal {
 public:
  Mortal() = default;
  Mortal(const Mortal&) = delete;
  Mortal& operator=(const Mortal&) = delete;
  virtual ~Mortal() = default;
};

class Graveyard final : private TurnEndTask {
 public:
  explicit Graveyard(Loop& loop) : loop_(loop) {}

  void bury(std::unique_ptr<Mortal> mortal) {
    buried_.push_back(std::move(mortal));
    loop_.atTurnEnd(*this);
  }

 private:
  void onTurnEnd() override {
    // A destructor may bury something else; that waits for the next round.
    dying_.swap(buried_);
    dying_.clear();
  }

  Loop& loop_;
  std::vector<std::unique_ptr<Mortal>> buried_;
  std::vector<std::unique_ptr<Mortal>> dying_;  // empty between turns
};

}  // namespace edgehold
