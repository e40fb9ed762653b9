//===- quipu-lsp-server.cpp - IR in an editor -----------------------------===//
//
// The language server for .mlir files with Quipu's dialects: diagnostics,
// go-to-definition and hover. An editor starts it and speaks LSP over stdio.
//
//===----------------------------------------------------------------------===//

#include "compiler/Registration.h"

#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  quipu::registerDialects(registry);
  return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry));
}
