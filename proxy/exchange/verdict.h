// SPDX-License-Identifier: Apache-2.0
// What one filter says now: proceed, respond, or abort. Later is an Async of the same.
// Thread: one loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "proxy/base/async.h"
#include "proxy/base/reason.h"
#include "proxy/base/result.h"

namespace edgehold {

// An answer that edgehold gives itself. Without a body of its own it becomes problem+json.
struct Reply {
  std::uint16_t status = 0;  // 0: the status of the reason
  std::vector<std::pair<std::string, std::string>> headers;
  std::string content_type;
  std::string body;
  bool has_body = false;  // `body` is the exact body, even when empty
};

// Two words: what a verdict says besides, which hardly any does, lies elsewhere.
class Verdict {
 public:
  enum class Kind : std::uint8_t { kProceed, kRespond, kAbort };

  static Verdict proceed() { return Verdict(Kind::kProceed, Reason::kAllowed); }
  // Refuses. `why` is for the audit record and logs, never for the caller.
  static Verdict deny(Reason reason, std::string why = {}) {
    return Verdict(Kind::kRespond, reason, std::move(why));
  }
  // Answers in the upstream's place: a duplicate, a hold, a platform's handshake, a refusal in a
  // platform's own form.
  static Verdict respond(Reason reason, Reply reply, std::string why = {}) {
    Verdict verdict(Kind::kRespond, reason, std::move(why));
    verdict.mutableReply() = std::move(reply);
    return verdict;
  }
  // Closes without an answer.
  static Verdict abort(Reason reason, std::string why = {}) {
    return Verdict(Kind::kAbort, reason, std::move(why));
  }

  // Names what decided within the filter: a limit, a catalogue row, a Lua rule. For operators only.
  // With proceed() it says which row let the exchange pass.
  Verdict&& byRule(std::string_view rule) && {
    if (!rule.empty()) more().rule = rule;
    return std::move(*this);
  }

  Kind kind() const { return kind_; }
  bool isProceed() const { return kind_ == Kind::kProceed; }
  Reason reason() const { return reason_; }
  // These live as long as the verdict.
  std::string_view rule() const { return more_ ? more_->rule : std::string_view(); }
  std::string_view why() const { return more_ ? more_->why : std::string_view(); }
  const Reply* reply() const { return more_ && more_->reply ? &*more_->reply : nullptr; }
  std::uint16_t status() const {
    const Reply* const own = reply();
    return own != nullptr && own->status != 0 ? own->status : reasonRow(reason_).status;
  }
  // The filter's own answer, to add to (Retry-After and the like); made when there was none.
  Reply& mutableReply() {
    std::optional<Reply>& own = more().reply;
    return own ? *own : own.emplace();
  }

 private:
  struct More {
    std::string rule;
    std::string why;
    std::optional<Reply> reply;
  };

  Verdict(Kind kind, Reason reason) : kind_(kind), reason_(reason) {}
  Verdict(Kind kind, Reason reason, std::string why) : Verdict(kind, reason) {
    if (!why.empty()) more().why = std::move(why);
  }
  More& more() {
    if (more_ == nullptr) more_ = std::make_unique<More>();
    return *more_;
  }

  Kind kind_;
  Reason reason_;
  std::unique_ptr<More> more_;
};
static_assert(sizeof(Verdict) == 2 * sizeof(void*), "it is moved through every step of a walk");

// A verdict now, an error now (the chain walk applies on_error), or either later.
using Outcome = std::variant<Verdict, Error, Async<Result<Verdict>>>;

}  // namespace edgehold
