//===- FindObject.cpp - Unwinding on older C libraries --------------------===//
//
// libgcc's unwinder of GCC 12 asks glibc 2.35 which object an address is in,
// the only symbol of a stub that glibc 2.34 (RHEL 9 and its kin) lacks. Defined
// here by older means, it is taken from the stub itself.
//
//===----------------------------------------------------------------------===//

#include <dlfcn.h>
#include <link.h>

#include <cstdint>

// Where glibc is older, libgcc is built not to ask.
#ifdef DLFO_STRUCT_HAS_EH_DBASE

namespace {
struct Search {
  uintptr_t address;
  dl_find_object *result;
};
} // namespace

/// Whether the object is the one that is searched for; fills the result then.
static int matchObject(dl_phdr_info *object, size_t, void *data) {
  auto *search = static_cast<Search *>(data);
  uintptr_t start = 0, end = 0;
  void *frames = nullptr;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr) &segment = object->dlpi_phdr[i];
    uintptr_t from = object->dlpi_addr + segment.p_vaddr;
    uintptr_t to = from + segment.p_memsz;
    if (segment.p_type == PT_GNU_EH_FRAME)
      frames = reinterpret_cast<void *>(from);
    else if (segment.p_type == PT_LOAD && search->address >= from &&
             search->address < to) {
      start = from;
      end = to;
    }
  }
  if (start == end)
    return 0;
  *search->result = {};
  search->result->dlfo_map_start = reinterpret_cast<void *>(start);
  search->result->dlfo_map_end = reinterpret_cast<void *>(end);
  search->result->dlfo_eh_frame = frames;
  return 1;
}

/// glibc's: 0 and the object that `address` is in, with its table of frames, or
/// -1. Hidden: libraries that are loaded later have glibc's own, if any.
extern "C" __attribute__((visibility("hidden"))) int
_dl_find_object(void *address, dl_find_object *result) noexcept {
  Search search = {reinterpret_cast<uintptr_t>(address), result};
  return dl_iterate_phdr(matchObject, &search) != 0 ? 0 : -1;
}

#endif
