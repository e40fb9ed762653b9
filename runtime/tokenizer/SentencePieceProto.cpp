//===- SentencePieceProto.cpp - SentencePiece model files -----------------===//
//
// A reader of protobuf's wire format (varint, 64-bit, length-delimited, 32-bit
// fields) that knows the few fields it wants and skips the others.
//
//===----------------------------------------------------------------------===//

#include "runtime/tokenizer/SentencePieceProto.h"

#include <bit>
#include <cmath>
#include <optional>

namespace quipu {

namespace {

/// One field of a message: a number (varint and 32-bit) or bytes.
struct Field {
  uint32_t number;
  uint32_t wireType;
  uint64_t value = 0;
  std::string_view bytes;

  bool is(uint32_t field, uint32_t type) const {
    return number == field && wireType == type;
  }
};

constexpr uint32_t kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5;

class WireReader {
public:
  explicit WireReader(std::string_view bytes) : rest(bytes) {}

  /// The next field; none at the end or where the bytes are no message.
  std::optional<Field> next() {
    if (rest.empty() || isMalformed)
      return std::nullopt;
    uint64_t tag = varint();
    Field field{uint32_t(tag >> 3), uint32_t(tag & 7), 0, {}};
    if (field.wireType == kVarint)
      field.value = varint();
    else if (field.wireType == kFixed64)
      field.value = fixed(8);
    else if (field.wireType == kFixed32)
      field.value = fixed(4);
    else if (field.wireType == kBytes)
      field.bytes = take(varint());
    else
      isMalformed = true;
    if (isMalformed || tag >> 3 == 0 || tag >> 32 != 0) {
      isMalformed = true;
      return std::nullopt;
    }
    return field;
  }

  bool malformed() const { return isMalformed; }

private:
  std::string_view take(uint64_t size) {
    if (size > rest.size()) {
      isMalformed = true;
      return {};
    }
    std::string_view taken = rest.substr(0, size);
    rest.remove_prefix(size);
    return taken;
  }
  uint64_t fixed(size_t size) {
    uint64_t value = 0;
    std::string_view taken = take(size);
    for (size_t at = taken.size(); at > 0; --at)
      value = value << 8 | uint8_t(taken[at - 1]);
    return value;
  }
  uint64_t varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      std::string_view byte = take(1);
      if (byte.empty())
        return 0;
      value |= uint64_t(byte[0] & 0x7f) << shift;
      if (!(byte[0] & 0x80))
        return value;
    }
    isMalformed = true;
    return 0;
  }

  std::string_view rest;
  bool isMalformed = false;
};

class WireWriter {
public:
  std::string bytes;

  void number(uint32_t field, int64_t value) {
    varint(field << 3 | kVarint);
    varint(static_cast<uint64_t>(value));
  }
  void real(uint32_t field, float value) {
    varint(field << 3 | kFixed32);
    auto bits = std::bit_cast<uint32_t>(value);
    for (int shift = 0; shift < 32; shift += 8)
      bytes += static_cast<char>(bits >> shift & 0xff);
  }
  void string(uint32_t field, std::string_view value) {
    varint(field << 3 | kBytes);
    varint(value.size());
    bytes += value;
  }

private:
  void varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7)
      bytes += static_cast<char>(value | 0x80);
    bytes += static_cast<char>(value);
  }
};

/// Both return what is wrong; empty: nothing.
std::string readPiece(std::string_view bytes, SentencePieceProto &proto) {
  SentencePieceProto::Piece piece;
  WireReader reader(bytes);
  while (std::optional<Field> field = reader.next()) {
    if (field->is(1, kBytes))
      piece.text = field->bytes;
    else if (field->is(2, kFixed32))
      piece.score = std::bit_cast<float>(uint32_t(field->value));
    else if (field->is(3, kVarint)) {
      if (field->value < 1 || field->value > 6)
        return "type " + std::to_string(field->value) + ", expected 1 to 6";
      piece.kind = static_cast<TokenKind>(field->value);
    }
  }
  if (reader.malformed())
    return "cut off";
  if (!std::isfinite(piece.score))
    return "a score that is not finite";
  proto.pieces.push_back(std::move(piece));
  return {};
}

std::string readTrainer(std::string_view bytes, SentencePieceProto &proto) {
  WireReader reader(bytes);
  while (std::optional<Field> field = reader.next()) {
    if (field->wireType != kVarint)
      continue;
    auto id = static_cast<int32_t>(field->value);
    if (field->number == 3) {
      if (field->value < 1 || field->value > 4)
        return "model_type " + std::to_string(field->value) +
               ", expected 1 to 4";
      proto.algorithm = SentencePieceProto::Algorithm(field->value);
    } else if (field->number == 24)
      proto.spaceAsSuffix = field->value != 0;
    else if (field->number == 35)
      proto.byteFallback = field->value != 0;
    else if (field->number == 40)
      proto.unknownId = id;
    else if (field->number == 41)
      proto.bosId = id;
    else if (field->number == 42)
      proto.eosId = id;
  }
  return reader.malformed() ? "cut off" : "";
}

std::string readNormalizer(std::string_view bytes, SentencePieceProto &proto) {
  WireReader reader(bytes);
  while (std::optional<Field> field = reader.next()) {
    if (field->is(2, kBytes) && !field->bytes.empty())
      return "rules, which are not supported (only the identity is)";
    if (field->is(3, kVarint))
      proto.addDummyPrefix = field->value != 0;
    else if (field->is(4, kVarint))
      proto.removeExtraWhitespaces = field->value != 0;
    else if (field->is(5, kVarint))
      proto.escapeWhitespaces = field->value != 0;
  }
  return reader.malformed() ? "cut off" : "";
}

} // namespace

Result<SentencePieceProto> SentencePieceProto::parse(std::string_view bytes) {
  SentencePieceProto proto;
  SentencePieceProto ignored; // the rules of decoding
  WireReader reader(bytes);
  while (std::optional<Field> field = reader.next()) {
    std::string wrong;
    std::string part;
    if (field->is(1, kBytes)) {
      part = "piece " + std::to_string(proto.pieces.size());
      wrong = readPiece(field->bytes, proto);
    } else if (field->is(2, kBytes)) {
      part = "trainer_spec";
      wrong = readTrainer(field->bytes, proto);
    } else if (field->is(3, kBytes)) {
      part = "normalizer_spec";
      wrong = readNormalizer(field->bytes, proto);
    } else if (field->is(5, kBytes)) {
      part = "denormalizer_spec";
      wrong = readNormalizer(field->bytes, ignored);
    }
    if (!wrong.empty())
      return Error{"SentencePiece model: " + part + ": found " + wrong};
  }
  if (reader.malformed() || proto.pieces.empty())
    return Error{"SentencePiece model: expected a serialized ModelProto with "
                 "pieces"};
  auto settle = [&](int32_t &id) {
    if (id < 0 || size_t(id) >= proto.pieces.size())
      id = -1;
  };
  settle(proto.unknownId);
  settle(proto.bosId);
  settle(proto.eosId);
  return proto;
}

SentencePieceProto SentencePieceProto::of(const TokenizerSpec &spec) {
  SentencePieceProto proto;
  // GGUF's "llama" tokenizers, and what tokenizer.json files of LLaMA-2 hold.
  proto.algorithm = Algorithm::bpe;
  proto.unknownId = spec.unknownId;
  proto.bosId = spec.bosId;
  proto.eosId = spec.eosId;
  proto.addDummyPrefix = spec.addPrefixSpace;
  proto.removeExtraWhitespaces = false;
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    Piece piece{spec.tokens[id], id < spec.scores.size() ? spec.scores[id] : 0,
                spec.kinds[id]};
    proto.byteFallback |= piece.kind == TokenKind::byte;
    proto.pieces.push_back(std::move(piece));
  }
  return proto;
}

std::string SentencePieceProto::serialize() const {
  WireWriter model;
  for (const Piece &piece : pieces) {
    WireWriter writer;
    writer.string(1, piece.text);
    writer.real(2, piece.score);
    writer.number(3, static_cast<int64_t>(piece.kind));
    model.string(1, writer.bytes);
  }
  WireWriter trainer;
  trainer.number(3, static_cast<int64_t>(algorithm));
  trainer.number(4, static_cast<int64_t>(pieces.size()));
  trainer.number(24, spaceAsSuffix);
  trainer.number(35, byteFallback);
  trainer.number(40, unknownId);
  trainer.number(41, bosId);
  trainer.number(42, eosId);
  model.string(2, trainer.bytes);
  WireWriter normalizer;
  normalizer.string(1, "identity");
  normalizer.number(3, addDummyPrefix);
  normalizer.number(4, removeExtraWhitespaces);
  normalizer.number(5, escapeWhitespaces);
  model.string(3, normalizer.bytes);
  return model.bytes;
}

Result<TokenizerSpec> readSentencePieceModel(std::string bytes) {
  Result<SentencePieceProto> proto = SentencePieceProto::parse(bytes);
  if (!proto)
    return proto.error();
  TokenizerSpec spec;
  spec.model = TokenizerSpec::Model::sentencePiece;
  for (SentencePieceProto::Piece &piece : proto->pieces) {
    spec.tokens.push_back(std::move(piece.text));
    spec.scores.push_back(piece.score);
    spec.kinds.push_back(piece.kind);
  }
  spec.addPrefixSpace = proto->addDummyPrefix;
  spec.sentencePieceModel = std::move(bytes);
  spec.unknownId = proto->unknownId;
  spec.bosId = proto->bosId;
  spec.eosId = proto->eosId;
  spec.addBos = spec.bosId >= 0;
  return spec;
}

} // namespace quipu
