//===- TokenizerSpec.cpp - A tokenizer as data ----------------------------===//
//
// The stored form: "QTOK", a version byte, then the fields of TokenizerSpec in
// the order of their declaration. Integers are LEB128, signed ids are stored
// plus one, floats are little-endian, strings and lists carry their length.
//
//===----------------------------------------------------------------------===//

#include "runtime/tokenizer/TokenizerSpec.h"

#include <bit>
#include <cmath>
#include <limits>
#include <string_view>

namespace quipu {

namespace {

constexpr std::string_view kMagic = "QTOK";
constexpr uint8_t kVersion = 2;

class Writer {
public:
  std::string bytes;

  void integer(uint64_t value) {
    for (; value >= 0x80; value >>= 7)
      bytes += static_cast<char>(value | 0x80);
    bytes += static_cast<char>(value);
  }
  void id(int32_t value) { integer(uint64_t(int64_t(value) + 1)); }
  void boolean(bool value) { integer(value ? 1 : 0); }
  void real(float value) {
    auto bits = std::bit_cast<uint32_t>(value);
    for (int shift = 0; shift < 32; shift += 8)
      bytes += static_cast<char>(bits >> shift & 0xff);
  }
  void string(std::string_view value) {
    integer(value.size());
    bytes += value;
  }
};

/// Reads what Writer wrote. After the first failure every read gives zero or
/// nothing, and `failure` says what was wrong.
class Reader {
public:
  explicit Reader(std::string_view bytes) : rest(bytes), size(bytes.size()) {}

  std::string failure;

  uint64_t integer(const char *field) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest.empty())
        return fail(field, "the data ends");
      auto byte = static_cast<uint8_t>(rest.front());
      rest.remove_prefix(1);
      if (shift == 63 && byte > 1)
        break;
      value |= uint64_t(byte & 0x7f) << shift;
      if (byte < 0x80)
        return value;
    }
    return fail(field, "found an integer of more than 64 bits");
  }
  uint64_t below(uint64_t limit, const char *field) {
    uint64_t value = integer(field);
    if (value >= limit)
      return fail(field, "found " + std::to_string(value) +
                             ", expected less than " + std::to_string(limit));
    return value;
  }
  int32_t id(const char *field) {
    return int32_t(int64_t(below(uint64_t(1) << 31, field)) - 1);
  }
  bool boolean(const char *field) { return below(2, field) != 0; }
  /// A number of items that take at least `itemBytes` each.
  size_t count(size_t itemBytes, const char *field) {
    uint64_t value = integer(field);
    if (value > rest.size() / itemBytes)
      return fail(field, "found a count of " + std::to_string(value) +
                             ", but only " + std::to_string(rest.size()) +
                             " bytes follow");
    return size_t(value);
  }
  float real(const char *field) {
    uint32_t bits = 0;
    if (rest.size() < 4)
      return float(fail(field, "the data ends"));
    for (int at = 3; at >= 0; --at)
      bits = bits << 8 | static_cast<uint8_t>(rest[at]);
    rest.remove_prefix(4);
    return std::bit_cast<float>(bits);
  }
  std::string string(const char *field) {
    size_t length = count(1, field);
    std::string value(rest.substr(0, length));
    rest.remove_prefix(length);
    return value;
  }
  void end() {
    if (!rest.empty())
      fail("end", "found " + std::to_string(rest.size()) + " extra bytes");
  }

private:
  uint64_t fail(const char *field, const std::string &what) {
    if (failure.empty())
      failure = "tokenizer data: " + std::string(field) + " at byte " +
                std::to_string(size - rest.size()) + ": " + what;
    rest = {};
    return 0;
  }

  std::string_view rest;
  size_t size;
};

TokenizerSpec read(Reader &reader) {
  TokenizerSpec spec;
  spec.model = static_cast<TokenizerSpec::Model>(reader.below(2, "model"));
  spec.tokens.resize(reader.count(1, "tokens"));
  for (std::string &token : spec.tokens)
    token = reader.string("token");
  spec.kinds.resize(reader.count(1, "kinds"));
  for (TokenKind &kind : spec.kinds)
    kind = static_cast<TokenKind>(reader.below(256, "kind"));
  spec.scores.resize(reader.count(4, "scores"));
  for (float &score : spec.scores)
    score = reader.real("score");
  spec.merges.resize(reader.count(2, "merges"));
  for (auto &[left, right] : spec.merges) {
    left = reader.string("merge");
    right = reader.string("merge");
  }
  spec.splitPatterns.resize(reader.count(1, "split patterns"));
  for (std::string &pattern : spec.splitPatterns)
    pattern = reader.string("split pattern");
  spec.addPrefixSpace = reader.boolean("addPrefixSpace");
  spec.prefixUnlessSpace = reader.boolean("prefixUnlessSpace");
  spec.prefixFirstOnly = reader.boolean("prefixFirstOnly");
  spec.ignoreMerges = reader.boolean("ignoreMerges");
  spec.sentencePieceModel = reader.string("SentencePiece model");
  spec.bosId = reader.id("bos id");
  spec.eosId = reader.id("eos id");
  spec.unknownId = reader.id("unknown id");
  spec.addBos = reader.boolean("addBos");
  spec.addEos = reader.boolean("addEos");
  spec.chatTemplate = reader.string("chat template");
  reader.end();
  return spec;
}

Error mismatch(const std::string &field, size_t found, size_t expected) {
  return Error{"tokenizer: " + field + ": found " + std::to_string(found) +
               ", expected " + std::to_string(expected)};
}

Result<void> checkIds(const TokenizerSpec &spec) {
  auto known = [&](int32_t id) {
    return id >= -1 && id < int64_t(spec.tokens.size());
  };
  const std::pair<const char *, int32_t> ids[] = {
      {"bos", spec.bosId}, {"eos", spec.eosId}, {"unknown", spec.unknownId}};
  for (auto [name, id] : ids)
    if (!known(id))
      return Error{"tokenizer: " + std::string(name) + " id: found " +
                   std::to_string(id) + ", expected an id below " +
                   std::to_string(spec.tokens.size())};
  if (spec.addBos && spec.bosId < 0)
    return Error{"tokenizer: adds a bos token, but names none"};
  if (spec.addEos && spec.eosId < 0)
    return Error{"tokenizer: adds an eos token, but names none"};
  return {};
}

} // namespace

Result<void> check(const TokenizerSpec &spec) {
  if (spec.tokens.size() > size_t(std::numeric_limits<int32_t>::max()))
    return Error{"tokenizer: too many tokens"};
  if (spec.tokens.empty())
    return Error{"tokenizer: found no tokens"};
  if (spec.kinds.size() != spec.tokens.size())
    return mismatch("token kinds", spec.kinds.size(), spec.tokens.size());
  for (TokenKind kind : spec.kinds)
    if (kind < TokenKind::normal || kind > TokenKind::byte)
      return Error{"tokenizer: found token kind " +
                   std::to_string(unsigned(kind)) + ", expected 1 to 6"};
  if (spec.model == TokenizerSpec::Model::sentencePiece &&
      spec.sentencePieceModel.empty() &&
      spec.scores.size() != spec.tokens.size())
    return mismatch("token scores", spec.scores.size(), spec.tokens.size());
  for (float score : spec.scores)
    if (!std::isfinite(score))
      return Error{"tokenizer: found a token score that is not finite"};
  return checkIds(spec);
}

std::string serialize(const TokenizerSpec &spec) {
  Writer writer;
  writer.bytes = kMagic;
  writer.bytes += static_cast<char>(kVersion);
  writer.integer(static_cast<uint64_t>(spec.model));
  writer.integer(spec.tokens.size());
  for (const std::string &token : spec.tokens)
    writer.string(token);
  writer.integer(spec.kinds.size());
  for (TokenKind kind : spec.kinds)
    writer.integer(static_cast<uint64_t>(kind));
  writer.integer(spec.scores.size());
  for (float score : spec.scores)
    writer.real(score);
  writer.integer(spec.merges.size());
  for (const auto &[left, right] : spec.merges) {
    writer.string(left);
    writer.string(right);
  }
  writer.integer(spec.splitPatterns.size());
  for (const std::string &pattern : spec.splitPatterns)
    writer.string(pattern);
  writer.boolean(spec.addPrefixSpace);
  writer.boolean(spec.prefixUnlessSpace);
  writer.boolean(spec.prefixFirstOnly);
  writer.boolean(spec.ignoreMerges);
  writer.string(spec.sentencePieceModel);
  writer.id(spec.bosId);
  writer.id(spec.eosId);
  writer.id(spec.unknownId);
  writer.boolean(spec.addBos);
  writer.boolean(spec.addEos);
  writer.string(spec.chatTemplate);
  return writer.bytes;
}

Result<TokenizerSpec> deserializeTokenizer(std::span<const std::byte> bytes) {
  std::string_view text(reinterpret_cast<const char *>(bytes.data()),
                        bytes.size());
  if (!text.starts_with(kMagic))
    return Error{"tokenizer data: does not begin with QTOK"};
  text.remove_prefix(kMagic.size());
  if (text.empty() || static_cast<uint8_t>(text.front()) != kVersion)
    return Error{"tokenizer data: version: found " +
                 (text.empty() ? std::string("none")
                               : std::to_string(uint8_t(text.front()))) +
                 ", expected " + std::to_string(kVersion)};
  text.remove_prefix(1);
  Reader reader(text);
  TokenizerSpec spec = read(reader);
  if (!reader.failure.empty())
    return Error{reader.failure};
  if (Result<void> checked = check(spec); !checked)
    return checked.error();
  return spec;
}

} // namespace quipu
