// SPDX-License-Identifier: Apache-2.0
// The laws of the state directory: one process at a time, and plain words when it cannot be had.
// Thread: main only.
#include "proxy/state/state_directory.h"

#include <cstdlib>
#include <filesystem>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

namespace edgehold {
namespace {

using testing::HasSubstr;

class StateDirectoryTest : public testing::Test {
 protected:
  StateDirectoryTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "edgehold-dir-XXXXXX").string();
    parent_ = ::mkdtemp(pattern.data());
  }
  ~StateDirectoryTest() override { std::filesystem::remove_all(parent_); }
  std::string path() const { return parent_ + "/state"; }
  std::string parent_;
};

TEST_F(StateDirectoryTest, IsMadeForItsOwnerAndGroupAlone) {
  const auto directory = StateDirectory::open(path());
  ASSERT_TRUE(directory) << directory.error().message;
  struct stat status {};
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0007, 0u);
}

TEST_F(StateDirectoryTest, BelongsToOneProcessAtATime) {
  std::optional<Result<StateDirectory>> first(StateDirectory::open(path()));
  ASSERT_TRUE(*first);
  const auto second = StateDirectory::open(path());
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr("in use by another process"));
  first.reset();
  EXPECT_TRUE(StateDirectory::open(path()));
}

TEST_F(StateDirectoryTest, TellsThatItsParentIsMissing) {
  const auto directory = StateDirectory::open(parent_ + "/none/state");
  ASSERT_FALSE(directory);
  EXPECT_THAT(directory.error().message, HasSubstr("name another one"));
}

}  // namespace
}  // namespace edgehold
