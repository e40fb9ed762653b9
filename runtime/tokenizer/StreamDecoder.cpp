//===- StreamDecoder.cpp - Tokens into text as they come ------------------===//
//
// Two stages of waiting: bytes until they are characters, characters until they
// cannot be the beginning of a stop string.
//
//===----------------------------------------------------------------------===//

#include "runtime/tokenizer/StreamDecoder.h"

#include "base/Utf8.h"

#include <algorithm>

namespace quipu {

StreamDecoder::StreamDecoder(const Tokenizer &tokenizer, StreamOptions options)
    : tokenizer(tokenizer), options(std::move(options)),
      atStart(this->options.atTextStart && tokenizer.hasDummyPrefix()) {
  std::erase(this->options.stopStrings, std::string());
}

std::string StreamDecoder::push(int32_t id) {
  if (hasStopped || id < 0 || id >= tokenizer.vocabSize())
    return {};
  if (tokenizer.isSpecial(id) && options.skipSpecial)
    return {};
  std::string_view piece = tokenizer.piece(id);
  if (std::exchange(atStart, false) && piece.starts_with(' '))
    piece.remove_prefix(1);
  bytes += piece;
  return release(/*final=*/false);
}

std::string StreamDecoder::flush() {
  return hasStopped ? std::string() : release(/*final=*/true);
}

/// Moves out of `bytes` and `text` what nothing to come can change.
std::string StreamDecoder::release(bool final) {
  text += takeUtf8(bytes, final);
  size_t stop = std::string::npos; // where the first stop string begins
  for (const std::string &candidate : options.stopStrings)
    stop = std::min(stop, text.find(candidate));
  if (stop != std::string::npos) {
    hasStopped = true;
    bytes.clear();
    return std::exchange(text, {}).substr(0, stop);
  }
  size_t held = 0; // longest end of `text` that a stop string begins with
  for (const std::string &candidate : options.stopStrings) {
    size_t most = std::min(candidate.size() - 1, text.size());
    for (size_t length = final ? 0 : most; length > held; --length)
      if (text.ends_with(std::string_view(candidate).substr(0, length)))
        held = length;
  }
  std::string certain = text.substr(0, text.size() - held);
  text.erase(0, certain.size());
  return certain;
}

} // namespace quipu
