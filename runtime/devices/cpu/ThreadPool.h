//===- ThreadPool.h - Threads that run a step together ----------*- C++ -*-===//
//
// A step is hundreds of launches of some 20 microseconds, each after the whole
// of the one before. So threads enter a step once and meet at barriers that
// spin (under a microsecond) before they sleep.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_CPU_THREADPOOL_H
#define QUIPU_RUNTIME_DEVICES_CPU_THREADPOOL_H

#include <atomic>
#include <cstdint>
#include <optional>
#include <sched.h>
#include <thread>
#include <utility>
#include <vector>

namespace quipu {

/// Threads that this process may keep busy: the CPUs of its affinity mask,
/// capped by the CPU quota of its cgroup; at least 1.
int availableThreads();

/// A counter that threads wait on, first spinning and then in a futex.
class WaitCounter {
public:
  uint32_t value() const { return counter.load(std::memory_order_acquire); }

  /// Adds one and wakes all waiters.
  void advance();

  /// Returns once the value is not `seen`, spinning for at most
  /// `spinMicroseconds` before sleeping.
  void waitPast(uint32_t seen, int spinMicroseconds);

private:
  alignas(64) std::atomic<uint32_t> counter{0};
  std::atomic<uint32_t> sleepers{0};
};

/// `size` threads, of which the caller of run() is number 0. One run at a time.
class ThreadPool {
public:
  /// Starts `threads`, or as many as the system allows: see size(). Where that
  /// is one for every CPU that the calling thread may use, each thread is bound
  /// to a CPU of its own, the calling one until the pool ends.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  int size() const { return static_cast<int>(workers.size()) + 1; }

  /// Calls body(thread) on every thread and returns when all calls have.
  template <typename Body> void run(Body &&body) {
    runErased(
        [](void *context, int thread) {
          (*static_cast<std::remove_reference_t<Body> *>(context))(thread);
        },
        &body);
  }

  /// Inside run(), called equally often by every thread: returns when all have
  /// called it, and what they wrote before is visible.
  void barrier();

private:
  using Job = void (*)(void *context, int thread);
  void runErased(Job job, void *context);
  void work(int thread);
  void bindThreads();

  WaitCounter started; // advanced for each job, and to stop
  WaitCounter passed;  // advanced by the last thread at a barrier
  alignas(64) std::atomic<int> arrived{0};
  Job job = nullptr; // written before `started` advances
  void *context = nullptr;
  bool stopping = false;
  std::vector<std::thread> workers;
  std::optional<cpu_set_t> callerCpus; // to give back; set where bound
};

} // namespace quipu

#endif // QUIPU_RUNTIME_DEVICES_CPU_THREADPOOL_H
