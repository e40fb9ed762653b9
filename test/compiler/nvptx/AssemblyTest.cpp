//===- AssemblyTest.cpp - What ptxas makes of every GPU kernel ------------===//
//
// Compiles each ready config for sm_80, sm_89 and sm_90a: no kernel may use
// local memory or call anything, and where ptxas is found none may spill or
// need a stack. Kernels that are equal but for their names are assembled once
// for each target. Small models of two quantized types go the same way, but for
// spills. QUIPU_ALL_KERNELS=1 in the environment adds the other types, whose
// kernels take ptxas minutes.
//
//===----------------------------------------------------------------------===//

#include "compiler/Compile.h"
#include "compiler/nvptx/Ptxas.h"
#include "frontends/OpenModel.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Regex.h"

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <mutex>
#include <thread>

namespace quipu {
namespace {

using llvm::StringRef;

constexpr const char *targets[] = {"sm_80", "sm_89", "sm_90a"};
constexpr int workers = 2;
/// Entries that one run of ptxas gets.
constexpr size_t batchEntries = 24;
/// What equal kernels are called here.
constexpr StringRef anyName = "kernel";

/// The PTX of one target: its head, and each kernel that is not like one
/// before, with where it came from.
struct TargetCode {
  std::string head;
  std::map<std::string, std::string> origins; // by text
};

/// Runs body(0) to body(count - 1) on a few threads.
void forEach(size_t count, const std::function<void(size_t)> &body) {
  std::atomic<size_t> next = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < workers; ++i)
    threads.emplace_back([&] {
      for (size_t at; (at = next++) < count;)
        body(at);
    });
  for (std::thread &thread : threads)
    thread.join();
}

std::string replaced(std::string text, StringRef from, StringRef to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos;
       at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

/// `entry` without what only its place in the file decides: its name, comments
/// and the number of the function in labels.
std::string normalized(StringRef entry, StringRef name) {
  std::string text;
  while (!entry.empty()) {
    auto [line, rest] = entry.split('\n');
    entry = rest;
    line = line.split("//").first.rtrim();
    if (!line.empty())
      text += (line + "\n").str();
  }
  text = replaced(text, name, anyName);
  llvm::Regex label("L__BB[0-9]+_");
  llvm::SmallVector<StringRef> found;
  std::string result;
  StringRef rest = text;
  while (label.match(rest, &found)) {
    result += rest.take_front(size_t(found[0].data() - rest.data()));
    result += "L__BB_";
    rest = rest.drop_front(size_t(found[0].end() - rest.data()));
  }
  return result + rest.str();
}

class GpuAssembly : public testing::Test {
protected:
  static void SetUpTestSuite();

  static std::vector<TargetCode> code; // by target
};

std::vector<TargetCode> GpuAssembly::code;

constexpr StringRef configs = "frontends/toml/models",
                    quantized = "test/e2e/quantized";

/// The ready configs, then quantized models.
std::vector<std::string> modelPaths() {
  std::vector<std::string> paths;
  bool all = std::getenv("QUIPU_ALL_KERNELS");
  for (StringRef folder : {configs, quantized})
    for (const auto &file : std::filesystem::directory_iterator(folder.str())) {
      StringRef name = file.path().c_str();
      bool quick = name.ends_with("/q8_0.gguf") || name.ends_with("/q4_1.gguf");
      if (name.ends_with(".toml") ||
          (name.ends_with(".gguf") && (all || quick)))
        paths.push_back(name.str());
    }
  std::sort(paths.begin(), paths.end());
  return paths;
}

void addEntries(TargetCode &code, StringRef ptx, const std::string &origin) {
  constexpr StringRef begin = ".visible .entry ";
  auto [head, rest] = ptx.split(begin);
  code.head = head.str();
  while (!rest.empty()) {
    auto [entry, more] = rest.split(begin);
    rest = more;
    StringRef name = entry.split('(').first;
    std::string &known = code.origins[begin.str() + normalized(entry, name)];
    // Which of several is named must not depend on who comes first.
    std::string where = origin + ": " + name.str();
    if (known.empty() || where < known)
      known = where;
  }
}

void GpuAssembly::SetUpTestSuite() {
  code.resize(std::size(targets));
  std::vector<std::string> paths = modelPaths();
  std::mutex mutex;
  forEach(paths.size(), [&](size_t i) {
    Result<Model> model = openModel(paths[i]);
    if (!model) {
      ADD_FAILURE() << model.error().message;
      return;
    }
    CompileOptions options;
    options.targets.assign(std::begin(targets), std::end(targets));
    Result<std::shared_ptr<Package>> package = compileModel(*model, options);
    if (!package) {
      ADD_FAILURE() << paths[i] << ": " << package.error().message;
      return;
    }
    std::lock_guard lock(mutex);
    for (size_t target = 0; target < std::size(targets); ++target) {
      const Target &made = (*package)->targets[target];
      EXPECT_EQ(made.name, targets[target]);
      StringRef text(reinterpret_cast<const char *>(made.code.data()),
                     made.code.size());
      addEntries(code[target], text.split('\0').first, paths[i]);
    }
  });
}

TEST_F(GpuAssembly, NoKernelUsesLocalMemoryOrCalls) {
  llvm::Regex local("[.]local[. \t]"), call("(^|[ \t])call[. \t(]");
  for (size_t target = 0; target < std::size(targets); ++target) {
    EXPECT_GT(code[target].origins.size(), 100u) << targets[target];
    for (const auto &[text, origin] : code[target].origins) {
      EXPECT_FALSE(local.match(text)) << targets[target] << ", " << origin;
      EXPECT_FALSE(call.match(text)) << targets[target] << ", " << origin;
    }
  }
}

/// Some kernels of one target, called k0, k1, ...
struct Batch {
  size_t target;
  std::vector<std::pair<StringRef, StringRef>> entries; // text, origin
};

std::vector<Batch> batches(const std::vector<TargetCode> &code) {
  std::vector<Batch> all;
  for (size_t target = 0; target < code.size(); ++target)
    for (const auto &[text, origin] : code[target].origins) {
      if (all.empty() || all.back().target != target ||
          all.back().entries.size() == batchEntries)
        all.push_back({target, {}});
      all.back().entries.push_back({text, origin});
    }
  return all;
}

void expectNothingSpilled(const std::string &ptxas, const TargetCode &code,
                          const Batch &batch) {
  std::string text = code.head;
  for (size_t i = 0; i < batch.entries.size(); ++i)
    text += replaced(batch.entries[i].first.str(), anyName,
                     "k" + std::to_string(i));
  const char *target = targets[batch.target];
  Result<Assembled> use = assemble(ptxas, text, target);
  if (!use || !use->failure.empty()) {
    ADD_FAILURE() << target << ": "
                  << (use ? use->failure : use.error().message);
    return;
  }
  for (size_t i = 0; i < batch.entries.size(); ++i) {
    std::string where = (target + (", " + batch.entries[i].second)).str();
    auto found = use->resources.find("k" + std::to_string(i));
    if (found == use->resources.end()) {
      ADD_FAILURE() << where << ": ptxas says nothing of it";
      continue;
    }
    EXPECT_GT(found->second.registers, 0) << where;
    if (!batch.entries[i].second.starts_with(configs))
      continue;
    EXPECT_EQ(found->second.spillBytes, 0) << where;
    EXPECT_EQ(found->second.stackBytes, 0) << where;
  }
}

TEST_F(GpuAssembly, NoKernelOfAReadyConfigSpills) {
  Result<std::string> ptxas = findPtxas();
  if (!ptxas)
    GTEST_SKIP() << ptxas.error().message;
  std::vector<Batch> all = batches(code);
  forEach(all.size(), [&](size_t i) {
    expectNothingSpilled(*ptxas, code[all[i].target], all[i]);
  });
}

} // namespace
} // namespace quipu
