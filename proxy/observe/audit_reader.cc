// SPDX-License-Identifier: Apache-2.0
// Lines, queries and files behind audit_reader.h.
// Thread: one loop (a value for the length of one query).
#include "proxy/observe/audit_reader.h"

#include <array>
#include <cerrno>
#include <memory>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/base/limits.h"
#include "proxy/observe/audit_names.h"
#include "proxy/observe/civil_time.h"

namespace edgehold {
namespace {

constexpr std::size_t kChunkBytes = 64 * 1024;

std::string_view textAt(std::optional<JsonValue> object, std::string_view key) {
  if (!object) return {};
  const auto member = object->member(key);
  return member ? member->asString().value_or(std::string_view{}) : std::string_view{};
}

bool isAsked(const std::string& wanted, std::string_view value) {
  return wanted.empty() || wanted == value;
}

// A record whose `when` was left out by configuration has no place in any span of time.
bool isWithin(const AuditQuery& query, std::string_view when) {
  if (!query.since && !query.until) return true;
  const auto time = parseRfc3339(when);
  if (!time) return false;
  return (!query.since || *time >= *query.since) && (!query.until || *time < *query.until);
}

class Descriptor {
 public:
  explicit Descriptor(const std::string& path)
      : number_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    struct stat status {};
    is_open_ = number_ >= 0 && fstat(number_, &status) == 0 && S_ISREG(status.st_mode);
    inode_ = status.st_ino;
  }
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  bool isOpen() const { return is_open_; }
  bool isSameFileAs(const Descriptor& other) const {
    return is_open_ && other.is_open_ && inode_ == other.inode_;
  }
  // Zero at the end of the file.
  Result<std::size_t> read(std::array<char, kChunkBytes>& chunk) {
    for (;;) {
      const ssize_t taken = ::read(number_, chunk.data(), chunk.size());
      if (taken >= 0) return static_cast<std::size_t>(taken);
      if (errno != EINTR) return fail(std::generic_category().message(errno));
    }
  }

 private:
  int number_;
  bool is_open_ = false;
  ino_t inode_ = 0;
};

// False when the sink has had enough.
Result<bool> readOne(Descriptor& file, AuditLineReader& reader) {
  const auto chunk = std::make_unique<std::array<char, kChunkBytes>>();
  ++reader.report().files;
  for (;;) {
    TRY_ASSIGN(const std::size_t bytes, file.read(*chunk));
    if (bytes == 0) break;
    if (!reader.receive({chunk->data(), bytes})) return false;
  }
  reader.receiveEnd();
  return true;
}

}  // namespace

AuditLineReader::AuditLineReader(const AuditQuery& query, const AuditSink& sink, Random& random)
    : query_(query), sink_(sink), json_(random) {}

bool AuditLineReader::receive(ByteView bytes) {
  while (!bytes.empty() && !has_enough_) {
    const std::size_t line_feed = bytes.find('\n');
    const ByteView piece = bytes.substr(0, line_feed);
    const bool is_whole = line_feed != ByteView::npos;
    bytes.remove_prefix(is_whole ? line_feed + 1 : bytes.size());
    if (!is_skipping_ && partial_.size() + piece.size() > limits::kAuditLineBytesMax) {
      is_skipping_ = true;
      partial_.clear();
    }
    if (!is_whole) {
      if (!is_skipping_) partial_.append(piece);
    } else if (is_skipping_) {
      is_skipping_ = false;
      ++report_.lines;
      ++report_.invalid;
    } else if (partial_.empty()) {
      has_enough_ = !takeLine(piece);
    } else {
      partial_.append(piece);
      has_enough_ = !takeLine(partial_);
      partial_.clear();
    }
  }
  return !has_enough_;
}

void AuditLineReader::receiveEnd() {
  if (is_skipping_) {
    ++report_.lines;
    ++report_.invalid;
  } else if (!has_enough_) {
    has_enough_ = !takeLine(partial_);
  }
  partial_.clear();
  is_skipping_ = false;
}

bool AuditLineReader::takeLine(std::string_view line) {
  if (line.empty()) return true;
  ++report_.lines;
  bool is_record = false;
  const bool is_wanted = isWanted(line, is_record);
  if (!is_record) ++report_.invalid;
  if (!is_wanted) return true;
  ++report_.matched;
  return sink_(line);
}

bool AuditLineReader::isWanted(std::string_view line, bool& is_record) {
  const auto document = json_.parse(line);
  if (!document) return false;
  const JsonValue root = document->root();
  is_record = !textAt(root, "decision").empty() && !textAt(root, "reason").empty();
  if (!is_record) return false;
  if (!query_.text.empty() && line.find(query_.text) == std::string_view::npos) return false;
  const auto who = root.member("who");
  const auto what = root.member("what");
  return isAsked(query_.decision, textAt(root, "decision")) &&
         isAsked(query_.reason, textAt(root, "reason")) &&
         isAsked(query_.request_id, textAt(root, "request_id")) &&
         isAsked(query_.approval_id, textAt(root, "approval_id")) &&
         isAsked(query_.host, textAt(what, "host")) &&
         isAsked(query_.route, textAt(what, "route")) &&
         isAsked(query_.action, textAt(what, "action")) &&
         isAsked(query_.principal, textAt(who, "principal")) &&
         isAsked(query_.group, textAt(who, "group")) &&
         isAsked(query_.sender, textAt(who, "sender")) && isWithin(query_, textAt(root, "when"));
}

Result<AuditReadReport> readAuditFiles(const std::string& live_path, const AuditQuery& query,
                                       const AuditSink& sink) {
  SystemRandom random;
  AuditLineReader reader(query, sink, random);
  // Opened before the directory is listed: if it is rotated in between, it is in both, and told
  // apart by its inode.
  Descriptor live(live_path);
  for (const RotatedAuditFile& rotated : listRotatedAuditFiles(live_path)) {
    // A record tells when its exchange began, so none in this file is younger than its rotation.
    if (query.since && rotated.rotated + std::chrono::seconds(1) < *query.since) continue;
    Descriptor file(rotated.path);
    if (!file.isOpen() || file.isSameFileAs(live)) continue;
    TRY_ASSIGN(const bool goes_on, readOne(file, reader));
    if (!goes_on) return reader.report();
  }
  if (live.isOpen()) TRY(readOne(live, reader));
  if (reader.report().files == 0) return fail(live_path + ": no audit file can be read");
  return reader.report();
}

}  // namespace edgehold
