//===- Memory.h - Global memory of the emulated device ----------*- C++ -*-===//
//
// Buffers at addresses far apart, each with its shadow and with maps of which
// bytes a launch touched. Finding the buffer of an address is one table
// look-up.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_MEMORY_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_MEMORY_H

#include "runtime/devices/emulator/Emulator.h"
#include "runtime/devices/emulator/Shadow.h"
#include "runtime/memory/AnonymousMemory.h"

#include <atomic>

namespace quipu::emulator {

/// Windows of the generic address space. Global addresses are generic as they
/// are.
inline constexpr uint64_t sharedWindow = uint64_t(1) << 24;
inline constexpr uint64_t localWindow = uint64_t(1) << 25;
inline constexpr uint64_t windowBytes = uint64_t(1) << 24;
inline constexpr unsigned slotShift = 32; // a buffer takes whole 4 GiB slots

/// Which 4-byte units of a buffer one launch touched. Set by several threads.
class TouchMap {
public:
  void reserve(uint64_t bytes);
  /// Marks bytes [offset, offset + bytes).
  void touch(uint64_t offset, uint64_t bytes);
  /// Bytes marked since the last call, which forgets them.
  int64_t take();

private:
  AnonymousMemory memory;
  std::atomic<uint64_t> first{~uint64_t(0)}, last{0}; // words that may be set
};

struct Buffer {
  std::string name;
  uint64_t address = 0;
  uint64_t bytes = 0;
  std::byte *host = nullptr;
  bool writable = false;
  BufferRole role = BufferRole::activations;
  bool isShadowed = false;
  Shadow shadow;
  AtomicSpan atomicSpan;
  TouchMap loaded, stored;
  std::vector<Region> regions; // by offset; none: undivided

  AnonymousMemory memory, writeCells, readCells, atomicCells;
};

/// What an access may reach: a buffer or a region of one.
struct Piece {
  Buffer *buffer = nullptr;
  uint64_t address = 0, bytes = 0;

  bool holds(uint64_t at, uint64_t size) const {
    return at - address < bytes && bytes - (at - address) >= size;
  }
  bool operator==(const Piece &) const = default;
};

class Memory {
public:
  Result<uint64_t> add(const BufferSpec &spec);

  /// The buffer in whose 4 GiB slots `address` lies, or null.
  Buffer *find(uint64_t address) const {
    uint64_t slot = address >> slotShift;
    return slot < slots.size() ? slots[slot] : nullptr;
  }

  /// The buffer, or its region, that `address` lies in; of no bytes where it
  /// lies in neither.
  Piece pieceAt(uint64_t address) const;

  void divide(uint64_t address, std::span<const Region> regions);
  void copy(uint64_t to, uint64_t from, uint64_t bytes);
  void setDefined(uint64_t address, uint64_t bytes, bool defined);
  bool isDefined(uint64_t address, uint64_t bytes) const;

  /// The buffer that holds `address` or that reports name for it: one that
  /// begins within 4 KiB behind it, or else the one before; or null.
  const Buffer *nearest(uint64_t address) const;

  /// "buffer 'x' + 16", or where the nearest buffer is; of an access of
  /// `bytes` also, where it begins inside, that it goes beyond the end.
  std::string describe(uint64_t address, uint64_t bytes = 1) const;

  /// A new number in the launch field of cells.
  uint64_t nextLaunch();

  const std::vector<std::unique_ptr<Buffer>> &buffers() const { return all; }

private:
  void renumber();

  std::vector<std::unique_ptr<Buffer>> all;
  std::vector<Buffer *> slots;
  uint64_t launch = 1;
};

} // namespace quipu::emulator

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_MEMORY_H
