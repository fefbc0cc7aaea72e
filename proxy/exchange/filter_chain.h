// SPDX-License-Identifier: Apache-2.0
// The ordered filters of a route, and the walk of one exchange through them. Failure policy, shadow
// mode, timing and naming are applied here, once, and nowhere else.
// Thread: the chain any (immutable); a walk one loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/async.h"
#include "proxy/base/loop.h"
#include "proxy/exchange/filter.h"

namespace edgehold {

enum class FilterMode : std::uint8_t { kEnforce, kShadow };  // `off` filters are not in the chain
enum class OnError : std::uint8_t { kDeny, kAllow };

struct ChainEntry {
  std::string name;  // as operators see it: the filter's type, or the name they gave it
  std::unique_ptr<const Filter> filter;
  FilterMode mode = FilterMode::kEnforce;
  OnError on_error = OnError::kDeny;
  FilterNeeds needs;  // filter->needs(), asked once
};

class FilterChain {
 public:
  // `entries` in the order of checks (filter_registry.h sorts them).
  explicit FilterChain(std::vector<ChainEntry> entries);

  const std::vector<ChainEntry>& entries() const { return entries_; }
  // The sum of what the entries need.
  const FilterNeeds& bodyPlan() const { return plan_; }
  // Some entry wants to see every piece of the request body, even where it is collected whole.
  bool seesChunks() const { return sees_chunks_; }

 private:
  std::vector<ChainEntry> entries_;
  FilterNeeds plan_;
  bool sees_chunks_ = false;
};

// One exchange's walk, phase by phase. Lives with the exchange; destroying it cancels what it waits
// for.
class ChainWalk {
 public:
  // Called when a phase is over: nothing when all proceed, else the verdict that ends the exchange.
  // exchange.decision already says who, why and what shadows would have said.
  using Done = std::function<void(std::optional<Verdict>)>;

  // REQUIRES: chain and exchange outlive the walk.
  ChainWalk(const FilterChain& chain, Exchange& exchange, Services& services);
  ~ChainWalk();

  // Run a phase. `done` may be called before these return. One phase at a time.
  void requestHead(Done done);
  void requestBody(Done done);
  // The only phase of an exchange that is a message.
  void message(Done done);
  // Synchronous phases. A piece of the request body, counted in the decision before.
  std::optional<Verdict> chunk(std::string_view chunk);
  // One event of an inspected event stream: nothing when it passes, deny() when it is dropped,
  // abort() when the stream is cut; then exchange.decision says who and why.
  std::optional<Verdict> sseEvent(const SseEvent& event);
  // The upstream's head. Shadows are not asked: a changed field would be an effect.
  void responseHead(ResponseHead& head);
  // Tells every filter that was asked, once. Calls after the first do nothing.
  void finished();

 private:
  enum class Phase : std::uint8_t { kHead, kBody, kMessage };

  void begin(Phase phase, Done done);
  // Asks entry after entry until one must be waited for, one ends the phase, or none is left.
  void advance();
  Outcome ask(const ChainEntry& entry);
  // True when the walk may go on to the next entry. On false the walk is over, or gone: `done` may
  // destroy it.
  bool apply(const ChainEntry& entry, Result<Verdict> result);
  bool applyError(const ChainEntry& entry, Error error);
  bool applyVerdict(const ChainEntry& entry, Verdict verdict);
  // As apply(), when the answer was there at once; else false, and resume() goes on later.
  bool wait(const ChainEntry& entry, Async<Result<Verdict>> later);
  void resume(Result<Verdict> result);
  void end(std::optional<Verdict> verdict);
  std::optional<Verdict> applyToEvent(const ChainEntry& entry, Result<Verdict> result);
  void shadow(const ChainEntry& entry, Reason reason, std::string_view rule);
  void decide(const Verdict& verdict, Decision::Kind kind, std::string_view filter);
  std::optional<Verdict> unheldWish();
  bool isSkipped(const ChainEntry& entry) const;

  const FilterChain& chain_;
  Exchange& exchange_;
  Services& services_;
  Phase phase_ = Phase::kHead;
  std::size_t next_ = 0;   // the entry to ask next; the one before it is waited for
  std::size_t asked_ = 0;  // entries before it were asked in some phase, for finished()
  Done done_;
  std::optional<Async<Result<Verdict>>> waiting_;
  bool is_subscribing_ = false;  // inside waiting_->then(): an answer goes to early_
  std::optional<Result<Verdict>> early_;
  std::unique_ptr<Timer> deadline_;
};

}  // namespace edgehold
