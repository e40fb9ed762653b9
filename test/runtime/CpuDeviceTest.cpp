//===- CpuDeviceTest.cpp - Threads, images and features -------------------===//
//
// The parts of the CPU device below the engine.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/cpu/CodeImage.h"
#include "runtime/devices/cpu/CpuFeatures.h"
#include "runtime/devices/cpu/ThreadPool.h"
#include "runtime/memory/Cgroup.h"

#include <atomic>
#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

namespace quipu {
namespace {

using testing::HasSubstr;

TEST(ThreadPool, barriersOrderWritesOfAllThreads) {
  for (int threads : {1, 2, 3, 7}) {
    ThreadPool pool(threads);
    ASSERT_EQ(pool.size(), threads);
    // Plain ints: any missing order is a wrong sum (and a race to TSan).
    std::vector<int> values(threads), next(threads);
    for (int run = 0; run < 20; ++run)
      pool.run([&](int thread) {
        for (int round = 0; round < 20; ++round) {
          int sum = 1;
          for (int value : values)
            sum = (sum + value) % 1000;
          next[thread] = sum + thread;
          pool.barrier();
          values[thread] = next[thread];
          pool.barrier();
        }
      });
    std::vector<int> expected(threads), scratch(threads);
    for (int round = 0; round < 400; ++round) {
      for (int thread = 0; thread < threads; ++thread) {
        int sum = 1;
        for (int value : expected)
          sum = (sum + value) % 1000;
        scratch[thread] = sum + thread;
      }
      expected = scratch;
    }
    EXPECT_EQ(values, expected) << threads;
  }
}

TEST(ThreadPool, runsEveryThreadOnceEachTime) {
  ThreadPool pool(4);
  std::atomic<int> calls[4] = {};
  for (int run = 0; run < 500; ++run)
    pool.run([&](int thread) { ++calls[thread]; });
  for (const std::atomic<int> &count : calls)
    EXPECT_EQ(count, 500);
}

TEST(ThreadPool, leavesAsManyThreadsToTheNext) {
  int threads = availableThreads();
  ThreadPool pool(threads);
  EXPECT_EQ(availableThreads(), threads);
}

TEST(ThreadPool, spreadsBesideAnother) {
  cpu_set_t process;
  ASSERT_EQ(::sched_getaffinity(0, sizeof process, &process), 0);
  int threads = CPU_COUNT(&process);
  ThreadPool first(threads), second(threads);
  std::vector<cpu_set_t> cpus(threads);
  second.run([&](int thread) {
    ::sched_getaffinity(0, sizeof(cpu_set_t), &cpus[thread]);
  });
  cpu_set_t all;
  CPU_ZERO(&all);
  for (const cpu_set_t &each : cpus)
    CPU_OR(&all, &all, &each);
  EXPECT_TRUE(CPU_EQUAL(&all, &process));
}

TEST(ThreadPool, startsAndStopsUnused) {
  for (int i = 0; i < 50; ++i)
    ThreadPool pool(3);
  EXPECT_GE(availableThreads(), 1);
}

TEST(WaitCounter, wakesAThreadThatSleeps) {
  WaitCounter there, back;
  std::thread other([&] {
    for (uint32_t i = 0; i < 200; ++i) {
      there.waitPast(i, 0); // no spinning: the futex path
      back.advance();
    }
  });
  for (uint32_t i = 0; i < 200; ++i) {
    there.advance();
    back.waitPast(i, 0);
  }
  other.join();
  EXPECT_EQ(back.value(), 200u);
}

std::vector<std::byte> imageOf(uint64_t magic, uint64_t count,
                               std::vector<uint64_t> offsets,
                               std::vector<unsigned char> code) {
  std::vector<std::byte> image(16 + 8 * offsets.size() + code.size());
  std::memcpy(&image[0], &magic, 8);
  std::memcpy(&image[8], &count, 8);
  if (!offsets.empty())
    std::memcpy(&image[16], offsets.data(), 8 * offsets.size());
  if (!code.empty())
    std::memcpy(&image[16 + 8 * offsets.size()], code.data(), code.size());
  return image;
}

#if defined(__x86_64__)
TEST(CodeImage, runsItsKernels) {
  // mov rax, [rdi]; mov dword ptr [rax], 42; ret
  std::vector<unsigned char> code = {0x48, 0x8b, 0x07, 0xc7, 0x00,
                                     42,   0,    0,    0,    0xc3};
  auto image = CodeImage::load(imageOf(imageMagic, 2, {0, 32}, code), "test");
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(image->kernel(0), nullptr);
  EXPECT_EQ(image->kernel(2), nullptr);
  int value = 0;
  void *arguments[] = {&value};
  image->kernel(1)(arguments, nullptr, nullptr, 0, 1);
  EXPECT_EQ(value, 42);
}
#endif

TEST(CodeImage, refusesTablesThatPointOutside) {
  auto refusal = [](const std::vector<std::byte> &bytes) {
    auto image = CodeImage::load(bytes, "test");
    return image ? "accepted" : image.error().message;
  };
  EXPECT_THAT(refusal({}), HasSubstr("at least 16 bytes, found 0"));
  EXPECT_THAT(refusal(imageOf(1, 0, {}, {})), HasSubstr("no code image"));
  EXPECT_THAT(refusal(imageOf(imageMagic, 2, {0}, {0xc3})),
              HasSubstr("at most 1, found 2"));
  EXPECT_THAT(refusal(imageOf(imageMagic, UINT64_MAX, {0}, {})),
              HasSubstr("count"));
  EXPECT_THAT(refusal(imageOf(imageMagic, 1, {25}, {0xc3})),
              HasSubstr("expected 24 to 24, found 25"));
  EXPECT_THAT(refusal(imageOf(imageMagic, 1, {8}, {0xc3})),
              HasSubstr("found 8"));
}

TEST(Cgroup, findsTheFoldersOfBothVersions) {
  using testing::ElementsAre;
  EXPECT_THAT(cgroupFolders("0::/user.slice/a.scope\n", "memory"),
              ElementsAre("/sys/fs/cgroup/user.slice/a.scope",
                          "/sys/fs/cgroup/user.slice", "/sys/fs/cgroup"));
  EXPECT_THAT(cgroupFolders("4:memory:/x\n3:cpuset:/\n1:cpu,cpuacct:/y", "cpu"),
              ElementsAre("/sys/fs/cgroup/cpu/y", "/sys/fs/cgroup/cpu"));
  EXPECT_THAT(cgroupFolders("\nbad\n7:x\n:::", "cpu"), ElementsAre());
}

class CpuTargets : public testing::Test {
protected:
  std::string choose(std::set<std::string, std::less<>> available,
                     std::string_view wanted = "") {
    auto chosen = chooseCpuTarget(targets, available, wanted);
    return chosen ? targets[*chosen].name : chosen.error().message;
  }
  std::vector<Target> targets = {{"sm_80", {}, {}},
                                 {"cpu-x86-64-v4", {"avx2", "avx512f"}, {}},
                                 {"cpu-x86-64-v3", {"avx2"}, {}}};
};

TEST_F(CpuTargets, theMostDemandingThatRunsIsChosen) {
  EXPECT_EQ(choose({"avx2", "avx512f"}), "cpu-x86-64-v4");
  EXPECT_EQ(choose({"avx2"}), "cpu-x86-64-v3");
  EXPECT_THAT(choose({"sse2"}), HasSubstr("it lacks avx2 avx512f"));
}

TEST_F(CpuTargets, aWishIsGrantedOrRefusedByName) {
  EXPECT_EQ(choose({"avx2", "avx512f"}, "x86-64-v3"), "cpu-x86-64-v3");
  EXPECT_EQ(choose({"avx2", "avx512f"}, "cpu-x86-64-v3"), "cpu-x86-64-v3");
  EXPECT_THAT(choose({"avx2"}, "x86-64-v4"), HasSubstr("lacks avx512f"));
  EXPECT_THAT(choose({"avx2"}, "sm_80"), HasSubstr("no target 'sm_80'"));
  targets.resize(1);
  EXPECT_THAT(choose({"avx2"}), HasSubstr("no code for a CPU"));
}

} // namespace
} // namespace quipu
