//===- BufferContents.h - What a buffer begins with -------------*- C++ -*-===//
//
// Fills a buffer of a launch file from values, a file, or a rule.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_COMMANDS_EMULATE_BUFFERCONTENTS_H
#define QUIPU_TOOLS_COMMANDS_EMULATE_BUFFERCONTENTS_H

#include "tools/commands/emulate/LaunchFile.h"

namespace quipu {

/// All buffers of a launch file together.
inline constexpr uint64_t mostContentBytes = uint64_t(1) << 33;

/// Fills `buffer`, whose type is set, as `description` says. `count` is the
/// number of elements asked for, or UINT64_MAX where the contents say it;
/// `folder` is what paths are relative to.
Result<void> fillBuffer(const nlohmann::json &description, uint64_t count,
                        const std::string &folder, LaunchFile::Buffer &buffer);

} // namespace quipu

#endif // QUIPU_TOOLS_COMMANDS_EMULATE_BUFFERCONTENTS_H
