//===- Ptxas.cpp - What NVIDIA's assembler makes of PTX -------------------===//
//
// Reads the lines that `ptxas -v` prints for each entry:
//
//   ptxas info    : Compiling entry function 'k' for 'sm_80'
//   ptxas info    : Function properties for k
//       0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
//   ptxas info    : Used 40 registers, ...
//
//===----------------------------------------------------------------------===//

#include "compiler/nvptx/Ptxas.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>

using namespace llvm;
using namespace quipu;

std::optional<std::string> quipu::findPtxas() {
  if (auto found = sys::findProgramByName("ptxas"))
    return *found;
  SmallVector<std::string> folders;
  if (const char *home = std::getenv("CUDA_HOME"))
    folders.push_back(std::string(home) + "/bin");
  folders.push_back("/usr/local/cuda/bin");
  SmallVector<StringRef> paths(folders.begin(), folders.end());
  if (auto found = sys::findProgramByName("ptxas", paths))
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
static StringMap<RegisterUse> readUse(StringRef text) {
  StringMap<RegisterUse> use;
  RegisterUse *current = nullptr;
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
    if (line.contains(" registers"))
      current->registers = numberBefore(line, " registers");
  }
  return use;
}

/// The first line that says what is wrong.
static std::string firstError(StringRef text) {
  SmallVector<StringRef> lines;
  text.split(lines, '\n');
  for (StringRef line : lines)
    if (line.contains("error") || line.contains("fatal"))
      return line.trim().str();
  return "it failed without a message";
}

Expected<StringMap<RegisterUse>>
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
    return createStringError("ptxas: " +
                             (message.empty() ? firstError(printed) : message));
  return readUse(printed);
}
