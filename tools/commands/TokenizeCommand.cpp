//===- TokenizeCommand.cpp - quipu tokenize: text to token ids ------------===//
//
// Reads the tokenizer alone: nothing is compiled and no weight is touched.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/Command.h"

#include "base/MappedFile.h"
#include "frontends/OpenModel.h"
#include "frontends/TokenizerSource.h"
#include "runtime/package/PackageReader.h"
#include "runtime/tokenizer/Tokenizer.h"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <filesystem>

using namespace quipu;

namespace {

struct TokenizeOptions {
  std::string model;
  std::string text;
  std::string file;
  bool ids = false;
  bool json = false;
  bool parseSpecial = false;
  bool noBos = false;
};

} // namespace

static Result<TokenizerSpec> readTokenizer(const std::string &path) {
  std::error_code error;
  if (std::filesystem::is_regular_file(path, error)) {
    Result<MappedFile> file = MappedFile::open(path);
    if (!file)
      return file.error();
    if (endsAsPackage(file->bytes())) {
      Result<std::shared_ptr<const Package>> package = readPackage(path);
      if (!package)
        return package.error();
      return deserializeTokenizer((*package)->tokenizer);
    }
  }
  if (isTokenizer(path)) {
    Result<TokenizerSource> source = openTokenizer(path);
    if (!source)
      return source.error();
    return std::move(source->spec);
  }
  Result<Model> model = openModel(path);
  if (!model)
    return model.error();
  if (!model->tokenizer)
    return Error{path + ": has no tokenizer"};
  return std::move(*model->tokenizer);
}

static Result<std::string> chooseText(const TokenizeOptions &options) {
  if (options.file.empty() && !options.text.empty())
    return options.text;
  return readText(options.file.empty() ? "-" : options.file);
}

static void print(const Tokenizer &tokenizer, const TokenizeOptions &options,
                  const std::vector<int32_t> &ids) {
  if (options.json) {
    nlohmann::ordered_json json = {{"count", ids.size()}, {"ids", ids}};
    print(json);
    return;
  }
  if (options.ids) {
    for (size_t i = 0; i < ids.size(); ++i)
      std::printf("%s%d", i ? " " : "", ids[i]);
    std::printf("\n");
    return;
  }
  for (int32_t id : ids) {
    // As a JSON string, so that blanks and control characters can be seen.
    std::string text =
        nlohmann::json(tokenizer.piece(id))
            .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    std::printf("%6d  %s\n", id, text.c_str());
  }
  std::fprintf(stderr, "%zu tokens\n", ids.size());
}

static int tokenize(const TokenizeOptions &options) {
  Result<TokenizerSpec> spec = readTokenizer(options.model);
  if (!spec)
    return fail(spec.error());
  Result<Tokenizer> tokenizer = Tokenizer::create(std::move(*spec));
  if (!tokenizer)
    return fail(tokenizer.error());
  Result<std::string> text = chooseText(options);
  if (!text)
    return fail(text.error());
  EncodeOptions encoding;
  encoding.addSpecial = !options.noBos;
  encoding.parseSpecial = options.parseSpecial;
  Result<std::vector<int32_t>> ids = tokenizer->encode(*text, encoding);
  if (!ids)
    return fail(ids.error());
  print(*tokenizer, options, *ids);
  return 0;
}

void quipu::addTokenizeCommand(CLI::App &app, CommandHost &host) {
  CLI::App *command =
      app.add_subcommand("tokenize", "show how a text becomes tokens");
  auto options = std::make_shared<TokenizeOptions>();
  command
      ->add_option("MODEL,-m,--model", options->model,
                   "a model or package, or a folder or file of a tokenizer")
      ->required()
      ->type_name("MODEL");
  command->add_option("-p,--prompt", options->text, "the text")
      ->type_name("TEXT");
  command
      ->add_option("-f,--file", options->file,
                   "file with the text; - or nothing: standard input")
      ->type_name("FILE");
  command->add_flag("--ids", options->ids, "print ids alone, on one line");
  command->add_flag("--json", options->json, "print one JSON object");
  command->add_flag("--parse-special", options->parseSpecial,
                    "control tokens spelled out in the text become tokens");
  command->add_flag("--no-bos", options->noBos,
                    "leave out the tokens that begin and end a text");
  command->callback([options, &host] { host.status = tokenize(*options); });
}
