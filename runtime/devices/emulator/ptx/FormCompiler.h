//===- FormCompiler.h - A form's strings as data ----------------*- C++ -*-===//
//
// Reads the columns of one row of the table in Forms.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_FORMCOMPILER_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_FORMCOMPILER_H

#include "runtime/devices/emulator/ptx/FormTable.h"

namespace quipu::ptx {

/// `form` outlives the result. Asserts that the form is well written.
CompiledForm compileForm(const Form &form);

} // namespace quipu::ptx

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_FORMCOMPILER_H
