//===- Ptxas.cpp - What NVIDIA's assembler makes of PTX -------------------===//
//
// Reads the lines that `ptxas -v` prints for each entry:
//
//   ptxas info    : Compiling entry function 'k' for 'sm_80'
//   ptxas info    : Function properties for k
//       0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
//   ptxas info    : Used 40 registers, used 1 barriers, 16 bytes smem
//
// and of an error the line of PTX, which leads to its entry:
//
//   ptxas /tmp/x.ptx, line 7; error   : Unknown symbol 'x'
//
//===----------------------------------------------------------------------===//

#include "compiler/nvptx/Ptxas.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Regex.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>

using namespace llvm;
using namespace quipu;

std::optional<std::string> quipu::findPtxas() {
  if (auto found = sys::findProgramByName("ptxas"))
    return *found;
  const char *home = std::getenv("CUDA_HOME");
  std::string folder = std::string(home ? home : "/usr/local/cuda") + "/bin";
  if (auto found = sys::findProgramByName("ptxas", StringRef(folder)))
    return *found;
  return std::nullopt;
}

/// The number before `what` in `line`; 0 where it is not there.
static int64_t numberBefore(StringRef line, StringRef what) {
  size_t end = line.find(what);
  if (end == StringRef::npos)
    return 0;
  StringRef number = line.take_front(end).rtrim();
  number = number.substr(number.find_last_of(" ,") + 1);
  int64_t value = 0;
  if (number.getAsInteger(10, value))
    return 0;
  return value;
}

/// What each entry takes, from the output of ptxas -v.
static StringMap<plan::Resources> readResources(StringRef text) {
  StringMap<plan::Resources> use;
  plan::Resources *current = nullptr;
  SmallVector<StringRef> lines;
  text.split(lines, '\n');
  for (StringRef line : lines) {
    if (line.contains("Compiling entry function '"))
      current = &use[line.split('\'').second.split('\'').first];
    if (!current)
      continue;
    if (line.contains("bytes stack frame")) {
      current->stackBytes = numberBefore(line, " bytes stack frame");
      current->spillBytes = numberBefore(line, " bytes spill stores") +
                            numberBefore(line, " bytes spill loads");
    }
    if (line.contains(" registers")) {
      current->registers = numberBefore(line, " registers");
      current->staticSharedBytes = numberBefore(line, " bytes smem");
    }
  }
  return use;
}

/// The entry of `ptx` that has line `number`, counted from 1; empty where none
/// has.
static StringRef entryAtLine(StringRef ptx, int64_t number) {
  StringRef entry;
  for (int64_t line = 1; line <= number && !ptx.empty(); ++line) {
    auto [text, rest] = ptx.split('\n');
    ptx = rest;
    if (text.consume_front(".visible .entry "))
      entry = text.split('(').first;
  }
  return entry;
}

/// What the first line that says what is wrong says, and of which entry.
static std::string describeFailure(StringRef printed, StringRef ptx) {
  Regex error("(line ([0-9]+); *)?(error|fatal) *: *(.*)");
  SmallVector<StringRef> lines, found;
  printed.split(lines, '\n');
  for (StringRef line : lines) {
    if (!error.match(line.rtrim(), &found))
      continue;
    std::string text = ("ptxas: " + found[4]).str();
    int64_t number = 0;
    if (found[2].getAsInteger(10, number))
      return text;
    StringRef entry = entryAtLine(ptx, number);
    return (entry.empty() ? "" : ("kernel '" + entry + "': ").str()) + text +
           " (line " + std::to_string(number) + ")";
  }
  return "ptxas: it failed without a message";
}

Expected<StringMap<plan::Resources>>
quipu::assemble(const std::string &ptxas, StringRef ptx, StringRef target) {
  SmallString<128> source, output;
  int descriptor;
  if (auto error =
          sys::fs::createTemporaryFile("quipu", "ptx", descriptor, source))
    return createStringError(error, "cannot make a temporary file");
  FileRemover removeSource(source);
  raw_fd_ostream(descriptor, /*shouldClose=*/true) << ptx;
  if (auto error = sys::fs::createTemporaryFile("quipu", "txt", output))
    return createStringError(error, "cannot make a temporary file");
  FileRemover removeOutput(output);

  std::string architecture = ("-arch=" + target).str();
  StringRef arguments[] = {ptxas,  architecture, "-v",
                           source, "-o",         "/dev/null"};
  std::optional<StringRef> redirects[] = {StringRef(""), StringRef(output),
                                          StringRef(output)};
  std::string message;
  int status =
      sys::ExecuteAndWait(ptxas, arguments, std::nullopt, redirects,
                          /*SecondsToWait=*/0, /*MemoryLimit=*/0, &message);
  auto text = MemoryBuffer::getFile(output);
  StringRef printed = text ? (*text)->getBuffer() : StringRef();
  if (status != 0)
    return createStringError(target + ": " +
                             (message.empty() ? describeFailure(printed, ptx)
                                              : "ptxas: " + message));
  return readResources(printed);
}
