//===- PreTokenizer.cpp - Text into words, by patterns --------------------===//
//
// PCRE2 with Unicode properties, compiled to machine code where the library
// can. A match that outgrows the JIT's stack is repeated by the interpreter,
// which has the heap.
//
//===----------------------------------------------------------------------===//

#include "runtime/tokenizer/PreTokenizer.h"

#include "base/Utf8.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace quipu {

namespace {

struct FreeCode {
  void operator()(pcre2_code *code) const { pcre2_code_free(code); }
};
struct FreeMatch {
  void operator()(pcre2_match_data *data) const { pcre2_match_data_free(data); }
};
using MatchData = std::unique_ptr<pcre2_match_data, FreeMatch>;

std::string describe(int code) {
  unsigned char text[256];
  if (pcre2_get_error_message(code, text, sizeof(text)) < 0)
    return "error " + std::to_string(code);
  return reinterpret_cast<const char *>(text);
}

} // namespace

struct PreTokenizer::Pattern {
  std::string source;
  std::unique_ptr<pcre2_code, FreeCode> code;

  Result<void> split(std::string_view text, pcre2_match_data *data,
                     std::vector<std::string_view> &pieces) const;
};

PreTokenizer::PreTokenizer() = default;
PreTokenizer::PreTokenizer(PreTokenizer &&) noexcept = default;
PreTokenizer &PreTokenizer::operator=(PreTokenizer &&) noexcept = default;
PreTokenizer::~PreTokenizer() = default;

Result<PreTokenizer>
PreTokenizer::create(const std::vector<std::string> &patterns) {
  PreTokenizer result;
  for (const std::string &source : patterns) {
    int error = 0;
    size_t offset = 0;
    // \C would let a match end inside of a character.
    constexpr uint32_t options =
        PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C;
    pcre2_code *code =
        pcre2_compile(reinterpret_cast<PCRE2_SPTR>(source.data()),
                      source.size(), options, &error, &offset, nullptr);
    if (!code)
      return Error{"pre-tokenizer pattern '" + source + "' is wrong at byte " +
                   std::to_string(offset) + ": " + describe(error)};
    // Without a JIT for this machine the interpreter runs the pattern.
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    result.patterns.push_back(Pattern{source, {code, FreeCode()}});
  }
  return result;
}

Result<void>
PreTokenizer::Pattern::split(std::string_view text, pcre2_match_data *data,
                             std::vector<std::string_view> &pieces) const {
  auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  size_t begin = 0; // of the piece that is not finished yet
  auto cut = [&](size_t end) {
    if (end > begin)
      pieces.push_back(text.substr(begin, end - begin));
    begin = end;
  };
  for (size_t from = 0; from < text.size();) {
    // The text was checked as a whole; a check per match is quadratic.
    int count = pcre2_match(code.get(), subject, text.size(), from,
                            PCRE2_NO_UTF_CHECK, data, nullptr);
    if (count == PCRE2_ERROR_JIT_STACKLIMIT)
      count = pcre2_match(code.get(), subject, text.size(), from,
                          PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data, nullptr);
    if (count == PCRE2_ERROR_NOMATCH)
      break;
    if (count < 0)
      return Error{"pre-tokenizer pattern '" + source + "' failed at byte " +
                   std::to_string(from) + " of the text: " + describe(count)};
    const size_t *match = pcre2_get_ovector_pointer(data);
    cut(match[0]);
    cut(match[1]);
    from = match[1];
    if (match[0] == match[1] && from < text.size())
      from += firstUtf8Unit(text.substr(from)).length;
  }
  cut(text.size());
  return {};
}

Result<std::vector<std::string_view>>
PreTokenizer::split(std::string_view text) const {
  std::vector<std::string_view> pieces;
  if (!text.empty())
    pieces.push_back(text);
  for (const Pattern &pattern : patterns) {
    MatchData data(
        pcre2_match_data_create_from_pattern(pattern.code.get(), nullptr));
    if (!data)
      return Error{"out of memory for the pre-tokenizer"};
    std::vector<std::string_view> finer;
    finer.reserve(pieces.size());
    for (std::string_view piece : pieces) {
      Result<void> done = pattern.split(piece, data.get(), finer);
      if (!done)
        return done.error();
    }
    pieces = std::move(finer);
  }
  return pieces;
}

} // namespace quipu
