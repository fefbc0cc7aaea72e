// SPDX-License-Identifier: Apache-2.0
// Users, limits and prctl(2), behind privileges.h.
// Thread: main only.
#include "proxy/server/privileges.h"

#include <cerrno>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/base/strings.h"
#include "proxy/net/fd.h"
#include "proxy/net/socket.h"

namespace edgehold {
namespace {

constexpr std::size_t kAccountBytes = 16 * 1024;

Error systemError(std::string_view what, int error_number) {
  return failure(std::string(what) + ": " + errorText(error_number));
}

User userOf(const passwd& account) { return {account.pw_name, account.pw_uid, account.pw_gid}; }

std::optional<User> userWithId(std::uint32_t user_id) {
  std::vector<char> room(kAccountBytes);
  passwd account{};
  passwd* found = nullptr;
  ::getpwuid_r(user_id, &account, room.data(), room.size(), &found);
  if (found == nullptr) return std::nullopt;
  return userOf(account);
}

bool isNow(const User& user) {
  uid_t real = 0, effective = 0, saved = 0;
  gid_t group = 0, effective_group = 0, saved_group = 0;
  return ::getresuid(&real, &effective, &saved) == 0 &&
         ::getresgid(&group, &effective_group, &saved_group) == 0 && real == user.user_id &&
         effective == user.user_id && saved == user.user_id && group == user.group_id &&
         effective_group == user.group_id && saved_group == user.group_id;
}

Result<void> raiseDescriptorLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return fail(systemError("RLIMIT_NOFILE", errno));
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return fail(systemError("RLIMIT_NOFILE", errno));
  return {};
}

Result<void> forbidCoreDumps() {
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0) return fail(systemError("RLIMIT_CORE", errno));
  return {};
}

// By descriptor, so that what was looked at is what is given.
Result<void> giveFile(const std::string& path, const User& user) {
  const Fd fd(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (!fd.isOpen() || ::fstat(fd.get(), &status) != 0) {
    return fail(systemError("cannot open `" + path + "`", errno));
  }
  if (status.st_uid == user.user_id) return {};
  if (S_ISCHR(status.st_mode) || S_ISFIFO(status.st_mode)) return {};  // /dev/null, a collector's
  if (S_ISLNK(status.st_mode) || (!S_ISDIR(status.st_mode) && status.st_nlink > 1)) {
    return fail("cannot give `" + path + "` to `" + user.name + "`: it is a link");
  }
  if (::fchownat(fd.get(), "", user.user_id, user.group_id, AT_EMPTY_PATH) == 0) return {};
  return fail(systemError("cannot give `" + path + "` to `" + user.name + "`", errno));
}

}  // namespace

Result<User> findUser(const std::string& name) {
  std::vector<char> room(kAccountBytes);
  passwd account{};
  passwd* found = nullptr;
  const int error_number = ::getpwnam_r(name.c_str(), &account, room.data(), room.size(), &found);
  if (found != nullptr) return userOf(account);
  if (error_number != 0) return fail(systemError("user `" + name + "`", error_number));
  return fail("user `" + name + "`: there is no such account");
}

std::string describeUser(std::uint32_t user_id) {
  const auto user = userWithId(user_id);
  std::string text = "uid:" + std::to_string(user_id);
  if (user) text += " (" + user->name + ")";
  return text;
}

Result<void> confineProcess(bool keeps_core_dumps) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return fail(systemError("PR_SET_NO_NEW_PRIVS", errno));
  }
  if (!keeps_core_dumps) TRY(forbidCoreDumps());
  return raiseDescriptorLimit();
}

Result<void> giveToUser(const std::string& directory, const std::vector<std::string>& files,
                        const std::string& name) {
  if (name.empty() || ::geteuid() != 0) return {};
  TRY_ASSIGN(const User user, findUser(name));
  TRY(giveFile(directory, user));
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (!entry.is_symlink()) TRY(giveFile(entry.path().string(), user));
  }
  if (error) return fail("cannot list `" + directory + "`: " + error.message());
  for (const std::string& file : files) {
    if (!file.empty()) TRY(giveFile(file, user));
  }
  return {};
}

Result<void> becomeUser(const std::string& name) {
  if (name.empty()) return {};
  TRY_ASSIGN(const User user, findUser(name));
  if (isNow(user)) return {};
  if (::geteuid() != 0) {
    return fail("cannot become `" + name + "`: only root can become another user");
  }
  // The groups first: afterwards there is no right to change them.
  if (::initgroups(user.name.c_str(), user.group_id) != 0 ||
      ::setresgid(user.group_id, user.group_id, user.group_id) != 0 ||
      ::setresuid(user.user_id, user.user_id, user.user_id) != 0) {
    return fail(systemError("cannot become `" + name + "`", errno));
  }
  const bool is_regained = user.user_id != 0 && (::setuid(0) == 0 || ::seteuid(0) == 0);
  if (is_regained || !isNow(user)) {
    return fail("cannot become `" + name + "`: root could be regained");
  }
  return {};
}

}  // namespace edgehold
