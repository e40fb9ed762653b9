//===- TokenizerJsonFuzzer.cpp - Random bytes as a tokenizer --------------===//
//
// The same bytes as tokenizer.json, as tokenizer.model and as the stored form.
// What reads must survive being made into a tokenizer and used.
//
//===----------------------------------------------------------------------===//

#include "frontends/huggingface/TokenizerJson.h"
#include "runtime/tokenizer/SentencePieceProto.h"
#include "runtime/tokenizer/StreamDecoder.h"

#include <cstdlib>

using namespace quipu;

namespace {

void use(const TokenizerSpec &spec) {
  std::string stored = serialize(spec);
  Result<TokenizerSpec> again =
      deserializeTokenizer(std::as_bytes(std::span(stored)));
  if (!again || serialize(*again) != stored)
    std::abort(); // what is read can be kept
  Result<Tokenizer> tokenizer = Tokenizer::create(spec);
  if (!tokenizer)
    return;
  constexpr std::string_view text =
      "a b  \u00e9\n1 <s> \u2581\U0001f600 can't</s>";
  for (bool parse : {false, true}) {
    Result<std::vector<int32_t>> ids = tokenizer->encode(text, {true, parse});
    if (!ids)
      continue;
    StreamDecoder stream(*tokenizer, {{}, /*skipSpecial=*/false});
    std::string streamed;
    for (int32_t id : *ids) {
      if (id < 0 || id >= tokenizer->vocabSize())
        std::abort();
      streamed += stream.push(id);
    }
    streamed += stream.flush();
    if (streamed != tokenizer->decode(*ids, /*skipSpecial=*/false))
      std::abort(); // a stream gives the whole
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char *>(data), size);
  if (Result<nlohmann::json> json = parseJson(bytes, "t")) {
    Result<TokenizerSpec> spec = parseTokenizerJson(*json, "t");
    if (spec)
      use(*spec);
    else if (spec.error().message.rfind("t: ", 0) != 0)
      std::abort(); // a message names its file
  }
  if (Result<TokenizerSpec> spec = readSentencePieceModel(std::string(bytes)))
    use(*spec);
  if (Result<TokenizerSpec> spec =
          deserializeTokenizer(std::as_bytes(std::span(bytes))))
    use(*spec);
  return 0;
}
