// SPDX-License-Identifier: Apache-2.0
// One thread, one loop, and everything that serves on it. Workers share what they are given and
// nothing else; they hear of the world by messages to their loops. Thread: main only, but for the
// functions marked (any).
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "lua/runtime/rule_engine.h"
#include "proxy/base/json.h"
#include "proxy/base/random.h"
#include "proxy/delivery/hold_release.h"
#include "proxy/delivery/hold_store.h"
#include "proxy/net/event_loop.h"
#include "proxy/net/listener.h"
#include "proxy/net/resolver.h"
#include "proxy/observe/audit_file.h"
#include "proxy/observe/audit_log.h"
#include "proxy/observe/metrics.h"
#include "proxy/server/client_connection.h"
#include "proxy/server/proxy_lobby.h"
#include "proxy/server/release_stream.h"
#include "proxy/server/rule_meter.h"
#include "proxy/server/serving.h"
#include "proxy/server/station.h"
#include "proxy/state/claim_journal.h"
#include "proxy/state/journaled_counters.h"
#include "proxy/state/ledger.h"
#include "proxy/state/memory_counters.h"
#include "proxy/upstream/dialer.h"

namespace edgehold {

class Worker final : public HoldRelease::Executor, private ProxyLobby::Host {
 public:
  // Synchronised inside; outlive the worker.
  struct Shared {
    MemoryCounters& counters;
    ClaimJournal& claims;
    Ledger& ledger;
    HoldStore& holds;
    AuditFile& audit;
    HostResolver& resolver;
    const StatusPage& status_page;
    Capacity& capacity;
    RuleWatch& rule_watch;
    WorkerMetrics& metrics;  // this worker's own
  };

  Worker(std::size_t index, const Shared& shared, std::shared_ptr<const Serving> serving);
  ~Worker() override;

  // Before start(): accepts on `fd`, the listener at `index` of the policy.
  void listen(Fd fd, std::size_t index);
  void start();
  // (any) New connections and exchanges follow `serving`.
  void adopt(std::shared_ptr<const Serving> serving);
  // (any) Accepts nothing more, ends what is idle; `on_drained` runs on this worker's loop when the
  // last connection has gone.
  void drain(std::function<void()> on_drained);
  // (any) Answers say that their connections end; all else goes on.
  void announceEnd();
  // (any) As drain(), but who has connected and is not accepted yet stays in the queues, for
  // whoever listens there too. `on_settled` runs on this worker's loop once nothing here needs
  // state.
  void leave(std::function<void()> on_settled, std::function<void()> on_drained);
  // (any) After leave(): cuts what keeps `on_settled` waiting, or of that only connections which
  // have not asked anything.
  enum class Cut : std::uint8_t { kUnheard, kAll };
  void cutUnsettled(Cut cut);
  // (any) Ends the loop; what is still open is cut.
  void stop() { loop_.stop(); }
  void join();

  // (any) HoldRelease::Executor: sends an approved request under the current policy; `done` runs on
  // this worker's loop.
  void execute(StoredRequest request, std::function<void(ExecutionResult)> done) override;

 private:
  struct Door {
    std::size_t index;  // of the listener in the policy
    std::unique_ptr<Listener> listener;
  };

  void run();
  struct Visitor {
    ConnectionGate::Pass pass;
    std::unique_ptr<ClientConnection> connection;
  };

  // Who is at the door, as far as the socket or a proxy says.
  struct Caller {
    std::size_t index;  // of the listener in the policy
    std::uint64_t number;
    Endpoint peer;
    bool is_unknown = false;  // a proxy is there for somebody that it does not name
  };

  void endTurn();
  void accept(std::size_t index, Fd fd, const Endpoint& peer);
  void welcome(const Caller& caller, Fd fd, ConnectionGate::Pass pass);
  ConnectionGate::Pass admit(std::size_t index, const Endpoint& peer);
  void shed(std::uint64_t number);
  void countRefusal(const ConnectionGate::Pass& pass);
  bool isTrustedProxy(const Endpoint& peer) const;

  // ProxyLobby::Host
  void onAnnounced(ProxyLobby::Guest guest, Fd fd, const ProxySource& source) override;
  void onTurnedAway() override { reportDrained(); }

  void closed(std::uint64_t number);
  void reportDrained();
  void drainConnections();
  std::vector<ClientConnection*> openConnections() const;
  void checkSettled();

  const std::size_t index_;
  Capacity& capacity_;
  EventLoop loop_;
  SystemRandom random_;
  SystemClock rule_clock_;  // a rule's wall budget must see time pass within a turn
  JsonPool json_;
  RuleEngines rules_;
  RuleMeter rule_meter_;
  TcpDialer dialer_;
  AuditLog audit_;
  JournaledCounters counters_;
  std::shared_ptr<const Serving> serving_;
  Station station_;
  ProxyLobby lobby_;
  std::vector<Door> doors_;
  std::unordered_map<std::uint64_t, Visitor> connections_;  // by number, as the gate knows them
  std::uint64_t next_number_ = 0;
  Releases releases_{station_};
  std::function<void()> on_drained_;
  std::function<void()> on_settled_;
  std::unique_ptr<Timer> settle_check_;
  std::thread thread_;
};

}  // namespace edgehold
