//===- InlineCalls.h - Device functions put into their callers --*- C++ -*-===//
//
// An executor runs kernels that call nothing: the body of each function that a
// kernel calls stands in place of the call, as often as it is called.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_INLINECALLS_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_INLINECALLS_H

#include "runtime/devices/emulator/ptx/Module.h"

namespace quipu::ptx {

/// Bounds of what calls may come to, far above what compilers make.
inline constexpr size_t mostInlined = 1u << 18; // instructions of a kernel
inline constexpr size_t mostCallDepth = 64;

/// `entry` without calls. Parameters and return values are in local memory,
/// where the frame of a function lies behind that of its caller; registers of a
/// function are the same in all of its places. `vprintf` prints nothing and
/// returns 0; `__assertfail` becomes Opcode::assertFail.
///
/// An error names the line where a function calls itself, or one that the file
/// has no body for, or one that is refused, or where the bounds are passed.
Result<Function> inlineCalls(const Module &module, const Function &entry);

} // namespace quipu::ptx

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_INLINECALLS_H
