// SPDX-License-Identifier: Apache-2.0
// Becoming another user, in a child process: it cannot be undone.
#include "proxy/server/privileges.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/temp_directory.h"

namespace edgehold {
namespace {

using testing::HasSubstr;

// Runs `law` in a child; true if it held there.
bool holdsInChild(const std::function<bool()>& law) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(law() ? 0 : 1);
  int status = 0;
  return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(Privileges, UnknownAccountIsAnErrorThatNamesIt) {
  const auto become = becomeUser("no_such_account");
  ASSERT_FALSE(become);
  EXPECT_THAT(become.error().message, HasSubstr("`no_such_account`"));
  EXPECT_FALSE(findUser(""));
}

TEST(Privileges, EmptyNameChangesNothing) {
  const uid_t before = ::getuid();
  EXPECT_TRUE(becomeUser(""));
  EXPECT_EQ(::getuid(), before);
}

TEST(Privileges, UsersAreDescribedByNumberAndName) {
  EXPECT_EQ(describeUser(0), "uid:0 (root)");
  EXPECT_EQ(describeUser(3'999'999'999u), "uid:3999999999");
}

TEST(Privileges, RootThatBecameSomebodyCannotReturn) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  EXPECT_TRUE(holdsInChild([] {
    const auto nobody = findUser("nobody");
    return nobody && becomeUser("nobody") && ::getuid() == nobody->user_id &&
           ::getgid() == nobody->group_id && ::geteuid() == nobody->user_id && ::setuid(0) != 0 &&
           ::setgid(0) != 0 && becomeUser("nobody") && !becomeUser("root");
  }));
}

uid_t ownerOf(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 ? status.st_uid : 0;
}

TEST(Privileges, WhatRootMadeIsGivenWithItsFolder) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give";
  const TempDirectory state, elsewhere;
  writeWhole(state.file("db"), "");
  writeWhole(elsewhere.file("audit"), "");
  const auto given = giveToUser(state.path(), {elsewhere.file("audit"), ""}, "nobody");
  ASSERT_TRUE(given) << given.error().message;
  const auto nobody = findUser("nobody");
  for (const std::string& path : {state.path(), state.file("db"), elsewhere.file("audit")}) {
    EXPECT_EQ(ownerOf(path), nobody->user_id) << path;
  }
  EXPECT_EQ(ownerOf(elsewhere.path()), 0u);
  EXPECT_TRUE(giveToUser(state.path(), {}, "nobody"));  // again, at the next start
}

TEST(Privileges, NothingIsGivenThroughALink) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give";
  const TempDirectory state, elsewhere;
  const std::string precious = elsewhere.file("precious");
  writeWhole(precious, "");
  ASSERT_EQ(::symlink(precious.c_str(), state.file("soft").c_str()), 0);
  EXPECT_TRUE(giveToUser(state.path(), {}, "nobody"));  // left alone
  EXPECT_FALSE(giveToUser(state.path(), {state.file("soft")}, "nobody"));
  ASSERT_EQ(::link(precious.c_str(), state.file("hard").c_str()), 0);
  EXPECT_FALSE(giveToUser(state.path(), {}, "nobody"));
  EXPECT_EQ(ownerOf(precious), 0u);
}

TEST(Privileges, ConfinedProcessGainsNothingAndLeavesNoCore) {
  EXPECT_TRUE(holdsInChild([] {
    rlimit files{}, core{};
    return confineProcess(/*keeps_core_dumps=*/false) &&
           ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 &&
           ::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur == files.rlim_max &&
           ::getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0;
  }));
}

TEST(Privileges, CoreDumpsStayAsTheyAreWhenAskedFor) {
  EXPECT_TRUE(holdsInChild([] {
    rlimit before{}, after{};
    return ::getrlimit(RLIMIT_CORE, &before) == 0 && confineProcess(/*keeps_core_dumps=*/true) &&
           ::getrlimit(RLIMIT_CORE, &after) == 0 && before.rlim_cur == after.rlim_cur;
  }));
}

}  // namespace
}  // namespace edgehold
