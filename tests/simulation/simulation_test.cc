// SPDX-License-Identifier: Apache-2.0
// Runs seeds, some hundred steps each, and says how to run the one that broke a law again:
//   EDGEHOLD_SIMULATION_SEED=1234 build/dev/tests/simulation/simulation_test
// EDGEHOLD_SIMULATION_SEEDS=N runs N seeds instead of 2,000. Thread: main only.
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "filters/registry.h"
#include "proxy/policy/loader.h"
#include "tests/simulation/world.h"
#include "tests/support/temp_directory.h"

namespace edgehold::simulation {
namespace {

constexpr std::uint64_t kSeeds = 2'000;
constexpr std::uint64_t kParts = 8;  // tests, so that some can run at once

std::optional<std::uint64_t> numberFrom(const char* variable) {
  const char* const text = std::getenv(variable);
  if (text == nullptr) return std::nullopt;
  return std::strtoull(text, nullptr, 10);
}

// Snapshots never change, so that all runs share two.
class House {
 public:
  House() {
    addFilters(registry_);
    writeWhole(directory_.file("actions.yaml"),
               "rows:\n  - {action: mass_send, name: broadcast, method: POST, path: "
               "\"/hook/{number}\", when: "
               "{all: [{pointer: /type, op: eq, value: broadcast}]}}\n");
    std::filesystem::create_directory(directory_.file("rules"));
    writeWhole(directory_.file("rules/forbidden.lua"),
               "local function check(request)\n"
               "  if request.json.text == 'forbidden' then return deny('forbidden') end\n"
               "end\n"
               "return { id = 'forbidden', phase = 'request', check = check }\n");
    for (std::size_t i = 0; i < policies_.size(); ++i) {
      LoadResult loaded = loadPolicyText(policyText(kKnownEvents[i]), directory_.file("edge.yaml"),
                                         {registry_, clock_, [](const std::string&) {
                                            return std::optional(std::string(kSecret));
                                          }});
      for (const std::string& error : loaded.errors) ADD_FAILURE() << error;
      policies_[i] = std::move(loaded.snapshot);
    }
  }
  const Policies& policies() const { return policies_; }

 private:
  TempDirectory directory_;
  FilterRegistry registry_;
  FakeClock clock_;
  Policies policies_;
};

const Policies& policies() {
  static const House house;
  return house.policies();
}

// Where there is one, a file system in memory: a run syncs often.
std::string newDirectory() {
  const std::filesystem::path shared = "/dev/shm";
  const auto base =
      std::filesystem::is_directory(shared) ? shared : std::filesystem::temp_directory_path();
  std::string name = (base / "edgehold-simulation-XXXXXX").string();
  return ::mkdtemp(name.data());
}

struct Outcome {
  std::uint64_t fingerprint = 0;
  bool is_lawful = true;
  Laws::Tally tally;
};

Outcome runSeed(std::uint64_t seed, bool is_told) {
  const std::string directory = newDirectory();
  Outcome outcome;
  {
    World world(seed, directory, policies());
    world.run();
    outcome = {world.fingerprint(), world.laws().broken().empty(), world.laws().tally()};
    if (is_told || !outcome.is_lawful) {
      for (const std::string& line : world.trace()) std::cout << "  " << line << '\n';
    }
    for (const std::string& broken : world.laws().broken()) {
      ADD_FAILURE() << "seed " << seed << ": " << broken
                    << "\nrun it again: EDGEHOLD_SIMULATION_SEED=" << seed << " simulation_test";
    }
  }
  std::filesystem::remove_all(directory);
  return outcome;
}

class Simulation : public testing::TestWithParam<std::uint64_t> {};

TEST_P(Simulation, TheLawsHold) {
  if (const auto seed = numberFrom("EDGEHOLD_SIMULATION_SEED")) {
    if (GetParam() == 0) runSeed(*seed, /*is_told=*/true);
    return;
  }
  const std::uint64_t seeds = numberFrom("EDGEHOLD_SIMULATION_SEEDS").value_or(kSeeds) / kParts;
  Laws::Tally sum;
  for (std::uint64_t i = 0; i < seeds; ++i) {
    const Outcome outcome = runSeed(1 + GetParam() * seeds + i, /*is_told=*/false);
    if (!outcome.is_lawful) return;
    sum.answers += outcome.tally.answers;
    sum.holds += outcome.tally.holds;
    sum.executions += outcome.tally.executions;
    sum.duplicates += outcome.tally.duplicates;
  }
  std::cout << seeds << " seeds: " << sum.answers << " answers, " << sum.holds << " holds, "
            << sum.executions << " executions, " << sum.duplicates << " duplicates\n";
  // A simulation in which nothing happens proves nothing.
  EXPECT_GT(sum.answers, seeds * 3);
  EXPECT_GT(sum.holds, seeds / 4);
  EXPECT_GT(sum.executions, seeds / 20);
  EXPECT_GT(sum.duplicates, seeds / 20);
}
INSTANTIATE_TEST_SUITE_P(Seeds, Simulation, testing::Range<std::uint64_t>(0, kParts));

TEST(SimulationSeed, ReplaysExactly) {
  for (const std::uint64_t seed : {7u, 8u, 9u}) {
    EXPECT_EQ(runSeed(seed, false).fingerprint, runSeed(seed, false).fingerprint) << seed;
  }
}

}  // namespace
}  // namespace edgehold::simulation
