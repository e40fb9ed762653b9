//===- CpuImageTest.cpp - Flat code images are built, run and refused -----===//
//
// Small kernels written as MLIR text, compiled for each variant and called.
//
//===----------------------------------------------------------------------===//

#include "test/compiler/cpu/LoadedImage.h"

#include "mlir/Parser/Parser.h"

#include <gmock/gmock.h>

using namespace quipu;
using namespace quipu::test;
using testing::HasSubstr;

namespace {

constexpr llvm::StringLiteral signature =
    "(%arguments: !llvm.ptr, %dims: !llvm.ptr, %scratch: !llvm.ptr,"
    " %begin: i64, %end: i64)";

class CpuImageTest : public testing::TestWithParam<CpuVariant> {
protected:
  void SetUp() override {
    if (!canRun(GetParam()))
      GTEST_SKIP() << "this processor cannot run " << GetParam().name.str();
  }

  /// A module in which each "SIGNATURE" stands for a kernel's operands.
  mlir::OwningOpRef<mlir::ModuleOp> parse(std::string text) {
    for (size_t at; (at = text.find("SIGNATURE")) != std::string::npos;)
      text.replace(at, 9, signature.str());
    mlir::DialectRegistry registry;
    registerCpuBackend(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    return mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  }

  std::string errorOf(const std::string &text) {
    auto image = buildCpuImage(*parse(text), GetParam(), {"kernel"});
    return image ? "" : llvm::toString(image.takeError());
  }

  mlir::MLIRContext context;
};

// Adds 1.5 to elements [begin, end) of the first buffer, by way of a constant
// in memory, a helper function and bf16 rounding.
constexpr llvm::StringLiteral addKernel = R"(
  func.func @kernel SIGNATURE attributes {quipu.scratch_bytes = 192 : i64} {
    %x = llvm.load %arguments : !llvm.ptr -> !llvm.ptr
    %one = arith.constant 1 : i64
    scf.for %i = %begin to %end step %one : i64 {
      %p = llvm.getelementptr %x[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
      %v = llvm.load %p : !llvm.ptr -> f32
      %w = func.call @add(%v) : (f32) -> f32
      llvm.store %w, %p : f32, !llvm.ptr
    }
    return
  }
  func.func private @add(%v: f32) -> f32 {
    %c = arith.constant 1.5 : f32
    %s = arith.addf %v, %c : f32
    %h = arith.truncf %s : f32 to bf16
    %r = arith.extf %h : bf16 to f32
    return %r : f32
  }
  func.func @other SIGNATURE {
    return
  }
)";

TEST_P(CpuImageTest, runsWhereverItIsMapped) {
  auto image = buildCpuImage(*parse(addKernel.str()), GetParam(),
                             {"other", "", "kernel"});
  ASSERT_TRUE(bool(image)) << llvm::toString(image.takeError());
  EXPECT_EQ(image->offsets[1], 0u);
  EXPECT_EQ(image->scratchBytes, (std::vector<int64_t>{0, 0, 192}));
  LoadedImage first(*image), second(*image);
  float values[] = {1, 2, 3.0000001f, 4};
  void *arguments[] = {values};
  first.entry(2)(arguments, nullptr, nullptr, 1, 3);
  second.entry(2)(arguments, nullptr, nullptr, 3, 4);
  first.entry(0)(nullptr, nullptr, nullptr, 0, 1);
  EXPECT_THAT(values, testing::ElementsAre(1, 3.5f, 4.5f, 5.5f));
}

TEST_P(CpuImageTest, headerIsThatOfTheAbi) {
  auto image =
      buildCpuImage(*parse(addKernel.str()), GetParam(), {"kernel", ""});
  ASSERT_TRUE(bool(image)) << llvm::toString(image.takeError());
  ImageHeader header;
  memcpy(&header, image->bytes.data(), sizeof header);
  EXPECT_EQ(header.magic, imageMagic);
  EXPECT_EQ(header.count, 2u);
  EXPECT_LT(image->offsets[0], image->bytes.size());
  EXPECT_GE(image->offsets[0], sizeof header + 16);
}

TEST_P(CpuImageTest, importIsRefusedByName) {
  EXPECT_THAT(errorOf(R"(
    func.func private @outside()
    func.func @kernel SIGNATURE {
      call @outside() : () -> ()
      return
    })"),
              HasSubstr("'outside'"));
}

TEST_P(CpuImageTest, libraryCallIsRefusedByName) {
  EXPECT_THAT(errorOf(R"(
    func.func @kernel SIGNATURE {
      %v = llvm.load %scratch : !llvm.ptr -> f32
      %r = math.sin %v : f32
      llvm.store %r, %scratch : f32, !llvm.ptr
      return
    })"),
              HasSubstr("'sinf'"));
}

TEST_P(CpuImageTest, writableDataIsRefusedByName) {
  EXPECT_THAT(errorOf(R"(
    llvm.mlir.global internal @counter(1 : i64) : i64
    func.func @kernel SIGNATURE {
      %p = llvm.mlir.addressof @counter : !llvm.ptr
      %v = llvm.load %p : !llvm.ptr -> i64
      %n = arith.addi %v, %begin : i64
      llvm.store %n, %p : i64, !llvm.ptr
      return
    })"),
              HasSubstr("'counter'"));
}

TEST_P(CpuImageTest, loadTimeRelocationIsRefusedByName) {
  EXPECT_THAT(errorOf(R"(
    llvm.mlir.global internal constant @table() : !llvm.array<1 x ptr> {
      %f = llvm.mlir.addressof @table : !llvm.ptr
      %u = llvm.mlir.undef : !llvm.array<1 x ptr>
      %t = llvm.insertvalue %f, %u[0] : !llvm.array<1 x ptr>
      llvm.return %t : !llvm.array<1 x ptr>
    }
    func.func @kernel SIGNATURE {
      %p = llvm.mlir.addressof @table : !llvm.ptr
      %q = llvm.getelementptr %p[%begin] : (!llvm.ptr, i64) -> !llvm.ptr, i64
      %v = llvm.load %q : !llvm.ptr -> i64
      llvm.store %v, %scratch : i64, !llvm.ptr
      return
    })"),
              HasSubstr("'table'"));
}

TEST_P(CpuImageTest, missingEntryIsRefusedByName) {
  EXPECT_THAT(errorOf("func.func @other SIGNATURE { return }"),
              HasSubstr("'kernel'"));
}

TEST_P(CpuImageTest, printsLlvmAndAssembly) {
  auto module = parse(addKernel.str());
  auto llvm = printCpuLlvm(*module, GetParam(), {"kernel"});
  ASSERT_TRUE(bool(llvm)) << llvm::toString(llvm.takeError());
  EXPECT_THAT(*llvm, HasSubstr("define hidden void @kernel(ptr"));
  auto assembly = printCpuAssembly(*module, GetParam(), {"kernel"});
  ASSERT_TRUE(bool(assembly)) << llvm::toString(assembly.takeError());
  EXPECT_THAT(*assembly, HasSubstr("kernel:"));
}

INSTANTIATE_TEST_SUITE_P(Variants, CpuImageTest, testing::ValuesIn(cpuVariants),
                         [](const auto &info) {
                           std::string name = info.param.name.str();
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

} // namespace
