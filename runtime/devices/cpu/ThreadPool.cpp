//===- ThreadPool.cpp - Threads that run a step together ------------------===//
//
// A central barrier with a generation counter: with the few threads that
// saturate one memory controller it costs one cache line transfer each way.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cpu/ThreadPool.h"

#include "runtime/memory/Cgroup.h"

#include <algorithm>
#include <chrono>
#include <climits>
#include <csignal>
#include <fstream>
#include <linux/futex.h>
#include <sched.h>
#include <string>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace quipu {
namespace {

// Longer than the skew of a launch's threads, shorter than a scheduler slice.
constexpr int barrierSpinMicroseconds = 100;
// Sampling and printing a token lie between two steps.
constexpr int idleSpinMicroseconds = 300;

void pauseBriefly() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

/// CPUs' worth of time that a cgroup folder grants, or 0 for no limit.
double quotaOf(const std::string &folder) {
  std::ifstream version2(folder + "/cpu.max"); // "max 100000" or two numbers
  double quota = 0, period = 0;
  if (!(version2 >> quota >> period)) {
    quota = static_cast<double>(
        readNumber(folder + "/cpu.cfs_quota_us").value_or(0)); // -1: no limit
    period = static_cast<double>(
        readNumber(folder + "/cpu.cfs_period_us").value_or(0));
  }
  return quota > 0 && period > 0 ? quota / period : 0;
}

/// The CPUs of the process, seen before a pool binds the thread that made it: a
/// second pool must not find that thread's one CPU.
const cpu_set_t &processCpus() {
  static const cpu_set_t cpus = [] {
    cpu_set_t set;
    if (::sched_getaffinity(0, sizeof set, &set) != 0)
      CPU_ZERO(&set);
    return set;
  }();
  return cpus;
}

int countAvailableThreads() {
  int threads = static_cast<int>(std::thread::hardware_concurrency());
  if (int cpus = CPU_COUNT(&processCpus()); cpus > 0)
    threads = cpus;
  // Rounded down: a thread beyond the quota is throttled in mid-launch, and all
  // others wait for it at the barrier.
  for (const std::string &folder : cgroupFolders("cpu"))
    if (double quota = quotaOf(folder); quota > 0)
      threads = std::min(threads, static_cast<int>(quota));
  return std::max(1, threads);
}

} // namespace

int availableThreads() {
  // Counted once: a pool leaves the thread that made it one CPU.
  static const int threads = countAvailableThreads();
  return threads;
}

void WaitCounter::advance() {
  counter.fetch_add(1, std::memory_order_seq_cst);
  // Pairs with waitPast: either it sees the new value or we see the sleeper.
  if (sleepers.load(std::memory_order_seq_cst) != 0)
    ::syscall(SYS_futex, &counter, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr,
              nullptr, 0);
}

void WaitCounter::waitPast(uint32_t seen, int spinMicroseconds) {
  using Clock = std::chrono::steady_clock;
  for (int i = 0; i < 64; ++i) {
    if (value() != seen)
      return;
    pauseBriefly();
  }
  auto deadline = Clock::now() + std::chrono::microseconds(spinMicroseconds);
  do {
    for (int i = 0; i < 64; ++i) {
      if (value() != seen)
        return;
      pauseBriefly();
    }
  } while (Clock::now() < deadline);
  sleepers.fetch_add(1, std::memory_order_seq_cst);
  while (counter.load(std::memory_order_seq_cst) == seen)
    ::syscall(SYS_futex, &counter, FUTEX_WAIT_PRIVATE, seen, nullptr, nullptr,
              0);
  sleepers.fetch_sub(1, std::memory_order_seq_cst);
}

ThreadPool::ThreadPool(int threads) {
  // Signals belong to the thread that runs the program.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  workers.reserve(std::max(0, threads - 1));
  try {
    for (int i = 1; i < threads; ++i)
      workers.emplace_back([this, i] { work(i); });
  } catch (const std::system_error &) { // the pool has those that did start
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  bindThreads();
}

// A worker that sleeps is woken on the CPU of whoever wakes it, and may stay
// there: two threads then take turns on one CPU, spinning at each other's
// barriers. Beside a busy process, 2 threads decoded 26 tokens/s that way and
// 90 bound (SmolLM2 Q4_1, 2 CPUs).
void ThreadPool::bindThreads() {
  const cpu_set_t &allowed = processCpus();
  cpu_set_t before;
  if (workers.empty() || ::sched_getaffinity(0, sizeof before, &before) != 0 ||
      CPU_COUNT(&allowed) != size())
    return;
  callerCpus = before;
  int thread = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed))
      continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    pthread_t handle =
        thread == 0 ? ::pthread_self() : workers[thread - 1].native_handle();
    ::pthread_setaffinity_np(handle, sizeof one, &one);
    ++thread;
  }
}

ThreadPool::~ThreadPool() {
  if (callerCpus)
    ::sched_setaffinity(0, sizeof *callerCpus, &*callerCpus);
  stopping = true;
  started.advance();
  for (std::thread &worker : workers)
    worker.join();
}

void ThreadPool::barrier() {
  if (workers.empty())
    return;
  uint32_t seen = passed.value();
  if (arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == size()) {
    arrived.store(0, std::memory_order_relaxed);
    passed.advance();
  } else {
    passed.waitPast(seen, barrierSpinMicroseconds);
  }
}

void ThreadPool::runErased(Job newJob, void *newContext) {
  job = newJob;
  context = newContext;
  if (!workers.empty())
    started.advance();
  job(context, 0);
  barrier();
}

void ThreadPool::work(int thread) {
  // A new pool has value 0, so a job started before this line is not missed.
  for (uint32_t seen = 0;; ++seen) {
    started.waitPast(seen, idleSpinMicroseconds);
    if (stopping)
      return;
    job(context, thread);
    barrier();
  }
}

} // namespace quipu
