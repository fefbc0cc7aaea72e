// SPDX-License-Identifier: Apache-2.0
// What ThreadSanitizer need not look at; for test binaries that run loops in several threads.
// libevent tells epoll of a closed descriptor at the end of the turn in which it was closed. The
// kernel knows by then (ENOENT); the sanitizer takes it for a use of whatever another thread has
// opened under that number.
#if defined(__SANITIZE_THREAD__)
#define EDGEHOLD_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define EDGEHOLD_TSAN 1
#endif
#endif

#ifdef EDGEHOLD_TSAN
// NOLINTNEXTLINE(bugprone-reserved-identifier): the sanitizer's own name for it
extern "C" const char* __tsan_default_suppressions() { return "called_from_lib:libevent_core\n"; }
#endif
