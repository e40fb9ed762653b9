//===- Cgroup.cpp - Where a container's limits are ------------------------===//
//
// /proc/self/cgroup has lines "id:controllers:path"; version 2 has id 0 and no
// controllers (cgroups(7)).
//
//===----------------------------------------------------------------------===//

#include "runtime/memory/Cgroup.h"

#include <algorithm>
#include <fstream>
#include <iterator>

namespace quipu {
namespace {

constexpr std::string_view root = "/sys/fs/cgroup";

/// Whether "cpu,cpuacct" names "cpu".
bool names(std::string_view controllers, std::string_view controller) {
  while (!controllers.empty()) {
    size_t comma = controllers.find(',');
    if (controllers.substr(0, comma) == controller)
      return true;
    if (comma == std::string_view::npos)
      break;
    controllers.remove_prefix(comma + 1);
  }
  return false;
}

} // namespace

std::vector<std::string> cgroupFolders(std::string_view membership,
                                       std::string_view controller) {
  std::vector<std::string> folders;
  while (!membership.empty()) {
    std::string_view line = membership.substr(0, membership.find('\n'));
    membership.remove_prefix(std::min(membership.size(), line.size() + 1));
    size_t first = line.find(':');
    if (first == std::string_view::npos)
      continue;
    size_t second = line.find(':', first + 1);
    if (second == std::string_view::npos)
      continue;
    std::string_view controllers = line.substr(first + 1, second - first - 1);
    std::string_view path = line.substr(second + 1);
    bool isVersion2 = line.substr(0, first) == "0" && controllers.empty();
    if (!isVersion2 && !names(controllers, controller))
      continue;
    std::string base(root);
    if (!isVersion2)
      base += "/" + std::string(controller);
    while (path.size() > 1) {
      folders.push_back(base + std::string(path));
      path = path.substr(0, path.rfind('/'));
    }
    folders.push_back(base);
  }
  return folders;
}

std::vector<std::string> cgroupFolders(std::string_view controller) {
  std::ifstream file("/proc/self/cgroup");
  std::string membership((std::istreambuf_iterator<char>(file)), {});
  return cgroupFolders(membership, controller);
}

std::optional<int64_t> readNumber(const std::string &path) {
  std::ifstream file(path);
  int64_t number;
  if (file >> number)
    return number;
  return std::nullopt;
}

} // namespace quipu
