//===- SpecialTokens.cpp - Tokens that text is split at first -------------===//
//
// A byte trie, walked from every byte that some token begins with. Tokens are
// short, so the cost is the text's length times theirs at worst.
//
//===----------------------------------------------------------------------===//

#include "runtime/tokenizer/SpecialTokens.h"

namespace quipu {

SpecialTokens::SpecialTokens(const TokenizerSpec &spec, size_t firstUserDefined)
    : nodes(1) {
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    TokenKind kind = spec.kinds[id];
    bool control = kind == TokenKind::control || kind == TokenKind::unknown;
    if (control || (kind == TokenKind::userDefined && id >= firstUserDefined))
      insert(spec.tokens[id], int32_t(id), control);
  }
}

int32_t SpecialTokens::childOf(int32_t node, uint8_t byte) const {
  for (int32_t at = nodes[node].child; at >= 0; at = nodes[at].sibling)
    if (nodes[at].byte == byte)
      return at;
  return -1;
}

void SpecialTokens::insert(std::string_view token, int32_t id, bool control) {
  if (token.empty())
    return;
  int32_t node = 0;
  for (char c : token) {
    auto byte = static_cast<uint8_t>(c);
    int32_t child = childOf(node, byte);
    if (child < 0) {
      child = static_cast<int32_t>(nodes.size());
      nodes.push_back({byte, false, -1, -1, nodes[node].child});
      nodes[node].child = child;
    }
    node = child;
  }
  if (nodes[node].id < 0) {
    nodes[node].id = id;
    nodes[node].control = control;
  }
}

/// The longest token at the start of `text`; id -1 where there is none.
TextSegment SpecialTokens::longestAt(std::string_view text,
                                     size_t trustedLength) const {
  TextSegment best{{}, -1};
  int32_t node = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    node = childOf(node, static_cast<uint8_t>(text[at]));
    if (node < 0)
      break;
    const Node &reached = nodes[node];
    if (reached.id >= 0 && (!reached.control || at < trustedLength))
      best = {text.substr(0, at + 1), reached.id};
  }
  return best;
}

std::vector<TextSegment>
SpecialTokens::split(std::string_view text,
                     std::span<const TrustedRange> trusted) const {
  std::vector<TextSegment> segments;
  size_t begin = 0; // of the text that belongs to no token yet
  for (size_t at = 0; at < text.size();) {
    while (!trusted.empty() && trusted.front().end <= at)
      trusted = trusted.subspan(1);
    bool isTrusted = !trusted.empty() && trusted.front().begin <= at;
    TextSegment token =
        longestAt(text.substr(at), isTrusted ? trusted.front().end - at : 0);
    if (token.id < 0) {
      ++at;
      continue;
    }
    if (at > begin)
      segments.push_back({text.substr(begin, at - begin), -1});
    segments.push_back(token);
    at += token.text.size();
    begin = at;
  }
  if (begin < text.size())
    segments.push_back({text.substr(begin), -1});
  return segments;
}

} // namespace quipu
