//===- PlanBuffers.cpp - Where the buffers of a plan lie ------------------===//
//
// Walks the launches once, with the buffers that live by offset: time goes with
// the length of the plan, whoever wrote it.
//
//===----------------------------------------------------------------------===//

#include "runtime/package/PlanBuffers.h"

#include "runtime/package/PlanNames.h"

#include <algorithm>
#include <map>

namespace quipu::plan {
namespace {

using Living = std::map<int64_t, const Buffer *>; // by offset

/// Moves `alive` from one launch to the next.
class Lives {
public:
  explicit Lives(const Bucket &bucket) : bucket(bucket) {
    for (const Buffer &buffer : bucket.buffers)
      byFirst.push_back(&buffer);
    byLast = byFirst;
    std::ranges::sort(byFirst, {}, &Buffer::first);
    std::ranges::sort(byLast, {}, &Buffer::last);
  }

  /// On to launch `now`, one more each time. The buffer that begins there and
  /// shares bytes with another, or null.
  const Buffer *moveTo(int64_t now) {
    for (; ended < byLast.size() && byLast[ended]->last < now; ++ended)
      alive.erase(byLast[ended]->offset);
    for (; begun < byFirst.size() && byFirst[begun]->first == now; ++begun) {
      const Buffer *buffer = byFirst[begun];
      auto above = alive.lower_bound(buffer->offset);
      if ((above != alive.end() && above->first < end(buffer)) ||
          (above != alive.begin() &&
           end(std::prev(above)->second) > buffer->offset))
        return buffer;
      alive[buffer->offset] = buffer;
    }
    return nullptr;
  }

  const Buffer *at(int64_t offset) const {
    auto found = alive.find(offset);
    return found == alive.end() ? nullptr : found->second;
  }

private:
  int64_t end(const Buffer *buffer) const {
    return buffer->offset +
           usedBytes(*buffer, bucket.maxTokens, bucket.maxRows);
  }

  const Bucket &bucket;
  std::vector<const Buffer *> byFirst, byLast;
  size_t begun = 0, ended = 0;
  Living alive;
};

/// Checks that `launch` is given buffers that live, and its product room.
void checkLaunch(const JsonField &field, const Plan &plan, const Launch &launch,
                 const Lives &lives) {
  JsonField arguments = field["arguments"];
  for (size_t i = 0; i < launch.arguments.size(); ++i) {
    const Argument &argument = launch.arguments[i];
    if (argument.kind == Argument::Kind::arena && !lives.at(argument.index))
      return arguments[i].fail("expected a buffer that lives at this launch, "
                               "found none at " +
                               std::to_string(argument.index));
  }
  if (!launch.product)
    return;
  const Product &product = *launch.product;
  const Parameter &weights =
      plan.parameters[launch.arguments[product.weights].index];
  for (auto [argument, columns] : {std::pair(product.input, weights.columns),
                                   std::pair(product.output, weights.rows)}) {
    const Buffer *buffer = lives.at(launch.arguments[argument].index);
    if (buffer->extent != product.extent || buffer->rowBytes < 4 * columns)
      return arguments[size_t(argument)].fail(
          "expected " + std::to_string(4 * columns) + " bytes for each of " +
          nameOf(product.extent, symbolNames) + ", found " +
          std::to_string(buffer->rowBytes) + " for each of " +
          nameOf(buffer->extent, symbolNames));
  }
}

} // namespace

void checkBuffers(const JsonField &field, const Plan &plan,
                  const Bucket &bucket) {
  if (field.failed()) // parts of the bucket may mean nothing
    return;
  JsonField buffers = field["buffers"], launches = field["launches"],
            outputs = field["outputs"];
  Lives lives(bucket);
  for (size_t i = 0; i < bucket.launches.size(); ++i) {
    if (const Buffer *shared = lives.moveTo(int64_t(i)))
      return buffers.fail("two that live at launch " + std::to_string(i) +
                          " share bytes, one of them at " +
                          std::to_string(shared->offset));
    checkLaunch(launches[i], plan, bucket.launches[i], lives);
  }
  for (size_t i = 0; i < bucket.outputs.size(); ++i) {
    const Output &output = bucket.outputs[i];
    const Buffer *buffer = lives.at(output.offset);
    if (!buffer || buffer->extent != Grid::Symbol::rows ||
        buffer->rowBytes < 4 * output.rowElements)
      return outputs[i].fail("expected a buffer of rows of " +
                             std::to_string(4 * output.rowElements) +
                             " bytes that lives to the end, found " +
                             (buffer ? "another" : "none"));
  }
}

} // namespace quipu::plan
