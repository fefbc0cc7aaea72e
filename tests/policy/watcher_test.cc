// SPDX-License-Identifier: Apache-2.0
// Laws of watching files: every kind of change is told once, when it has settled.
// Thread: one loop.
#include "proxy/policy/watcher.h"

#include <gtest/gtest.h>

#include "tests/policy/policy_fakes.h"
#include "tests/support/fake_loop.h"

namespace edgehold {
namespace {

using std::chrono_literals::operator""s;

class WatcherTest : public ::testing::Test {
 protected:
  TempFolder folder_;
  FakeLoop loop_;
  int changes_ = 0;
  PolicyWatcher watcher_{loop_, [this] { ++changes_; }};
};

TEST_F(WatcherTest, IsSilentWhileNothingChanges) {
  watcher_.watch({folder_.write("a", "1"), folder_.at("absent")});
  loop_.advance(10s);
  EXPECT_EQ(changes_, 0);
}

TEST_F(WatcherTest, TellsAChangeOnceWhenItHasSettled) {
  watcher_.watch({folder_.write("a", "1")});
  folder_.write("a", "22");
  loop_.advance(1s);
  EXPECT_EQ(changes_, 0);
  folder_.write("a", "333");
  loop_.advance(1s);
  EXPECT_EQ(changes_, 0);
  loop_.advance(1s);
  EXPECT_EQ(changes_, 1);
  loop_.advance(10s);
  EXPECT_EQ(changes_, 1);
}

TEST_F(WatcherTest, SeesFilesThatAppearVanishAndAreReplaced) {
  watcher_.watch({folder_.at("a"), folder_.path()});
  folder_.write("a", "1");
  loop_.advance(3s);
  EXPECT_EQ(changes_, 1);
  folder_.write("b", "1");
  std::filesystem::rename(folder_.at("b"), folder_.at("a"));
  loop_.advance(3s);
  EXPECT_EQ(changes_, 2);
  std::filesystem::remove(folder_.at("a"));
  loop_.advance(3s);
  EXPECT_EQ(changes_, 3);
}

TEST_F(WatcherTest, SeesANewFileInAWatchedFolder) {
  folder_.write("rules/a.lua", "1");
  watcher_.watch({folder_.at("rules")});
  folder_.write("rules/b.lua", "1");
  loop_.advance(3s);
  EXPECT_EQ(changes_, 1);
}

TEST_F(WatcherTest, IsSilentWhenStopped) {
  watcher_.watch({folder_.write("a", "1")});
  folder_.write("a", "22");
  watcher_.stop();
  loop_.advance(10s);
  EXPECT_EQ(changes_, 0);
}

TEST_F(WatcherTest, StartsAfreshWhenGivenNewPaths) {
  const std::string file = folder_.write("a", "1");
  watcher_.watch({file});
  folder_.write("a", "22");
  watcher_.watch({file});
  loop_.advance(10s);
  EXPECT_EQ(changes_, 0);
}

TEST(PolicyWatcher, MayBeDestroyedByItsOwnCallback) {
  TempFolder folder;
  FakeLoop loop;
  std::unique_ptr<PolicyWatcher> watcher;
  int changes = 0;
  watcher = std::make_unique<PolicyWatcher>(loop, [&] {
    ++changes;
    watcher.reset();
  });
  watcher->watch({folder.write("a", "1")});
  folder.write("a", "22");
  loop.advance(10s);
  EXPECT_EQ(changes, 1);
}

}  // namespace
}  // namespace edgehold
