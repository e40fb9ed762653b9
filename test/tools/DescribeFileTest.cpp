//===- DescribeFileTest.cpp - Numbers of a package as JSON ----------------===//
//
// The numbers of a package's model are any that a file can say.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/DescribeFile.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace quipu {
namespace {

TEST(DescribePackage, printsWhatIntegersAndFloatsDoNotHold) {
  Package package{}; // a KvCache has no defaults
  package.model.config = {{"whole", 576},         {"small", float(1e-5)},
                          {"large", 1e300},       {"negative", -1e300},
                          {"beyond_int64", 1e20}, {"half", 2.5}};
  nlohmann::ordered_json json = describePackage(package, false);
  auto text = [&](const char *key) { return json[key].dump(); };
  EXPECT_EQ(text("whole"), "576");
  EXPECT_EQ(text("small"), "1e-05");
  EXPECT_EQ(text("large"), "1e+300");
  EXPECT_EQ(text("negative"), "-1e+300");
  EXPECT_EQ(json["beyond_int64"].get<double>(), 1e20);
  EXPECT_EQ(text("half"), "2.5");
}

} // namespace
} // namespace quipu
