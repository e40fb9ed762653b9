//===- quipu-opt.cpp - Runs passes over IR --------------------------------===//
//
// The stages of the compiler one by one, for tests and for people who
// experiment with fusion. Reads and writes MLIR text; see --help.
//
//===----------------------------------------------------------------------===//

#include "compiler/Registration.h"

#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  quipu::registerDialects(registry);
  quipu::registerPasses();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "Quipu: runs passes over IR\n", registry));
}
