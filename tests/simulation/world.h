// SPDX-License-Identifier: Apache-2.0
// One run: a seed decides who does what, step by step, and which faults come; after every step the
// laws are checked. The same seed is the same run. Thread: one loop.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "tests/simulation/actors.h"
#include "tests/simulation/laws.h"
#include "tests/simulation/sim_server.h"

namespace edgehold::simulation {

using Policies = std::array<std::shared_ptr<const PolicySnapshot>, 2>;

class World {
 public:
  // `directory` is empty and the run's own.
  World(std::uint64_t seed, std::string directory, const Policies& policies);
  ~World();

  // Goes on until a law is broken, or the seed's steps are done and everything has come to its end.
  void run();

  const Laws& laws() const { return laws_; }
  // What was done, the newest last.
  const std::deque<std::string>& trace() const { return trace_; }
  // Of everything that was done and seen: the same seed gives the same.
  std::uint64_t fingerprint() const { return fingerprint_; }

 private:
  std::uint64_t below(std::uint64_t end) { return random_.next() % end; }
  void start(const FakeClock& clock);
  void step();
  std::string act();
  std::string actClient();
  std::string actAgent();
  std::string passTime();
  std::string actOperator();
  std::string breakSomething();
  std::string crash();
  void reload();
  void mendDisk();
  void breakDisk();
  void observe();
  void readAudit();
  void checkKept();
  void comeToAnEnd();
  void checkHolds();
  void note(std::string what);

  const std::uint64_t seed_;
  FakeRandom random_;
  const Policies policies_;
  std::size_t policy_ = 0;
  Disk disk_;
  Laws laws_;
  RequestMaker maker_{random_};
  std::unique_ptr<SimServer> server_;
  std::vector<std::unique_ptr<SimClient>> clients_;
  std::vector<std::unique_ptr<SimAgent>> agents_;
  std::size_t dialled_ = 0;              // agents that we know, of all that were dialled
  std::uint64_t sends_until_crash_ = 0;  // 0: none is planned
  bool is_disk_full_ = false;
  bool is_frozen_ = false;      // the process died; what it does now does not happen
  std::size_t audit_read_ = 0;  // bytes of the audit file
  std::string audit_rest_;      // a line that is not whole
  std::deque<std::string> trace_;
  std::uint64_t fingerprint_ = 0xcbf29ce484222325u;
};

}  // namespace edgehold::simulation
