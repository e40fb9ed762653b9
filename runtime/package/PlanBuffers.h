//===- PlanBuffers.h - Where the buffers of a plan lie ----------*- C++ -*-===//
//
// The part of reading a plan that looks at launches together: which buffers of
// the arena live when, and whether what is used is one of them.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_PACKAGE_PLANBUFFERS_H
#define QUIPU_RUNTIME_PACKAGE_PLANBUFFERS_H

#include "runtime/package/JsonField.h"
#include "runtime/package/Plan.h"

namespace quipu::plan {

/// Checks a bucket that states buffers, read from `field`: those that live at
/// one launch share no byte; an argument in the arena is one that lives at its
/// launch, and one of a product has room for it; an output is one of rows that
/// lives to the end. Records the first problem, and does nothing behind one.
void checkBuffers(const JsonField &field, const Plan &plan,
                  const Bucket &bucket);

} // namespace quipu::plan

#endif // QUIPU_RUNTIME_PACKAGE_PLANBUFFERS_H
