//===- ControlFlow.h - Where divergent lanes meet again ---------*- C++ -*-===//
//
// Lanes of a warp that take different ways at a branch are run one way after
// the other, up to the branch's immediate post-dominator.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_CONTROLFLOW_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_CONTROLFLOW_H

#include "runtime/devices/emulator/ptx/Module.h"

namespace quipu::ptx {

/// Sets Instruction::reconverge of every bra and brx. A way that ends in a trap
/// constrains nothing, and lanes that leave by a guarded exit or ret are gone:
/// the others meet where they would without it.
void findReconvergence(Function &function);

} // namespace quipu::ptx

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_CONTROLFLOW_H
