//===- SentencePieceEncoder.cpp - Unigram and BPE on sentences ------------===//
//
// Gives the library a model in which nothing can upset it: it builds a trie of
// C strings, refuses whole models for one duplicate, and trusts the rest.
//
//===----------------------------------------------------------------------===//

#include "runtime/tokenizer/SentencePieceEncoder.h"

#include "base/Utf8.h"

#include <sentencepiece_processor.h>
#include <unordered_set>

namespace quipu {

namespace {

/// Pieces that can match no text (empty, not UTF-8, holding NUL, written twice)
/// become control pieces of a name of their own, so that ids stay in place.
void tame(SentencePieceProto &proto) {
  std::unordered_set<std::string> seen;
  for (size_t id = 0; id < proto.pieces.size(); ++id) {
    SentencePieceProto::Piece &piece = proto.pieces[id];
    bool canMatch = !piece.text.empty() &&
                    piece.text.find('\0') == std::string::npos &&
                    findInvalidUtf8(piece.text) == std::string::npos;
    if (canMatch && seen.insert(piece.text).second)
      continue;
    piece.text = "<" + std::to_string(id) + ">";
    while (!seen.insert(piece.text).second)
      piece.text += '>';
    if (piece.kind != TokenKind::unknown)
      piece.kind = TokenKind::control;
  }
}

} // namespace

SentencePieceEncoder::SentencePieceEncoder() = default;
SentencePieceEncoder::SentencePieceEncoder(SentencePieceEncoder &&) noexcept =
    default;
SentencePieceEncoder &
SentencePieceEncoder::operator=(SentencePieceEncoder &&) noexcept = default;
SentencePieceEncoder::~SentencePieceEncoder() = default;

Result<SentencePieceEncoder>
SentencePieceEncoder::create(SentencePieceProto proto) {
  tame(proto);
  sentencepiece::SetMinLogLevel(2); // what fails comes back as a status
  SentencePieceEncoder result;
  result.processor = std::make_unique<sentencepiece::SentencePieceProcessor>();
  result.count = proto.pieces.size();
  sentencepiece::util::Status status =
      result.processor->LoadFromSerializedProto(proto.serialize());
  if (!status.ok())
    return Error{"tokenizer: not a usable SentencePiece model: " +
                 std::string(status.message())};
  return result;
}

Result<void> SentencePieceEncoder::encode(std::string_view text,
                                          std::vector<int32_t> &ids) const {
  std::vector<int> found;
  sentencepiece::util::Status status = processor->Encode(text, &found);
  if (!status.ok())
    return Error{"SentencePiece cannot encode the text: " +
                 std::string(status.message())};
  ids.insert(ids.end(), found.begin(), found.end());
  return {};
}

} // namespace quipu
