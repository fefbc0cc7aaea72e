// SPDX-License-Identifier: Apache-2.0
// Appending, rotating and syncing behind audit_file.h.
// Thread: any (synchronised by mutex_; syncing by the open file's own mutex).
#include "proxy/observe/audit_file.h"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/base/limits.h"
#include "proxy/base/log.h"
#include "proxy/base/strings.h"
#include "proxy/observe/audit_names.h"
#include "proxy/observe/civil_time.h"

namespace edgehold {
namespace {

constexpr std::string_view kStandardOutput = "-";

// So that a reader that stalls stalls nobody: a pipe that says so takes PIPE_BUF bytes at once.
bool takesMore(int descriptor) {
  pollfd wanted{descriptor, POLLOUT, 0};
  return ::poll(&wanted, 1, 0) == 1;
}

std::string failureText(std::string_view path, std::string_view what, int number) {
  return "audit log `" + std::string(path) + "`: cannot " + std::string(what) + ": " +
         errorText(number);
}

// Never over an existing file: that could be a whole day's records.
int moveAside(const std::string& from, const std::string& to) {
  if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL) return errno;
  // A file system that knows no RENAME_NOREPLACE (NFS): look first. We are the only one who
  // rotates.
  if (access(to.c_str(), F_OK) == 0) return EEXIST;
  return rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

// A crash may have left half a line; then the next one needs a line feed before it.
bool endsInsideLine(int descriptor, off_t size) {
  char last = '\n';
  return size > 0 && pread(descriptor, &last, 1, size - 1) == 1 && last != '\n';
}

}  // namespace

AuditFile::AuditFile(const AuditSpec& spec)
    : path_(spec.path),
      durability_(spec.durability),
      rotate_bytes_(spec.rotate_bytes),
      rotate_daily_(spec.rotate_daily),
      retention_days_(spec.retention_days) {}

AuditFile::~AuditFile() = default;

Result<std::unique_ptr<AuditFile>> AuditFile::open(const AuditSpec& spec, WallTime now) {
  std::unique_ptr<AuditFile> audit(new AuditFile(spec));
  TRY(audit->reopen(now));
  return audit;
}

Result<std::shared_ptr<SyncedFile>> AuditFile::openLive() const {
  const int descriptor = path_ == kStandardOutput
                             ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
                             : ::open(path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC,
                                      S_IRUSR | S_IWUSR | S_IRGRP);
  if (descriptor < 0) return fail(Reason::kStoreUnavailable, failureText(path_, "open", errno));
  return std::make_shared<SyncedFile>(descriptor);
}

void AuditFile::use(std::shared_ptr<SyncedFile> file, WallTime now) {
  struct stat status {};
  file_day_ = unixDay(now);
  file_bytes_ = 0;
  is_line_torn_ = false;
  const bool is_known = fstat(file->descriptor(), &status) == 0;
  const bool is_plain = S_ISREG(status.st_mode) ||
                        (S_ISCHR(status.st_mode) && isatty(file->descriptor()) == 0);  // /dev/null
  is_pipe_ = is_known && !is_plain;
  if (is_known && S_ISREG(status.st_mode) && status.st_size > 0) {
    file_bytes_ = static_cast<std::size_t>(status.st_size);
    file_day_ = status.st_mtim.tv_sec / 86'400;  // yesterday's file is rotated at the first write
    is_line_torn_ = endsInsideLine(file->descriptor(), status.st_size);
  }
  file_ = std::move(file);
}

Result<void> AuditFile::record(const OperatorAct& act, WallTime now, bool is_durable) {
  Buffer line;
  appendOperatorAct(line, act, now);
  AppendReport report = append(line.view(), now, is_durable);
  if (!report.error) return {};
  const std::lock_guard lock(mutex_);
  if (owed_.size() + line.size() <= limits::kAuditBufferBytesMax) owed_ += line.view();
  return tl::unexpected(std::move(*report.error));
}

Result<void> AuditFile::reopen(WallTime now) {
  auto opened = openLive();
  {
    const std::lock_guard lock(mutex_);
    is_reopening_ = !opened;
  }
  if (!opened) return fail(health_.noteFailure(opened.error().message));
  {
    const std::lock_guard lock(mutex_);
    use(std::move(*opened), now);
  }
  health_.noteSuccess();
  return {};
}

void AuditFile::probe(WallTime now) {
  if (isHealthy()) return;
  std::string owed;
  bool is_reopening = false;
  {
    const std::lock_guard lock(mutex_);
    owed = std::exchange(owed_, {});
    is_reopening = is_reopening_;
  }
  if (is_reopening) (void)reopen(now);
  if (owed.empty() || !append(owed, now, /*is_durable=*/true).error) return;
  const std::lock_guard lock(mutex_);
  owed_.insert(0, owed);
}

void AuditFile::adopt(const AuditSpec& spec) {
  const std::lock_guard lock(mutex_);
  rotate_bytes_ = spec.rotate_bytes;
  rotate_daily_ = spec.rotate_daily;
  retention_days_ = spec.retention_days;
}

AppendReport AuditFile::append(ByteView lines, WallTime now, bool is_durable) {
  std::shared_ptr<SyncedFile> file;
  AppendReport report;
  std::uint64_t written = 0;
  {
    const std::lock_guard lock(mutex_);
    if (isRotationDue(lines.size(), now)) rotate(now);
    report = write(lines);
    file = file_;
    written = file->written();
  }
  if (!report.error && (is_durable || durability_ == AuditSpec::Durability::kDisk)) {
    const int number = file->syncUpTo(written, path_);
    if (number != 0) {
      // The kernel may drop what it could not write: all of it goes into the next file again.
      report.bytes = 0;
      report.error = health_.noteFailure(failureText(path_, "sync", number));
    }
  }
  if (!report.error) health_.noteSuccess();
  return report;
}

AppendReport AuditFile::write(ByteView lines) {
  AppendReport report;
  bool needs_line_feed = is_line_torn_;
  while (report.bytes < lines.size()) {
    ByteView rest = needs_line_feed ? ByteView("\n") : lines.substr(report.bytes);
    if (is_pipe_) {
      rest = rest.substr(0, PIPE_BUF);
      if (!takesMore(file_->descriptor())) {
        report.error = health_.noteFailure("audit log `" + path_ + "`: its reader takes nothing");
        break;
      }
    }
    const ssize_t taken = ::write(file_->descriptor(), rest.data(), rest.size());
    if (taken < 0 && errno == EINTR) continue;
    if (taken <= 0) {
      report.error = health_.noteFailure(failureText(path_, "write", taken < 0 ? errno : ENOSPC));
      break;
    }
    const auto bytes = static_cast<std::size_t>(taken);
    file_->noteWritten(bytes);
    file_bytes_ += bytes;
    bytes_.fetch_add(bytes, std::memory_order_relaxed);
    if (needs_line_feed) {
      needs_line_feed = is_line_torn_ = false;
      continue;
    }
    report.bytes += bytes;
    is_line_torn_ = lines[report.bytes - 1] != '\n';
  }
  return report;
}

bool AuditFile::isRotationDue(std::size_t bytes, WallTime now) const {
  if (path_ == kStandardOutput) return false;
  // A rotation that failed is tried again later, not at every write.
  if (rotation_failed_ && now - *rotation_failed_ < limits::kAuditRetryInterval &&
      now >= *rotation_failed_) {
    return false;
  }
  if (file_->isBroken()) return true;
  if (file_bytes_ == 0) return false;
  // Forward only: a clock that jumps back must not cut a file at every write.
  if (rotate_daily_ && unixDay(now) > file_day_) return true;
  return rotate_bytes_ > 0 && file_bytes_ + bytes > rotate_bytes_;
}

void AuditFile::rotate(WallTime now) {
  std::string name;
  int number = EEXIST;
  for (unsigned sequence = 0; number == EEXIST && sequence <= limits::kAuditFilesMax; ++sequence) {
    name = rotatedAuditName(path_, now, sequence);
    number = moveAside(path_, name);
  }
  if (number != 0) return noteRotationFailure(failureText(path_, "rotate", number), now);
  auto opened = openLive();
  if (!opened) {
    // Back to where it was: the descriptor still writes into the file under its other name.
    moveAside(name, path_);
    return noteRotationFailure(opened.error().message, now);
  }
  rotation_failed_.reset();
  rotations_.fetch_add(1, std::memory_order_relaxed);
  use(std::move(*opened), now);
}

// The file is still written, so nobody is refused; but it grows, and operators must know.
void AuditFile::noteRotationFailure(const std::string& message, WallTime now) {
  rotation_failed_ = now;
  health_.noteTrouble(message);
}

void AuditFile::removeExpired(WallTime now) {
  int retention_days = 0;
  {
    const std::lock_guard lock(mutex_);
    retention_days = retention_days_;
  }
  if (retention_days <= 0 || path_ == kStandardOutput) return;
  const WallTime oldest = now - std::chrono::days(retention_days);
  for (const RotatedAuditFile& file : listRotatedAuditFiles(path_)) {
    if (file.rotated >= oldest) break;  // oldest first
    if (unlink(file.path.c_str()) != 0 && errno != ENOENT) {
      LOG(ERROR) << failureText(file.path, "remove", errno);
    }
  }
}

void AuditFile::render(Exposition& out) const {
  using Type = Exposition::Type;
  out.family("edgehold_audit_healthy", Type::kGauge, "Whether the audit log can be written.");
  out.sample(std::uint64_t{isHealthy() ? 1u : 0u});
  out.family("edgehold_audit_errors_total", Type::kCounter,
             "Failures to open, write, sync or rotate the audit log.");
  out.sample(health_.errors());
  out.family("edgehold_audit_written_bytes_total", Type::kCounter, "Bytes of audit log written.");
  out.sample(bytes_.load(std::memory_order_relaxed));
  out.family("edgehold_audit_rotations_total", Type::kCounter, "Audit log rotations.");
  out.sample(rotations_.load(std::memory_order_relaxed));
}

}  // namespace edgehold
