// SPDX-License-Identifier: Apache-2.0
// A bound on something that all workers use up together, counted without a shared write for each
// use: a worker takes from the shared count in lots, and keeps an account of its own. Thread:
// SharedQuota any (synchronised by atomics); QuotaAccount and QuotaShare one loop.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace edgehold {

// What is leased to the accounts, and how much may be.
class SharedQuota {
 public:
  // `lot`: what an account takes at once. A bound that is small beside the lots of all accounts
  // wants smaller ones: what others have leased and do not use cannot be had.
  void bound(std::size_t most, std::size_t lot) {
    most_.store(static_cast<std::int64_t>(most), std::memory_order_relaxed);
    lot_.store(static_cast<std::int64_t>(std::max<std::size_t>(lot, 1)), std::memory_order_relaxed);
  }
  bool isFull() const {
    return leased_.load(std::memory_order_relaxed) >= most_.load(std::memory_order_relaxed);
  }
  std::int64_t lot() const { return lot_.load(std::memory_order_relaxed); }
  std::int64_t leased() const { return leased_.load(std::memory_order_relaxed); }

  // True if so much was still to be had.
  bool lease(std::int64_t amount) {
    const std::int64_t before = leased_.fetch_add(amount, std::memory_order_relaxed);
    if (before + amount <= most_.load(std::memory_order_relaxed)) return true;
    leased_.fetch_sub(amount, std::memory_order_relaxed);
    return false;
  }
  // Past the bound too: for what is there already.
  void leaseAnyway(std::int64_t amount) { leased_.fetch_add(amount, std::memory_order_relaxed); }
  void giveBack(std::int64_t amount) { leased_.fetch_sub(amount, std::memory_order_relaxed); }

 private:
  alignas(64) std::atomic<std::int64_t> most_{INT64_MAX};
  std::atomic<std::int64_t> lot_{1};
  alignas(64) std::atomic<std::int64_t> leased_{0};  // written once a lot
};

// One worker's part.
class QuotaAccount {
 public:
  // REQUIRES: `shared` outlives the account.
  explicit QuotaAccount(SharedQuota& shared) : shared_(shared) {}
  ~QuotaAccount() { shared_.giveBack(leased_); }
  QuotaAccount(const QuotaAccount&) = delete;
  QuotaAccount& operator=(const QuotaAccount&) = delete;

  std::int64_t used() const { return used_; }
  // Nobody can lease more: whoever can do with less should.
  bool isScarce() const { return shared_.isFull(); }

  bool take(std::size_t amount) {
    const auto wanted = used_ + static_cast<std::int64_t>(amount) - leased_;
    if (wanted > 0 && !leaseFor(wanted)) return false;
    used_ += static_cast<std::int64_t>(amount);
    return true;
  }
  // For what is there already.
  void charge(std::size_t amount) {
    if (take(amount)) return;
    used_ += static_cast<std::int64_t>(amount);
    shared_.leaseAnyway(used_ - leased_);
    leased_ = used_;
  }
  void give(std::size_t amount) {
    used_ -= static_cast<std::int64_t>(amount);
    // A lot is kept, so that use which goes up and down around a lot's edge writes nothing. Where a
    // lot is one, all that there is is little: nothing is kept from the others.
    const std::int64_t lot = shared_.lot() > 1 ? shared_.lot() : 0;
    if (leased_ - used_ <= 2 * lot) return;
    shared_.giveBack(leased_ - used_ - lot);
    leased_ = used_ + lot;
  }

 private:
  // A whole lot if it is to be had, else what is needed.
  bool leaseFor(std::int64_t wanted) {
    const std::int64_t lot = std::max(wanted, shared_.lot());
    if (shared_.lease(lot)) {
      leased_ += lot;
      return true;
    }
    if (lot == wanted || !shared_.lease(wanted)) return false;
    leased_ += wanted;
    return true;
  }

  SharedQuota& shared_;
  std::int64_t leased_ = 0;
  std::int64_t used_ = 0;
};

// What one owner uses of an account; gives it back when it ends.
class QuotaShare {
 public:
  // REQUIRES: `account` outlives the share.
  explicit QuotaShare(QuotaAccount& account) : account_(account) {}
  ~QuotaShare() { account_.give(amount_); }
  QuotaShare(const QuotaShare&) = delete;
  QuotaShare& operator=(const QuotaShare&) = delete;

  std::size_t amount() const { return amount_; }
  // False, and nothing changed, if there is not so much.
  bool resize(std::size_t amount) {
    if (amount > amount_) {
      if (!account_.take(amount - amount_)) return false;
      amount_ = amount;
      return true;
    }
    shrink(amount);
    return true;
  }
  // The amount is a fact: past the bound too.
  void set(std::size_t amount) {
    if (amount > amount_) {
      account_.charge(amount - amount_);
      amount_ = amount;
      return;
    }
    shrink(amount);
  }

 private:
  void shrink(std::size_t amount) {
    if (amount != amount_) account_.give(std::exchange(amount_, amount) - amount);
  }

  QuotaAccount& account_;
  std::size_t amount_ = 0;
};

}  // namespace edgehold
