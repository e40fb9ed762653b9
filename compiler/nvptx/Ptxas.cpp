//===- Ptxas.cpp - What NVIDIA's assembler makes of PTX -------------------===//
//
// Reads the lines that `ptxas -v` prints for each entry:
//
//   ptxas info    : Compiling entry function 'k' for 'sm_80'
//   ptxas info    : Function properties for k
//       0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
//   ptxas info    : Used 40 registers, used 1 barriers, 16 bytes smem
//
// and of a fault of the code the line of PTX, which leads to its entry, or the
// entry. Other errors are of this ptxas or of the machine, and so is a version
// or a target that it is too old for:
//
//   ptxas /tmp/x.ptx, line 7; error   : Unknown symbol 'x'
//   ptxas error   : Entry function 'k' uses too much shared data (...)
//   ptxas fatal   : Value 'sm_90a' is not defined for option 'gpu-name'
//   ptxas /tmp/x.ptx, line 5; fatal   : Unsupported .version 8.0; ...
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
#include <optional>

using namespace llvm;
using namespace quipu;

Result<std::string> quipu::findPtxas() {
  if (auto found = sys::findProgramByName("ptxas"))
    return *found;
  const char *home = std::getenv("CUDA_HOME");
  std::string folder =
      std::string(home && *home ? home : "/usr/local/cuda") + "/bin";
  if (auto found = sys::findProgramByName("ptxas", StringRef(folder)))
    return *found;
  return quipu::Error{"ptxas is neither in PATH nor in " + folder};
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

namespace {
/// The first error that ptxas printed.
struct Complaint {
  std::string text;    // "kernel 'k': ptxas: Unknown symbol 'x' (line 70)"
  bool ofCode = false; // and not of this ptxas or of the machine
};
} // namespace

/// Whether `ptx` has an entry that `message` names.
static bool namesEntry(StringRef message, StringRef ptx) {
  StringRef name = message.split('\'').second.split('\'').first;
  return !name.empty() && ptx.contains((".entry " + name + "(").str());
}

static Complaint firstComplaint(StringRef printed, StringRef ptx) {
  Regex error("(line ([0-9]+); *)?(error|fatal) *: *(.*)");
  SmallVector<StringRef> lines, found;
  printed.split(lines, '\n');
  for (StringRef line : lines) {
    if (!error.match(line.rtrim(), &found))
      continue;
    StringRef message = found[4];
    std::string text = ("ptxas: " + message).str();
    int64_t number = 0;
    if (found[2].getAsInteger(10, number))
      return {text, namesEntry(message, ptx) ||
                        message.starts_with("Unresolved extern")};
    StringRef entry = entryAtLine(ptx, number);
    bool tooOld = message.starts_with("Unsupported .version") ||
                  message.starts_with("Unsupported .target");
    return {(entry.empty() ? "" : ("kernel '" + entry + "': ").str()) + text +
                " (line " + std::to_string(number) + ")",
            !tooOld};
  }
  return {"ptxas failed without a message"};
}

/// Writes `text` to a new file at `path`, to which that is set. Returns what
/// went wrong; there is no file then.
static std::error_code writeTemporary(StringRef text,
                                      SmallVectorImpl<char> &path) {
  int descriptor;
  if (auto error =
          sys::fs::createTemporaryFile("quipu", "ptx", descriptor, path))
    return error;
  raw_fd_ostream file(descriptor, /*shouldClose=*/true);
  file << text;
  file.close();
  std::error_code error = file.error();
  file.clear_error(); // else its destructor ends the process
  if (error)
    sys::fs::remove(path);
  return error;
}

Result<Assembled> quipu::assemble(const std::string &ptxas, StringRef ptx,
                                  StringRef target) {
  auto noFile = [](std::error_code error) {
    return Assembled{{}, "cannot write a temporary file: " + error.message()};
  };
  SmallString<128> source, output;
  if (auto error = writeTemporary(ptx, source))
    return noFile(error);
  FileRemover removeSource(source);
  if (auto error = sys::fs::createTemporaryFile("quipu", "txt", output))
    return noFile(error);
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
  if (status < 0) // it did not start, or a signal ended it
    return Assembled{{}, "ptxas: " + message};
  auto text = MemoryBuffer::getFile(output);
  if (!text)
    return Assembled{
        {}, "cannot read what ptxas printed: " + text.getError().message()};
  StringRef printed = (*text)->getBuffer();
  if (status == 0)
    return Assembled{readResources(printed), {}};
  Complaint complaint = firstComplaint(printed, ptx);
  if (complaint.ofCode)
    return quipu::Error{(target + ": " + complaint.text).str()};
  return Assembled{{}, complaint.text};
}
