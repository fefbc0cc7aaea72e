// SPDX-License-Identifier: Apache-2.0
// Async<T>: a value that comes later, once, on the same loop. Destroying it cancels the wait.
// Every wait has a deadline: whoever takes an Async bounds it with a Timer of its loop.
// Thread: one loop. A value from another thread arrives through Loop::post().
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "proxy/base/log.h"

namespace edgehold {

template <class T>
class Resolver;

template <class T>
class [[nodiscard]] Async {
 public:
  Async(Async&&) noexcept = default;
  Async& operator=(Async&& other) noexcept {
    cancel();
    state_ = std::move(other.state_);
    return *this;
  }
  ~Async() { cancel(); }

  static std::pair<Async, Resolver<T>> make() {
    auto state = std::make_shared<State>();
    return {Async(state), Resolver<T>(std::move(state))};
  }

  // What lives as long as somebody waits for this value: a timer, another Async. One at most.
  void keep(std::shared_ptr<void> kept) {
    CHECK(state_ != nullptr && state_->kept == nullptr);
    state_->kept = std::move(kept);
  }
  // The value that `change` makes of this one. Destroying the result cancels this.
  template <class U>
  Async<U> map(std::function<U(T)> change) && {
    auto [mapped, resolver] = Async<U>::make();
    const auto source = std::make_shared<Async>(std::move(*this));
    mapped.keep(source);
    source->then([resolver = resolver, change = std::move(change)](T value) {
      resolver.resolve(change(std::move(value)));
    });
    return std::move(mapped);
  }

  // `then` gets the value: at once if it is there already, else when it comes. REQUIRES: first
  // call. The callback may destroy this Async.
  void then(std::function<void(T)> then) {
    CHECK(state_ != nullptr && state_->then == nullptr);
    if (state_->value.has_value()) {
      const auto state = std::move(state_);
      const auto kept = std::move(state->kept);  // with a Resolver it and the state keep each other
      then(std::move(*state->value));
    } else {
      state_->then = std::move(then);
    }
  }

  // As then(), for chains whose end is an Async of their own: nobody can cancel this step any more.
  // `then` lives as long as the Resolver does, so a loop that ends frees both.
  void detach(std::function<void(T)> then) && {
    this->then(std::move(then));
    state_.reset();
  }

 private:
  friend class Resolver<T>;
  struct State {
    std::optional<T> value;
    std::function<void(T)> then;
    bool is_cancelled = false;
    std::shared_ptr<void> kept;
  };
  explicit Async(std::shared_ptr<State> state) : state_(std::move(state)) {}
  void cancel() {
    if (state_ == nullptr) return;
    state_->is_cancelled = true;
    state_->then = nullptr;
    const auto kept = std::move(state_->kept);  // it may hold the last Resolver
    state_.reset();
  }
  std::shared_ptr<State> state_;
};

// The other end. Copyable, so that it fits a std::function; the first resolve() counts.
template <class T>
class Resolver {
 public:
  // Hands the value over; nothing happens when the Async is gone or already resolved.
  void resolve(T value) const {
    const auto state = state_;  // the callback may destroy this Resolver
    if (state->is_cancelled || state->value.has_value()) return;
    if (state->then != nullptr) {
      const auto then = std::exchange(state->then, nullptr);
      state->is_cancelled = true;
      then(std::move(value));
    } else {
      state->value = std::move(value);
    }
  }
  bool isWanted() const { return !state_->is_cancelled; }

 private:
  friend class Async<T>;
  explicit Resolver(std::shared_ptr<typename Async<T>::State> state) : state_(std::move(state)) {}
  std::shared_ptr<typename Async<T>::State> state_;
};

}  // namespace edgehold
