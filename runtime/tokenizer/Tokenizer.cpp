//===- Tokenizer.cpp - Text to token ids and back -------------------------===//
//
// What both kinds of tokenizer share: special tokens are cut out first, the
// text between them goes to the kind's own encoder, bos and eos go around.
//
//===----------------------------------------------------------------------===//

#include "runtime/tokenizer/Tokenizer.h"

#include "base/Utf8.h"
#include "runtime/tokenizer/ByteAlphabet.h"
#include "runtime/tokenizer/BytePairEncoder.h"
#include "runtime/tokenizer/PreTokenizer.h"
#include "runtime/tokenizer/SentencePieceEncoder.h"
#include "runtime/tokenizer/SpecialTokens.h"

#include <cassert>
#include <charconv>
#include <unordered_map>

namespace quipu {

namespace {

/// Words up to this long are remembered while one text is encoded.
constexpr size_t kCachedWordBytes = 64;

constexpr std::string_view kSpaceMark = "\u2581"; // SentencePiece's

/// What a SentencePiece token stands for: U+2581 is a space, `<0xNN>` a byte.
std::string sentencePieceBytes(std::string_view token, TokenKind kind) {
  if (kind == TokenKind::control || kind == TokenKind::unknown)
    return std::string(token);
  unsigned byte = 0;
  if (kind == TokenKind::byte && token.size() == 6 &&
      std::from_chars(&token[3], &token[5], byte, 16).ptr == &token[5])
    return std::string(1, static_cast<char>(byte));
  std::string bytes(token);
  for (size_t at = bytes.find(kSpaceMark); at != std::string::npos;
       at = bytes.find(kSpaceMark, at + 1))
    bytes.replace(at, kSpaceMark.size(), " ");
  return bytes;
}

} // namespace

struct Tokenizer::Impl {
  TokenizerSpec spec;
  std::vector<std::string> pieces;                         // bytes by id
  std::unordered_map<std::string_view, int32_t> idByToken; // views of spec
  std::optional<SpecialTokens> specials;
  std::optional<PreTokenizer> preTokenizer; // byte-level BPE
  std::optional<BytePairEncoder> merges;    // byte-level BPE
  std::optional<SentencePieceEncoder> sentencePiece;
  bool libraryPrefixes = false; // SentencePiece adds the space itself

  Result<void> prepareByteLevel();
  Result<void> prepareSentencePiece();
  Result<void> encodeText(std::string_view text, bool isFirst,
                          std::vector<int32_t> &ids) const;
  Result<void> encodeWords(std::string_view text,
                           std::vector<int32_t> &ids) const;
  Result<std::vector<int32_t>> encode(std::string_view text,
                                      std::span<const TrustedRange> trusted,
                                      bool addSpecial) const;
};

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer &&) noexcept = default;
Tokenizer &Tokenizer::operator=(Tokenizer &&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Result<Tokenizer> Tokenizer::create(TokenizerSpec spec) {
  if (Result<void> checked = check(spec); !checked)
    return checked.error();
  auto impl = std::make_unique<Impl>();
  impl->spec = std::move(spec);
  const TokenizerSpec &kept = impl->spec;
  impl->idByToken.reserve(kept.tokens.size());
  for (size_t id = 0; id < kept.tokens.size(); ++id)
    impl->idByToken.emplace(kept.tokens[id], int32_t(id));
  Result<void> done = kept.model == TokenizerSpec::Model::sentencePiece
                          ? impl->prepareSentencePiece()
                          : impl->prepareByteLevel();
  if (!done)
    return done.error();
  return Tokenizer(std::move(impl));
}

Result<void> Tokenizer::Impl::prepareByteLevel() {
  specials.emplace(spec, /*firstUserDefined=*/0);
  pieces.resize(spec.tokens.size());
  for (size_t id = 0; id < pieces.size(); ++id) {
    // Added tokens are written as they are and not in the alphabet.
    std::optional<std::string> bytes;
    if (spec.kinds[id] == TokenKind::normal)
      bytes = fromByteLevel(spec.tokens[id]);
    pieces[id] = bytes ? std::move(*bytes) : spec.tokens[id];
  }
  Result<PreTokenizer> patterns = PreTokenizer::create(spec.splitPatterns);
  if (!patterns)
    return patterns.error();
  preTokenizer.emplace(std::move(*patterns));
  Result<BytePairEncoder> encoder =
      BytePairEncoder::create(spec, [&](std::string_view token) {
        auto found = idByToken.find(token);
        return found == idByToken.end() ? -1 : found->second;
      });
  if (!encoder)
    return encoder.error();
  merges.emplace(std::move(*encoder));
  return {};
}

Result<void> Tokenizer::Impl::prepareSentencePiece() {
  SentencePieceProto proto;
  if (spec.sentencePieceModel.empty()) {
    proto = SentencePieceProto::of(spec);
  } else {
    Result<SentencePieceProto> parsed =
        SentencePieceProto::parse(spec.sentencePieceModel);
    if (!parsed)
      return parsed.error();
    proto = std::move(*parsed);
  }
  if (proto.pieces.size() > spec.tokens.size())
    return Error{"tokenizer: the SentencePiece model has " +
                 std::to_string(proto.pieces.size()) + " pieces, but only " +
                 std::to_string(spec.tokens.size()) + " tokens are listed"};
  // The library cannot prefix some texts only, so we do; but where it goes
  // on to move or drop spaces, the prefix has to be its own.
  libraryPrefixes = proto.removeExtraWhitespaces || proto.spaceAsSuffix;
  proto.addDummyPrefix = libraryPrefixes && spec.addPrefixSpace;
  Result<SentencePieceEncoder> encoder =
      SentencePieceEncoder::create(std::move(proto));
  if (!encoder)
    return encoder.error();
  sentencePiece.emplace(std::move(*encoder));
  // The library finds those that its model knows.
  specials.emplace(spec, /*firstUserDefined=*/sentencePiece->pieceCount());
  pieces.resize(spec.tokens.size());
  for (size_t id = 0; id < pieces.size(); ++id)
    pieces[id] = sentencePieceBytes(spec.tokens[id], spec.kinds[id]);
  return {};
}

Result<void> Tokenizer::Impl::encodeWords(std::string_view text,
                                          std::vector<int32_t> &ids) const {
  Result<std::vector<std::string_view>> words = preTokenizer->split(text);
  if (!words)
    return words.error();
  // Where a word's ids begin and end in `ids`, from when it was met first.
  std::unordered_map<std::string_view, std::pair<size_t, size_t>> known;
  for (std::string_view word : *words) {
    if (auto cached = known.find(word); cached != known.end()) {
      for (size_t at = cached->second.first; at < cached->second.second; ++at)
        ids.push_back(ids[at]);
      continue;
    }
    size_t begin = ids.size();
    auto whole =
        spec.ignoreMerges ? idByToken.find(toByteLevel(word)) : idByToken.end();
    if (whole != idByToken.end() &&
        spec.kinds[whole->second] == TokenKind::normal)
      ids.push_back(whole->second);
    else
      merges->encode(word, ids);
    if (word.size() <= kCachedWordBytes)
      known.emplace(word, std::pair(begin, ids.size()));
  }
  return {};
}

/// Text without special tokens in it; `isFirst` where it begins the whole.
Result<void> Tokenizer::Impl::encodeText(std::string_view text, bool isFirst,
                                         std::vector<int32_t> &ids) const {
  bool beginsWithSpace =
      text.starts_with(' ') || (sentencePiece && text.starts_with(kSpaceMark));
  bool suppressed =
      beginsWithSpace && (!sentencePiece || spec.prefixUnlessSpace);
  std::string prefixed;
  if (spec.addPrefixSpace && !libraryPrefixes && !suppressed &&
      (isFirst || !spec.prefixFirstOnly)) {
    prefixed = " ";
    text = prefixed += text;
  }
  return sentencePiece ? sentencePiece->encode(text, ids)
                       : encodeWords(text, ids);
}

Result<std::vector<int32_t>>
Tokenizer::Impl::encode(std::string_view text,
                        std::span<const TrustedRange> trusted,
                        bool addSpecial) const {
  if (size_t at = findInvalidUtf8(text); at != std::string_view::npos)
    return Error{"the text is not valid UTF-8 at byte " + std::to_string(at)};
  std::vector<int32_t> ids;
  if (addSpecial && spec.addBos)
    ids.push_back(spec.bosId);
  for (const TextSegment &segment : specials->split(text, trusted)) {
    if (segment.id >= 0)
      ids.push_back(segment.id);
    else if (Result<void> done = encodeText(
                 segment.text, segment.text.data() == text.data(), ids);
             !done)
      return done.error();
  }
  if (addSpecial && spec.addEos)
    ids.push_back(spec.eosId);
  return ids;
}

Result<std::vector<int32_t>> Tokenizer::encode(std::string_view text,
                                               EncodeOptions options) const {
  TrustedRange all{0, text.size()};
  return impl->encode(text, {&all, options.parseSpecial ? 1u : 0u},
                      options.addSpecial);
}

Result<std::vector<int32_t>>
Tokenizer::encode(std::span<const PromptPiece> pieces, bool addSpecial) const {
  std::string text;
  std::vector<TrustedRange> trusted;
  for (const PromptPiece &piece : pieces) {
    size_t begin = text.size();
    text += piece.text;
    if (!piece.parseSpecial || piece.text.empty())
      continue;
    if (!trusted.empty() && trusted.back().end == begin)
      trusted.back().end = text.size();
    else
      trusted.push_back({begin, text.size()});
  }
  return impl->encode(text, trusted, addSpecial);
}

std::string Tokenizer::decode(std::span<const int32_t> ids,
                              bool skipSpecial) const {
  std::string bytes;
  bool atStart = hasDummyPrefix();
  for (int32_t id : ids) {
    if (id < 0 || id >= vocabSize() || (skipSpecial && isSpecial(id)))
      continue;
    std::string_view piece = impl->pieces[id];
    if (std::exchange(atStart, false) && piece.starts_with(' '))
      piece.remove_prefix(1);
    bytes += piece;
  }
  return takeUtf8(bytes, /*final=*/true);
}

const std::string &Tokenizer::piece(int32_t id) const {
  assert(id >= 0 && id < vocabSize() && "not a token");
  return impl->pieces[id];
}

std::optional<int32_t> Tokenizer::find(std::string_view token) const {
  auto found = impl->idByToken.find(token);
  if (found == impl->idByToken.end())
    return std::nullopt;
  return found->second;
}

bool Tokenizer::isSpecial(int32_t id) const {
  assert(id >= 0 && id < vocabSize() && "not a token");
  TokenKind kind = impl->spec.kinds[id];
  return kind == TokenKind::control || kind == TokenKind::unknown;
}

bool Tokenizer::hasDummyPrefix() const {
  return impl->sentencePiece && impl->spec.addPrefixSpace;
}

int32_t Tokenizer::vocabSize() const {
  return static_cast<int32_t>(impl->pieces.size());
}

const TokenizerSpec &Tokenizer::spec() const { return impl->spec; }

} // namespace quipu
