//===- ImageLayout.cpp - ELF objects to a flat image ----------------------===//
//
// Sections are placed one after another and their relocations applied. Only
// differences of addresses within the image can be resolved, which is what
// makes the image independent of its address.
//
//===----------------------------------------------------------------------===//

#include "compiler/cpu/ImageLayout.h"

#include "runtime/package/KernelAbi.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"

using namespace quipu;
using llvm::createStringError;
using llvm::Error;
using llvm::Expected;
using llvm::object::ELF64LEObjectFile;
using llvm::object::ELFSectionRef;
using llvm::object::ELFSymbolRef;
using llvm::object::RelocationRef;
using llvm::object::SectionRef;
using llvm::object::SymbolRef;

namespace {
/// Builds one image; sections of all objects share its address space, which
/// begins at 0.
class Layout {
public:
  Error addObject(llvm::StringRef bytes);
  Expected<ImageLayout> finish(llvm::ArrayRef<llvm::StringRef> entries);
  explicit Layout(size_t entries) {
    image.bytes.resize(sizeof(ImageHeader) + 8 * entries);
  }

private:
  struct Object {
    std::unique_ptr<ELF64LEObjectFile> file;
    llvm::DenseMap<uint64_t, uint64_t> places; // section index -> offset
  };

  Error placeSection(Object &object, SectionRef section);
  Error defineSymbols(Object &object);
  Error applyRelocations(Object &object, SectionRef section);
  Error applyRelocation(Object &object, uint64_t place, RelocationRef reloc);
  Expected<uint64_t> resolve(Object &object, SymbolRef symbol);

  ImageLayout image;
  std::vector<Object> objects;
  llvm::StringMap<uint64_t> globals;
};
} // namespace

/// True for sections that a running image consists of.
static bool isLoaded(SectionRef section) {
  if (!(ELFSectionRef(section).getFlags() & llvm::ELF::SHF_ALLOC) ||
      section.getSize() == 0)
    return false;
  // Unwind tables: nothing in an image throws.
  Expected<llvm::StringRef> name = section.getName();
  if (name)
    return *name != ".eh_frame";
  llvm::consumeError(name.takeError());
  return true;
}

/// Name of some symbol in `section`, for a message.
static std::string symbolIn(const ELF64LEObjectFile &file, SectionRef section) {
  for (ELFSymbolRef symbol : file.symbols()) {
    auto home = symbol.getSection();
    auto name = symbol.getName();
    if (home && name && *home == section && !name->empty())
      return name->str();
    if (!home)
      llvm::consumeError(home.takeError());
    if (!name)
      llvm::consumeError(name.takeError());
  }
  return "?";
}

Error Layout::placeSection(Object &object, SectionRef section) {
  Expected<llvm::StringRef> name = section.getName();
  if (!name)
    return name.takeError();
  uint64_t flags = ELFSectionRef(section).getFlags();
  if (flags & (llvm::ELF::SHF_WRITE | llvm::ELF::SHF_TLS))
    return createStringError("code image has writable data: '" +
                             symbolIn(*object.file, section) + "' in section " +
                             *name);
  Expected<llvm::StringRef> contents = section.getContents();
  if (!contents)
    return contents.takeError();
  uint64_t place =
      llvm::alignTo(image.bytes.size(), section.getAlignment().value());
  image.bytes.resize(place);
  image.bytes.insert(image.bytes.end(), contents->begin(), contents->end());
  object.places[section.getIndex()] = place;
  return Error::success();
}

Error Layout::defineSymbols(Object &object) {
  for (SymbolRef symbol : object.file->symbols()) {
    Expected<uint32_t> flags = symbol.getFlags();
    if (!flags)
      return flags.takeError();
    if (!(*flags & SymbolRef::SF_Global) || (*flags & SymbolRef::SF_Undefined))
      continue;
    Expected<llvm::StringRef> name = symbol.getName();
    if (!name)
      return name.takeError();
    Expected<uint64_t> address = resolve(object, symbol);
    if (!address)
      return address.takeError();
    if (!globals.try_emplace(*name, *address).second)
      return createStringError("code image defines '" + *name + "' twice");
  }
  return Error::success();
}

Error Layout::addObject(llvm::StringRef bytes) {
  auto file =
      ELF64LEObjectFile::create(llvm::MemoryBufferRef(bytes, "kernels"));
  if (!file)
    return file.takeError();
  Object object;
  object.file = std::make_unique<ELF64LEObjectFile>(std::move(*file));
  for (SectionRef section : object.file->sections())
    if (isLoaded(section))
      if (Error error = placeSection(object, section))
        return error;
  if (Error error = defineSymbols(object))
    return error;
  objects.push_back(std::move(object));
  return Error::success();
}

Expected<uint64_t> Layout::resolve(Object &object, SymbolRef symbol) {
  Expected<llvm::StringRef> name = symbol.getName();
  if (!name)
    return name.takeError();
  Expected<uint32_t> flags = symbol.getFlags();
  if (!flags)
    return flags.takeError();
  if (*flags & SymbolRef::SF_Undefined) {
    auto found = globals.find(*name);
    if (found == globals.end())
      return createStringError("code image would import '" + *name + "'");
    return found->second;
  }
  auto home = symbol.getSection();
  if (!home)
    return home.takeError();
  auto place = *home == object.file->section_end()
                   ? object.places.end()
                   : object.places.find((*home)->getIndex());
  if (place == object.places.end())
    return createStringError("code image refers to '" + *name +
                             "' outside code and constants");
  Expected<uint64_t> value = ELFSymbolRef(symbol).getValue();
  if (!value)
    return value.takeError();
  return place->second + *value;
}

Error Layout::applyRelocation(Object &object, uint64_t place,
                              RelocationRef reloc) {
  auto symbol = reloc.getSymbol();
  if (symbol == object.file->symbol_end())
    return createStringError("code image has a relocation without a symbol");
  Expected<uint64_t> target = resolve(object, *symbol);
  if (!target)
    return target.takeError();
  Expected<int64_t> addend = llvm::object::ELFRelocationRef(reloc).getAddend();
  if (!addend)
    return addend.takeError();
  uint64_t from = place + reloc.getOffset();
  int64_t value = int64_t(*target) + *addend - int64_t(from);
  char *field = image.bytes.data() + from;
  switch (reloc.getType()) {
  case llvm::ELF::R_X86_64_PC32:
  case llvm::ELF::R_X86_64_PLT32:
    if (llvm::isInt<32>(value)) {
      llvm::support::endian::write32le(field, uint32_t(value));
      return Error::success();
    }
    break;
  case llvm::ELF::R_X86_64_PC64:
    llvm::support::endian::write64le(field, uint64_t(value));
    return Error::success();
  default:
    break;
  }
  llvm::SmallString<32> type;
  reloc.getTypeName(type);
  Expected<llvm::StringRef> name = symbol->getName();
  if (!name)
    return name.takeError();
  return createStringError("code image would need relocation " + type.str() +
                           " of '" + *name + "' at run time");
}

Error Layout::applyRelocations(Object &object, SectionRef section) {
  Expected<llvm::object::section_iterator> patched =
      section.getRelocatedSection();
  if (!patched)
    return patched.takeError();
  if (*patched == object.file->section_end())
    return Error::success();
  auto place = object.places.find((*patched)->getIndex());
  if (place == object.places.end())
    return Error::success();
  for (RelocationRef reloc : section.relocations())
    if (Error error = applyRelocation(object, place->second, reloc))
      return error;
  return Error::success();
}

Expected<ImageLayout> Layout::finish(llvm::ArrayRef<llvm::StringRef> entries) {
  for (Object &object : objects)
    for (SectionRef section : object.file->sections())
      if (Error error = applyRelocations(object, section))
        return error;
  char *header = image.bytes.data();
  llvm::support::endian::write64le(header, imageMagic);
  llvm::support::endian::write64le(header + 8, entries.size());
  for (auto [index, entry] : llvm::enumerate(entries)) {
    uint64_t offset = 0;
    if (!entry.empty()) {
      auto found = globals.find(entry);
      if (found == globals.end())
        return createStringError("code image lacks entry '" + entry + "'");
      offset = found->second;
    }
    image.offsets.push_back(offset);
    llvm::support::endian::write64le(header + sizeof(ImageHeader) + 8 * index,
                                     offset);
  }
  return std::move(image);
}

Expected<ImageLayout>
quipu::layOutImage(llvm::ArrayRef<llvm::StringRef> objects,
                   llvm::ArrayRef<llvm::StringRef> entries) {
  Layout layout(entries.size());
  for (llvm::StringRef object : objects)
    if (Error error = layout.addObject(object))
      return error;
  return layout.finish(entries);
}
