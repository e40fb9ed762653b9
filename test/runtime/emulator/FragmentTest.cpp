//===- FragmentTest.cpp - wmma --------------------------------------------===//
//
// Loads, multiplies and stores 16 x 16 matrices in every layout and compares
// with the product computed here.
//
//===----------------------------------------------------------------------===//

#include "KernelRun.h"

#include "base/Dequantize.h"

namespace quipu::emulator {
namespace {

using testing::HasSubstr;

std::string registers(const std::string &prefix, int first, int count) {
  std::string list = "{";
  for (int n = 0; n < count; ++n)
    list += (n ? ", " : "") + prefix + std::to_string(first + n);
  return list + "}";
}

struct Layout {
  bool aColumn, bColumn, dColumn, isHalf, fromShared;
};

/// Stages a and b (32 x 24 elements of 2 bytes each, of which the first 16 rows
/// and columns count) in dynamic shared memory, all 32 threads.
std::string stage() {
  std::string text;
  for (int n = 0; n < 24; ++n) {
    std::string at = std::to_string(n * 128);
    text += "ld.global.u32 %r70, [%rd10+" + at + "];\nst.shared.u32 [%r71+" +
            at + "], %r70;\n";
  }
  return text;
}

std::string productOf(const Layout &layout) {
  auto word = [](bool isColumn) { return isColumn ? "col" : "row"; };
  std::string type = layout.isHalf ? "f16" : "bf16";
  int count = layout.isHalf ? 8 : 4;
  std::string space = layout.fromShared ? "shared" : "global";
  std::string a = registers("%r", 10, count), b = registers("%r", 20, count);
  std::string c = registers("%f", 0, 8), d = registers("%f", 10, 8);
  std::string text;
  if (layout.fromShared)
    text = indexed(10, 0, 4) + "shl.b32 %r71, %r0, 2;\n" + stage() +
           "bar.sync 0;\n";
  std::string place = layout.fromShared ? "[dyn]" : "[%rd0]";
  std::string placeB = layout.fromShared ? "[dyn+1536]" : "[%rd0+1536]";
  text += "mov.u32 %r9, 24;\nwmma.load.a.sync.aligned." +
          std::string(word(layout.aColumn)) + ".m16n16k16." + space + "." +
          type + " " + a + ", " + place + ", %r9;\nwmma.load.b.sync.aligned." +
          word(layout.bColumn) + ".m16n16k16." + space + "." + type + " " + b +
          ", " + placeB + ", 24;\nwmma.load.c.sync.aligned." +
          word(layout.dColumn) + ".m16n16k16.f32 " + c +
          ", [%rd1];\nwmma.mma.sync.aligned." + word(layout.aColumn) + "." +
          word(layout.bColumn) + ".m16n16k16." +
          (layout.isHalf ? "f32.f32 " : "f32.bf16.bf16.f32 ") + d + ", " + a +
          ", " + b + ", " + c + ";\nwmma.store.d.sync.aligned." +
          word(!layout.dColumn) + ".m16n16k16.global.f32 [%rd2], " + d +
          ", 20;\n";
  return text;
}

void check(const Layout &layout) {
  std::vector<uint16_t> factors(2 * 32 * 24);
  std::vector<float> sums(256), values(factors.size());
  for (size_t n = 0; n < factors.size(); ++n) {
    values[n] = float(int(n * 7 % 13) - 6);
    factors[n] =
        layout.isHalf ? floatToHalf(values[n]) : floatToBfloat16(values[n]);
  }
  for (size_t n = 0; n < 256; ++n)
    sums[n] = float(n % 17);
  KernelRun run(productOf(layout), 3);
  run.input("factors", factors);
  run.input("c", sums);
  run.output("d", 16 * 20 * 4);
  run.launchClean(1, 32, 3072);
  std::vector<float> found = run.values<float>(2, 16 * 20);
  auto at = [&](size_t base, int row, int column, bool isColumn) {
    return values[base +
                  size_t(isColumn ? column * 24 + row : row * 24 + column)];
  };
  for (int m = 0; m < 16; ++m)
    for (int n = 0; n < 16; ++n) {
      float sum = sums[size_t(layout.dColumn ? n * 16 + m : m * 16 + n)];
      for (int k = 0; k < 16; ++k)
        sum += at(0, m, k, layout.aColumn) * at(768, k, n, layout.bColumn);
      EXPECT_EQ(found[size_t(layout.dColumn ? m * 20 + n : n * 20 + m)], sum)
          << m << ", " << n;
    }
  EXPECT_EQ(run.report.counters.tensorMacs, 4096);
  EXPECT_EQ(run.report.counters.tensorInstructions, 1);
}

TEST(Fragments, multiplyInEveryLayout) {
  for (int bits = 0; bits < 32; ++bits)
    check({(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0,
           (bits & 16) != 0});
}

TEST(Fragments, mayBeSummedInHalves) {
  std::string body =
      "wmma.load.a.sync.aligned.row.m16n16k16.global.f16 " +
      registers("%r", 10, 8) + ", [%rd0];\n" +
      "wmma.load.b.sync.aligned.col.m16n16k16.global.f16 " +
      registers("%r", 20, 8) + ", [%rd0];\n" +
      "wmma.load.c.sync.aligned.row.m16n16k16.global.f16 " +
      registers("%r", 30, 4) + ", [%rd0];\n" +
      "wmma.mma.sync.aligned.row.col.m16n16k16.f16.f16 " +
      registers("%r", 40, 4) + ", " + registers("%r", 10, 8) + ", " +
      registers("%r", 20, 8) + ", " + registers("%r", 30, 4) + ";\n" +
      "wmma.store.d.sync.aligned.row.m16n16k16.global.f16 [%rd1], " +
      registers("%r", 40, 4) + ";\n";
  KernelRun run(body);
  std::vector<uint16_t> x(256);
  for (size_t n = 0; n < 256; ++n)
    x[n] = floatToHalf(float(n * 5 % 7));
  run.input("x", x);
  run.output("y", 512);
  run.launchClean();
  std::vector<uint16_t> found = run.values<uint16_t>(1, 256);
  for (size_t m = 0; m < 16; ++m)
    for (size_t n = 0; n < 16; ++n) {
      float sum = halfToFloat(x[m * 16 + n]);
      for (size_t k = 0; k < 16; ++k)
        sum += halfToFloat(x[m * 16 + k]) * halfToFloat(x[n * 16 + k]);
      EXPECT_EQ(halfToFloat(found[m * 16 + n]), sum);
    }
}

TEST(Fragments, areChecked) {
  std::string load = "wmma.load.c.sync.aligned.row.m16n16k16.global.f32 " +
                     registers("%f", 0, 8) + ", [%rd0], %r9;\n";
  std::string store = "wmma.store.d.sync.aligned.row.m16n16k16.global.f32 "
                      "[%rd1], " +
                      registers("%f", 0, 8) + ";\n";
  // Rows of 20 floats in a buffer of 16 rows of 16.
  KernelRun beyond("mov.u32 %r9, 20;\n" + load + store);
  beyond.input("x", std::vector<float>(256));
  beyond.output("y", 1024);
  beyond.launch();
  EXPECT_THAT(beyond.finding(Check::outOfBounds), HasSubstr("k.ptx:17"));
  KernelRun undefined("mov.u32 %r9, 16;\n" + load + store);
  undefined.output("x", 1024);
  undefined.output("y", 1024);
  undefined.launch();
  EXPECT_THAT(undefined.finding(Check::undefined), HasSubstr("k.ptx:18"));
  KernelRun part("mov.u32 %r9, 16;\nsetp.lt.u32 %p1, %r0, 8;\n@%p1 " + load);
  part.input("x", std::vector<float>(256));
  part.output("y", 1024);
  part.launch();
  EXPECT_THAT(part.finding(Check::inactiveLane), HasSubstr("k.ptx:18"));
}

TEST(Fragments, ofOtherShapesAreRefusedWithARemedy) {
  KernelRun run("wmma.load.a.sync.aligned.row.m8n32k16.global.f16 " +
                registers("%r", 0, 8) + ", [%rd0];\n");
  EXPECT_EQ(run.emulator->ready("k").error().message,
            "k.ptx:16: unknown modifier '.m8n32k16' in "
            "'wmma.load.a.sync.aligned.row.m8n32k16.global.f16': use m16n16k16 "
            "of f16 or bf16, or mma.sync");
  KernelRun column("wmma.store.d.sync.aligned.col.m16n16k16.f16 [%rd0], " +
                   registers("%r", 0, 4) + ";\n");
  EXPECT_EQ(column.emulator->ready("k").error().message,
            "k.ptx:16: 'wmma.store.d.sync.aligned.col.m16n16k16.f16' is not "
            "emulated: use .row, or f32 accumulators");
}

} // namespace
} // namespace quipu::emulator
