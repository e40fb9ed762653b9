//===- Memory.cpp - Global memory of the emulated device ------------------===//
//
// Shadow and touch maps are anonymous memory, so that what no kernel touches
// costs nothing.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/Memory.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

namespace quipu::emulator {
namespace {

constexpr uint64_t unitBytes = 4, wordBytes = 64 * unitBytes;
constexpr uint64_t nearBytes = 4096; // before a buffer, to be named after it

std::string hex(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx",
                static_cast<unsigned long long>(value));
  return text;
}

} // namespace

void TouchMap::reserve(uint64_t bytes) {
  auto made = AnonymousMemory::allocate(
      int64_t((bytes + wordBytes - 1) / wordBytes * 8 + 8), "a touch map",
      AnonymousMemory::Pages::small);
  if (made)
    memory = std::move(*made);
}

void TouchMap::touch(uint64_t offset, uint64_t bytes) {
  if (memory.size() == 0)
    return;
  uint64_t from = offset / unitBytes, to = (offset + bytes - 1) / unitBytes;
  auto *words = reinterpret_cast<uint64_t *>(memory.data());
  bool isNew = false;
  for (uint64_t word = from / 64; word <= to / 64; ++word) {
    uint64_t bits = ~uint64_t(0);
    if (word == from / 64)
      bits &= ~uint64_t(0) << (from & 63);
    if (word == to / 64)
      bits &= ~uint64_t(0) >> (63 - (to & 63));
    std::atomic_ref<uint64_t> place(words[word]);
    if ((place.load(std::memory_order_relaxed) & bits) != bits) {
      place.fetch_or(bits, std::memory_order_relaxed);
      isNew = true;
    }
  }
  if (!isNew)
    return;
  uint64_t low = first.load(std::memory_order_relaxed);
  while (from / 64 < low && !first.compare_exchange_weak(low, from / 64))
    ;
  uint64_t high = last.load(std::memory_order_relaxed);
  while (to / 64 > high && !last.compare_exchange_weak(high, to / 64))
    ;
}

int64_t TouchMap::take() {
  uint64_t low = first.exchange(~uint64_t(0)), high = last.exchange(0);
  if (low > high || memory.size() == 0)
    return 0;
  auto *words = reinterpret_cast<uint64_t *>(memory.data());
  int64_t units = 0;
  for (uint64_t word = low; word <= high; ++word) {
    units += std::popcount(words[word]);
    words[word] = 0;
  }
  return units * int64_t(unitBytes);
}

Result<uint64_t> Memory::add(const BufferSpec &spec) {
  auto buffer = std::make_unique<Buffer>();
  buffer->name = spec.name;
  buffer->bytes = spec.bytes;
  buffer->writable = spec.writable;
  buffer->role = spec.role.value_or(spec.writable ? BufferRole::activations
                                                  : BufferRole::weights);
  buffer->host = spec.memory;
  if (!buffer->host) {
    auto memory =
        AnonymousMemory::allocate(int64_t(std::max<uint64_t>(spec.bytes, 1)),
                                  "buffer '" + spec.name + "'");
    if (!memory)
      return memory.error();
    buffer->memory = std::move(*memory);
    buffer->host = buffer->memory.data();
  }
  buffer->loaded.reserve(spec.bytes);
  buffer->isShadowed = spec.writable || !spec.defined;
  if (buffer->isShadowed) {
    for (AnonymousMemory *cells :
         {&buffer->writeCells, &buffer->readCells, &buffer->atomicCells}) {
      auto memory = AnonymousMemory::allocate(
          int64_t((spec.bytes / 2 + 1) * sizeof(Cell)), "shadow memory",
          AnonymousMemory::Pages::small);
      if (!memory)
        return memory.error();
      *cells = std::move(*memory);
    }
    buffer->stored.reserve(spec.bytes);
    buffer->shadow = {reinterpret_cast<Cell *>(buffer->writeCells.data()),
                      reinterpret_cast<Cell *>(buffer->readCells.data()),
                      reinterpret_cast<Cell *>(buffer->atomicCells.data()),
                      &buffer->atomicSpan, spec.defined ? Cell(0) : Cell(1)};
  }
  if (slots.empty())
    slots.resize(1); // the first slot holds the null page and the windows
  buffer->address = uint64_t(slots.size()) << slotShift;
  // An empty slot behind, so that running off the end hits no other buffer.
  slots.resize(slots.size() + (spec.bytes >> slotShift) + 1, buffer.get());
  slots.push_back(nullptr);
  all.push_back(std::move(buffer));
  return all.back()->address;
}

Piece Memory::pieceAt(uint64_t address) const {
  Buffer *buffer = find(address);
  if (!buffer)
    return {};
  if (buffer->regions.empty())
    return {buffer, buffer->address, buffer->bytes};
  for (const Region &region : buffer->regions)
    if (address - (buffer->address + region.offset) < region.bytes)
      return {buffer, buffer->address + region.offset, region.bytes};
  return {buffer, buffer->address, 0};
}

void Memory::divide(uint64_t address, std::span<const Region> regions) {
  Buffer *buffer = find(address);
  assert(buffer);
  buffer->regions.assign(regions.begin(), regions.end());
  std::ranges::sort(buffer->regions, {}, &Region::offset);
}

void Memory::copy(uint64_t to, uint64_t from, uint64_t bytes) {
  Buffer *target = find(to), *source = find(from);
  assert(target && source);
  std::memmove(target->host + (to - target->address),
               source->host + (from - source->address), bytes);
  if (isDefined(from, bytes)) // the common case, in one go
    return setDefined(to, bytes, true);
  for (uint64_t byte = 0; byte < bytes; byte += 2)
    setDefined(to + byte, 2, isDefined(from + byte, 2));
}

void Memory::setDefined(uint64_t address, uint64_t bytes, bool defined) {
  Buffer *buffer = find(address);
  if (!buffer || !buffer->isShadowed || bytes == 0)
    return;
  uint64_t offset = address - buffer->address;
  assert(offset + bytes <= buffer->bytes);
  if (!defined && offset == 0 && bytes == buffer->bytes) {
    buffer->shadow.definedFrom = nextLaunch() << launchShift;
    return;
  }
  Cell mark = defined ? launch << launchShift | uint64_t(whoCrowd) << whoShift
                      : Cell(0);
  Cell *cells = buffer->shadow.writes;
  std::fill(cells + offset / 2, cells + (offset + bytes + 1) / 2, mark);
}

bool Memory::isDefined(uint64_t address, uint64_t bytes) const {
  Buffer *buffer = find(address);
  if (!buffer || address - buffer->address + bytes > buffer->bytes)
    return false;
  if (!buffer->isShadowed)
    return true;
  uint64_t offset = address - buffer->address;
  for (uint64_t byte = offset; byte < offset + bytes; ++byte) {
    Cell cell = buffer->shadow.writes[byte / 2];
    if (cell < buffer->shadow.definedFrom || (cell >> (byte & 1) & 1))
      return false;
  }
  return true;
}

const Buffer *Memory::nearest(uint64_t address) const {
  const Buffer *below = find(address);
  if (below && address - below->address < below->bytes)
    return below;
  if (!below && address >> slotShift)
    below = find(address - (uint64_t(1) << slotShift)); // the gap behind one
  const Buffer *above = find(address + nearBytes);
  if (!above || above == below)
    return below;
  uint64_t ahead = above->address - address;
  return !below || ahead < address - below->address - below->bytes ? above
                                                                   : below;
}

/// The region that holds `offset` or lies nearest to it; null: there are none.
static const Region *nearestRegion(const Buffer &buffer, uint64_t offset) {
  const Region *nearest = nullptr;
  uint64_t least = ~uint64_t(0);
  for (const Region &region : buffer.regions) {
    uint64_t end = region.offset + region.bytes;
    uint64_t away = offset < region.offset ? region.offset - offset
                    : offset < end         ? 0
                                           : offset - end + 1;
    if (away < least) {
      nearest = &region;
      least = away;
    }
  }
  return nearest;
}

std::string Memory::describe(uint64_t address, uint64_t bytes) const {
  const Buffer *buffer = nearest(address);
  std::string text = hex(address) + ", ";
  if (!buffer)
    return text + "in no buffer";
  uint64_t offset = address - buffer->address;
  const Region *region =
      offset < buffer->bytes ? nearestRegion(*buffer, offset) : nullptr;
  std::string part = "buffer '" + buffer->name + "'", within;
  uint64_t from = 0, size = buffer->bytes;
  if (region) {
    within = " in " + part;
    part = "'" + region->name + "'";
    from = region->offset;
    size = region->bytes;
  }
  std::string whole = part + " (" + std::to_string(size) + " bytes)" + within;
  if (int64_t(offset) < int64_t(from))
    return text + std::to_string(from - offset) + " bytes before " + whole;
  offset -= from;
  if (offset >= size)
    return text + std::to_string(offset - size) + " bytes after the end of " +
           whole;
  text += part + " + " + std::to_string(offset) + within;
  if (size - offset < bytes)
    text += ", beyond its end (" + std::to_string(size) + " bytes)";
  return text;
}

uint64_t Memory::nextLaunch() {
  if (launch == maxLaunch)
    renumber();
  return ++launch;
}

/// Makes all launches so far the first one: their order no longer matters.
void Memory::renumber() {
  Cell mark = uint64_t(1) << launchShift | uint64_t(whoCrowd) << whoShift;
  for (auto &buffer : all) {
    if (!buffer->isShadowed)
      continue;
    for (uint64_t i = 0; i <= buffer->bytes / 2; ++i) {
      Cell &cell = buffer->shadow.writes[i];
      if (cell != 0)
        cell = cell < buffer->shadow.definedFrom
                   ? Cell(0)
                   : mark | (cell & undefinedBits);
      for (Cell *cells : {buffer->shadow.reads, buffer->shadow.atomics})
        if (cells[i] != 0)
          cells[i] = 0;
    }
    if (buffer->shadow.definedFrom > 1)
      buffer->shadow.definedFrom = 1;
  }
  launch = 1;
}

} // namespace quipu::emulator
