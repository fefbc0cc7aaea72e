// SPDX-License-Identifier: Apache-2.0
// Memory for objects that come and go with every request: freed places are kept and given out
// again. Thread: any (each keeps its own).
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <vector>

namespace edgehold {

// `class Stream : public Recycled<Stream>` makes `new Stream` take a place that another one left.
// The allocator keeps only a few of one size at hand; some hundred streams begin and end within one
// turn of the loop. REQUIRES: T is final, and dies on the thread that made it or moves no more.
template <class T, std::size_t kKeptMax = 256>
class Recycled {
 public:
  static void* operator new(std::size_t bytes) {
    std::vector<Place>& places = kept();
    if (places.empty()) return ::operator new(bytes);
    void* const place = places.back().release();
    places.pop_back();
    return place;
  }
  static void operator delete(void* place) {
    std::vector<Place>& places = kept();
    if (isRecycling() && places.size() < kKeptMax) {
      places.emplace_back(place);
    } else {
      ::operator delete(place);
    }
  }

  static std::size_t keptPlaces() { return kept().size(); }
  // A sanitizer must see that a place is not to be touched any more.
  static constexpr bool isRecycling() {
#ifdef EDGEHOLD_SANITIZED
    return false;
#else
    return true;
#endif
  }

 private:
  struct Free {
    void operator()(void* place) const { ::operator delete(place); }
  };
  using Place = std::unique_ptr<void, Free>;

  static std::vector<Place>& kept() {
    thread_local std::vector<Place> places;
    return places;
  }
};

}  // namespace edgehold
