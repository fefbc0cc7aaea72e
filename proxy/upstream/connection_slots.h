// SPDX-License-Identifier: Apache-2.0
// How many connections the process has to an upstream: counted exactly, over all workers and
// policies.
// Thread: any (atomics; the table synchronised by mutex_).
#pragma once

#include <atomic>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace edgehold {

// Of one upstream. A connection that is kept writes nothing here.
class ConnectionSlots : public std::enable_shared_from_this<ConnectionSlots> {
 public:
  // One connection's place: given back when it is destroyed.
  class Slot {
   public:
    explicit Slot(std::shared_ptr<ConnectionSlots> slots) : slots_(std::move(slots)) {}
    ~Slot() { release(); }
    Slot(Slot&& other) noexcept = default;
    Slot& operator=(Slot&&) = delete;
    void release() {
      if (slots_ != nullptr) std::exchange(slots_, nullptr)->taken_.fetch_sub(1);
    }

   private:
    std::shared_ptr<ConnectionSlots> slots_;
  };

  // Nothing when `most` are taken.
  std::optional<Slot> take(std::size_t most);
  std::size_t taken() const { return taken_.load(std::memory_order_relaxed); }

  // Pools that keep idle connections: each may keep its part of them, so that what one worker does
  // not use is never all that another could have.
  void join() { pools_.fetch_add(1); }
  void leave() { pools_.fetch_sub(1); }
  std::size_t shareOf(std::size_t most) const;

 private:
  std::atomic<std::size_t> taken_{0};
  std::atomic<std::size_t> pools_{0};
};

// Of all upstreams, by name: a policy that changes an upstream finds the connections to it counted.
class UpstreamSlots {
 public:
  std::shared_ptr<ConnectionSlots> of(const std::string& upstream);

 private:
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<ConnectionSlots>> slots_;  // guarded by mutex_
};

}  // namespace edgehold
