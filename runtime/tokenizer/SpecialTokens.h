//===- SpecialTokens.h - Tokens that text is split at first -----*- C++ -*-===//
//
// Control and user-defined tokens are found in the text before any other
// tokenization. This holds them in a trie and cuts a text at them.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_TOKENIZER_SPECIALTOKENS_H
#define QUIPU_RUNTIME_TOKENIZER_SPECIALTOKENS_H

#include "runtime/tokenizer/TokenizerSpec.h"

#include <span>
#include <string_view>

namespace quipu {

/// A token found in the text, or (id -1) text between two of them.
struct TextSegment {
  std::string_view text;
  int32_t id;
};

/// Bytes of a text in which control tokens count, [begin, end).
struct TrustedRange {
  size_t begin, end;
};

class SpecialTokens {
public:
  /// Takes the control and unknown tokens of `spec`, and the user-defined ones
  /// from id `firstUserDefined` on.
  SpecialTokens(const TokenizerSpec &spec, size_t firstUserDefined);

  /// Cuts `text` at the leftmost, then longest tokens. User-defined tokens are
  /// found anywhere, the others only inside of one of the `trusted` ranges,
  /// which are in order and do not touch.
  std::vector<TextSegment> split(std::string_view text,
                                 std::span<const TrustedRange> trusted) const;

private:
  struct Node {
    uint8_t byte = 0;     // on the edge from its parent
    bool control = false; // the token counts in trusted text only
    int32_t id = -1;      // of the token that ends here
    int32_t child = -1;   // first child; siblings are linked
    int32_t sibling = -1;
  };

  void insert(std::string_view token, int32_t id, bool control);
  int32_t childOf(int32_t node, uint8_t byte) const;
  TextSegment longestAt(std::string_view text, size_t trustedLength) const;

  std::vector<Node> nodes; // the root is the first
};

} // namespace quipu

#endif // QUIPU_RUNTIME_TOKENIZER_SPECIALTOKENS_H
