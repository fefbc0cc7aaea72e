// SPDX-License-Identifier: Apache-2.0
// posix_spawn(3) behind successor.h.
// Thread: main only.
#include "proxy/server/successor.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy/base/file.h"
#include "proxy/base/limits.h"
#include "proxy/base/strings.h"

namespace edgehold {
namespace {

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

// Ours, with what the new process inherits in place of what we inherited.
std::vector<std::string> environmentWith(const std::string& inheritance) {
  const std::string name = std::string(kInheritanceVariable) + "=";
  std::vector<std::string> texts;
  for (char** entry = ::environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with(name)) texts.emplace_back(*entry);
  }
  texts.push_back(name + inheritance);
  return texts;
}

// Owns what posix_spawn() is told.
class SpawnPlan {
 public:
  SpawnPlan() {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigemptyset(&none);  // ours are blocked, for signalfd(2)
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK);
  }
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  // Under the same number: a duplicate onto itself only loses FD_CLOEXEC.
  void keep(int fd) { ::posix_spawn_file_actions_adddup2(&actions_, fd, fd); }

  Result<pid_t> run(const ProgramCall& program, const std::string& inheritance) {
    std::vector<std::string> arguments = program.arguments;
    std::vector<std::string> environment = environmentWith(inheritance);
    pid_t process = 0;
    const int error_number =
        ::posix_spawn(&process, program.file.c_str(), &actions_, &attributes_,
                      pointers(arguments).data(), pointers(environment).data());
    if (error_number == 0) return process;
    return fail("cannot start `" + program.file + "`: " + errorText(error_number));
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

std::string describe(int status) {
  if (WIFEXITED(status)) return "exit code " + std::to_string(WEXITSTATUS(status));
  if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
  return "status " + std::to_string(status);
}

}  // namespace

ProgramCall ProgramCall::ofThisProcess() {
  ProgramCall call;
  std::string file(4096, '\0');
  const ssize_t length = ::readlink("/proc/self/exe", file.data(), file.size());
  call.file = length > 0 ? file.substr(0, static_cast<std::size_t>(length)) : "/proc/self/exe";
  const auto line = readFile("/proc/self/cmdline", limits::kConfigBytesMax);
  std::string_view rest = line ? std::string_view(*line) : std::string_view();
  while (!rest.empty()) {
    const std::string_view argument = rest.substr(0, rest.find('\0'));
    call.arguments.emplace_back(argument);
    rest.remove_prefix(std::min(rest.size(), argument.size() + 1));
  }
  return call;
}

Result<std::unique_ptr<Successor>> Successor::start(EventLoop& loop, const ProgramCall& program,
                                                    const std::vector<DoorSocket>& doors,
                                                    OnNews on_news) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return fail("cannot make a socket pair: " + errorText(errno));
  }
  Fd ours(ends[0]);
  const Fd theirs(ends[1]);
  SpawnPlan plan;
  plan.keep(theirs.get());
  for (const DoorSocket& door : doors) plan.keep(door.fd.get());
  TRY_ASSIGN(const pid_t process, plan.run(program, inheritanceText(theirs.get(), doors)));
  return std::unique_ptr<Successor>(
      new Successor(loop, std::move(ours), process, std::move(on_news)));
}

Successor::Successor(EventLoop& loop, Fd control, pid_t process, OnNews on_news)
    : control_(std::move(control)),
      process_(process),
      on_news_(std::move(on_news)),
      watch_(loop, control_.get(), *this) {
  watch_.wantRead(true);
}

Successor::~Successor() {
  if (is_over_) return;
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
}

void Successor::go() {
  const char byte = static_cast<char>(SuccessionWord::kGo);
  (void)::send(control_.get(), &byte, 1, MSG_NOSIGNAL);  // whoever is gone is heard of
}

void Successor::onFdReady(bool, bool) {
  char byte = 0;
  const ssize_t got = ::recv(control_.get(), &byte, 1, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got == 1 && byte == static_cast<char>(SuccessionWord::kChecked)) {
    return on_news_(News::kChecked);
  }
  if (got == 1 && byte == static_cast<char>(SuccessionWord::kReady)) {
    is_over_ = true;
    watch_.wantRead(false);
    return on_news_(News::kReady);
  }
  onGone();
}

// Its end of the socket closes with it, and not before.
void Successor::onGone() {
  is_over_ = true;
  watch_.wantRead(false);
  int status = 0;
  ::waitpid(process_, &status, 0);
  fate_ = describe(status);
  on_news_(News::kGone);
}

}  // namespace edgehold
