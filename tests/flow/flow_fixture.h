// SPDX-License-Identifier: Apache-2.0
// A whole server without a socket: the real station, connections, chain, filters, state and audit
// log on a fake loop, with the test as every client and every upstream. Thread: main only.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "filters/registry.h"
#include "lua/runtime/rule_engine.h"
#include "proxy/base/json_tree.h"
#include "proxy/delivery/hold_store.h"
#include "proxy/observe/audit_log.h"
#include "proxy/policy/loader.h"
#include "proxy/server/client_connection.h"
#include "proxy/server/station.h"
#include "proxy/server/status_page.h"
#include "proxy/state/memory_counters.h"
#include "proxy/state/memory_ledger.h"
#include "tests/support/fake_dialer.h"
#include "tests/support/fake_loop.h"
#include "tests/support/fake_random.h"

namespace edgehold {

class FlowTest : public testing::Test {
 protected:
  FlowTest() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "edgehold-flow-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    AuditSpec spec;
    spec.path = directory_ + "/audit.jsonl";
    auto opened = AuditFile::open(spec, loop_.clock().wallNow());
    audit_file_ = std::move(*opened);
    audit_ = std::make_unique<AuditLog>(*audit_file_, metrics_registry_.addWorker(), loop_,
                                        std::vector<std::string>{});
  }
  ~FlowTest() override { std::filesystem::remove_all(directory_); }

  std::string path(std::string_view name) const { return directory_ + "/" + std::string(name); }
  void write(std::string_view name, std::string_view text) const {
    std::ofstream(path(name)) << text;
  }

  // Takes a configuration over; its listeners and upstreams are never opened.
  void use(std::string_view yaml) {
    if (registry_.names().empty()) addFilters(registry_);
    LoadResult loaded = loadPolicyText(
        yaml, path("edgehold.yaml"),
        {registry_, loop_.clock(), [this](const std::string& name) -> std::optional<std::string> {
           const auto found = environment_.find(name);
           if (found == environment_.end()) return std::nullopt;
           return found->second;
         }});
    for (const std::string& error : loaded.errors) ADD_FAILURE() << error;
    ASSERT_NE(loaded.snapshot, nullptr);
    if (station_ != nullptr) return station_->adopt(loaded.snapshot);
    station_ = std::make_unique<Station>(Station::Parts{.loop = loop_,
                                                        .random = random_,
                                                        .dialer = dialer_,
                                                        .services = {.loop = loop_,
                                                                     .random = random_,
                                                                     .json = json_,
                                                                     .counters = counters_,
                                                                     .ledger = ledger_,
                                                                     .rules = rules_,
                                                                     .holds = holds_},
                                                        .audit = *audit_,
                                                        .metrics = metrics_registry_.addWorker(),
                                                        .status_page = status_page_,
                                                        .capacity = capacity_},
                                         loaded.snapshot);
  }

  // A new client connection, open and reading.
  std::shared_ptr<FakePeer> connect(std::string_view from = "192.0.2.7:4000",
                                    bool is_surplus = false, std::string_view protocol = {}) {
    auto client = std::make_shared<FakePeer>();
    client->protocol = protocol;
    connections_.push_back(std::make_unique<ClientConnection>(
        *station_, std::make_unique<FakeTransport>(client, *Endpoint::parse(from)),
        [this](ClientConnection& ended) { bury(ended); }));
    if (is_surplus) connections_.back()->refuseRequests();
    if (protocol == "h2c") connections_.back()->allowHttp2();
    connections_.back()->start();
    client->open();
    settle();
    return client;
  }
  // Turns until nothing is left to do, each with the end that a worker's turn has.
  void settle() {
    loop_.settle([this] { station_->endTurn(); });
  }
  void send(FakePeer& to, std::string_view bytes) {
    to.feed(bytes);
    settle();
  }
  // The newest upstream connection; opens it when it waits for that.
  FakePeer& upstream() {
    FakePeer& peer = *dialer_.peers.back();
    if (!peer.is_open) peer.open();
    settle();
    return peer;
  }
  // Records that are in the file by now.
  std::size_t recordsWritten() const {
    std::ifstream file(path("audit.jsonl"));
    std::size_t lines = 0;
    for (std::string line; std::getline(file, line);) ++lines;
    return lines;
  }
  std::vector<Json::Value> audit() {
    settle();
    std::ifstream file(path("audit.jsonl"));
    std::vector<Json::Value> records;
    for (std::string line; std::getline(file, line);) {
      auto parsed = parseJsonTree(line);
      if (!parsed) {
        ADD_FAILURE() << parsed.error().message << ": " << line;
        continue;
      }
      records.push_back(std::move(*parsed));
    }
    return records;
  }

  void bury(ClientConnection& ended) {
    const auto found =
        std::find_if(connections_.begin(), connections_.end(),
                     [&](const auto& candidate) { return candidate.get() == &ended; });
    station_->graveyard().bury(std::move(*found));
    connections_.erase(found);
  }

  FakeLoop loop_;
  FakeRandom random_;
  FakeDialer dialer_;
  std::map<std::string, std::string> environment_;
  MetricsRegistry metrics_registry_{"test"};
  MemoryLedger ledger_;
  MemoryCounters counters_{SipKey{1, 2}};
  HoldStore holds_{ledger_};
  StatusPage status_page_{holds_};
  Capacity capacity_;
  JsonPool json_{random_};
  SystemClock rule_clock_;
  RuleWatch rule_watch_;
  RuleEngines rules_{rule_clock_, rule_watch_};
  FilterRegistry registry_;
  std::string directory_;
  std::unique_ptr<AuditFile> audit_file_;
  std::unique_ptr<AuditLog> audit_;
  std::unique_ptr<Station> station_;
  std::vector<std::unique_ptr<ClientConnection>> connections_;
};

}  // namespace edgehold
