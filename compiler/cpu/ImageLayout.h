//===- ImageLayout.h - ELF objects to a flat image --------------*- C++ -*-===//
//
// The last step of the CPU back end: a small static linker for objects that
// stand alone. It works in memory, so that several images can be built at once
// and no temporary file exists.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_COMPILER_CPU_IMAGELAYOUT_H
#define QUIPU_COMPILER_CPU_IMAGELAYOUT_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <vector>

namespace quipu {

struct ImageLayout {
  std::vector<char> bytes;
  std::vector<uint64_t> offsets; // by entry; 0 for an empty name
};

/// Places the code and constants of x86-64 ELF relocatable `objects` behind an
/// ImageHeader with one offset per entry, and resolves references between
/// them. An entry is a function of the same name in one of the objects.
///
/// Refuses, naming the symbol: undefined and doubly defined symbols, writable
/// or thread-local data, references that depend on the load address.
llvm::Expected<ImageLayout>
layOutImage(llvm::ArrayRef<llvm::StringRef> objects,
            llvm::ArrayRef<llvm::StringRef> entries);

} // namespace quipu

#endif // QUIPU_COMPILER_CPU_IMAGELAYOUT_H
