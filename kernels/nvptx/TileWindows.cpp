//===- TileWindows.cpp - Quantized rows of a matmul's tile ----------------===//
//
// Steps grow until their windows are exact or shared memory has no more room.
//
//===----------------------------------------------------------------------===//

#include "kernels/nvptx/TileWindows.h"

#include "kernels/nvptx/BlockMemory.h"

#include "llvm/Support/MathExtras.h"

using namespace quipu;
using namespace quipu::gpu;

TileWindows::TileWindows(llvm::ArrayRef<ElementType> types, int64_t couples,
                         int64_t columns, int64_t depth)
    : couples(couples) {
  stepElements = depth;
  for (ElementType type : types)
    stepElements = std::max(stepElements, blockElements(type));
  place(types, columns);
  auto areExact = [](const Group &group) { return group.windows.areExact(); };
  while (!llvm::all_of(groups, areExact) && stepElements < columns) {
    TileWindows longer = *this;
    longer.stepElements *= 2;
    longer.place(types, columns);
    if (longer.slotBytes > mostTileWindowBytes / 2)
      break;
    *this = std::move(longer);
  }
}

void TileWindows::place(llvm::ArrayRef<ElementType> types, int64_t columns) {
  groups.clear();
  slotBytes = 0;
  for (auto [member, type] : llvm::enumerate(types)) {
    if (!isQuantized(type))
      continue;
    if (member > 0 && type == types[member - 1])
      ++groups.back().members;
    else
      groups.push_back(
          {{type, columns, stepElements}, int64_t(member), 1, slotBytes});
    slotBytes += couples * groups.back().windows.pitch();
  }
  slotBytes = int64_t(llvm::alignTo(uint64_t(slotBytes), 16));
}

int64_t TileWindows::steps() const {
  return groups.empty() ? 0 : groups.front().windows.steps();
}
