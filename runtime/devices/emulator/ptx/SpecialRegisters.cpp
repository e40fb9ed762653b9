//===- SpecialRegisters.cpp - %tid.x and its like -------------------------===//
//
// Names in the order of the enum SpecialRegister.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/ptx/SpecialRegisters.h"

#include "runtime/devices/emulator/ptx/Instruction.h"

#include <algorithm>
#include <charconv>

using namespace quipu::ptx;

bool quipu::ptx::findSpecialRegister(std::string_view name, uint32_t &index,
                                     unsigned &width) {
  // clang-format off
  static constexpr std::string_view names[] = {
      "%tid.x", "%tid.y", "%tid.z", "%ntid.x", "%ntid.y", "%ntid.z",
      "%ctaid.x", "%ctaid.y", "%ctaid.z", "%nctaid.x", "%nctaid.y",
      "%nctaid.z", "%laneid", "%warpid", "%nwarpid", "%smid", "%nsmid",
      "%gridid", "%lanemask_eq", "%lanemask_le", "%lanemask_lt",
      "%lanemask_ge", "%lanemask_gt", "%clock", "%clock_hi", "%clock64",
      "%globaltimer", "%globaltimer_lo", "%globaltimer_hi",
      "%dynamic_smem_size", "%total_smem_size",
      "%clusterid.x", "%clusterid.y", "%clusterid.z",
      "%nclusterid.x", "%nclusterid.y", "%nclusterid.z",
      "%cluster_ctaid.x", "%cluster_ctaid.y", "%cluster_ctaid.z",
      "%cluster_nctaid.x", "%cluster_nctaid.y", "%cluster_nctaid.z",
      "%cluster_ctarank", "%cluster_nctarank", "%is_explicit_cluster",
      "%reserved_smem_offset_begin", "%reserved_smem_offset_end",
      "%reserved_smem_offset_cap", "%reserved_smem_offset_0",
      "%reserved_smem_offset_1", "%aggr_smem_size"};
  // clang-format on
  static_assert(std::size(names) == size_t(SpecialRegister::envreg0));
  constexpr std::string_view environment = "%envreg";
  width = 32;
  if (name.starts_with(environment)) {
    std::string_view digits = name.substr(environment.size());
    uint32_t number = 0;
    auto [end, failed] =
        std::from_chars(digits.data(), digits.data() + digits.size(), number);
    index = uint32_t(SpecialRegister::envreg0) + number;
    return failed == std::errc() && end == digits.data() + digits.size() &&
           number < 32 && (digits.size() == 1 || digits[0] != '0');
  }
  auto at = std::ranges::find(names, name);
  if (at == std::end(names))
    return false;
  index = uint32_t(at - std::begin(names));
  auto special = SpecialRegister(index);
  width = special == SpecialRegister::isExplicitCluster ? 1
          : special == SpecialRegister::clock64 ||
                  special == SpecialRegister::globaltimer ||
                  special == SpecialRegister::gridid
              ? 64
              : 32;
  return true;
}
