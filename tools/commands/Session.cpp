//===- Session.cpp - A model that is ready to answer ----------------------===//
//
// Opening joins the parts of the runtime; answering streams text as it becomes
// certain. Nothing here knows which command asks.
//
//===----------------------------------------------------------------------===//

#include "tools/commands/Session.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <random>
#include <sys/eventfd.h>
#include <unistd.h>

using namespace quipu;

static std::atomic<bool> interrupted{false};
static std::atomic<int> interruptEvent{-1};
static_assert(std::atomic<bool>::is_always_lock_free && // set by a handler
              std::atomic<int>::is_always_lock_free);

InterruptFlag::InterruptFlag() {
  if (interruptEvent < 0)
    interruptEvent = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  clear();
  struct sigaction action = {};
  action.sa_handler = [](int) {
    if (interrupted.exchange(true))
      _exit(130);
    uint64_t one = 1;
    int before = errno;
    (void)!::write(interruptEvent, &one, sizeof one);
    errno = before;
  };
  sigaction(SIGINT, &action, nullptr);
}

InterruptFlag::~InterruptFlag() { std::signal(SIGINT, SIG_DFL); }
const std::atomic<bool> &InterruptFlag::raised() { return interrupted; }
int InterruptFlag::event() { return interruptEvent; }

void InterruptFlag::clear() {
  uint64_t count;
  (void)!::read(interruptEvent, &count, sizeof count); // back to none
  interrupted = false;
}

void quipu::addSessionOptions(CLI::App &app, const CommandHost &host,
                              SessionOptions &options) {
  addModelOptions(app, host, options.load);
  app.add_option("-n,--predict,--max-new-tokens", options.maxTokens,
                 "most tokens to write; -1: until the context is full")
      ->type_name("N");
  app.add_option("-c,--ctx-size", options.context,
                 "context in tokens; 0: the model's, or what fits in memory")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  app.add_option("-t,--threads", options.threads,
                 "threads; 0: as many as this process may use")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  addDeviceOption(app, options.load);
  app.add_option("--random-weights", options.randomWeights,
                 "fill the weights with random numbers from this seed, for a "
                 "config that has none")
      ->type_name("SEED");
  app.add_option("--chat-template", options.chatTemplate,
                 "chat format, in place of the one that the model asks for")
      ->type_name("NAME");
  app.add_option("--system", options.system, "system message of the chat")
      ->type_name("TEXT");
  app.add_option("--stop", options.stopStrings,
                 "end the answer before this text; may be repeated")
      ->type_name("TEXT")
      ->check([](const std::string &text) {
        return std::string(text.empty() ? "expected a text" : "");
      });
  const char *group = "Sampling";
  auto sampling = [&](const char *names, auto &value, const char *help,
                      const char *type) {
    app.add_option(names, value, help)->type_name(type)->group(group);
  };
  sampling("--temp,--temperature", options.temperature,
           "0 takes the most likely token; default 0.8", "X");
  sampling("--top-k", options.topK, "default 40; 0: all", "N");
  sampling("--top-p", options.topP, "default 0.95; 1: all", "X");
  sampling("--min-p", options.minP, "default 0.05; 0: all", "X");
  sampling("--repeat-penalty,--repetition-penalty", options.repetitionPenalty,
           "default 1: none", "X");
  sampling("--repeat-last-n", options.penaltyLast,
           "tokens that the penalty sees; default 64; -1: all", "N");
  sampling("--seed,-s", options.seed, "default: another each time", "N");
  app.add_option("--compat", options.compat,
                 "order of the samplers: llama.cpp (default) or hf")
      ->type_name("NAME")
      ->check(CLI::IsMember({"llama.cpp", "hf"}))
      ->group(group);
}

/// The sampler: the command line before the model's defaults before ours.
static SamplerOptions chooseSampler(const SessionOptions &options,
                                    const GenerationDefaults &defaults) {
  SamplerOptions sampler;
  sampler.temperature = options.temperature.value_or(
      defaults.temperature.value_or(sampler.temperature));
  sampler.topK = options.topK.value_or(defaults.topK.value_or(sampler.topK));
  sampler.topP = options.topP.value_or(defaults.topP.value_or(sampler.topP));
  sampler.minP = options.minP.value_or(defaults.minP.value_or(sampler.minP));
  sampler.repetitionPenalty = options.repetitionPenalty.value_or(
      defaults.repetitionPenalty.value_or(sampler.repetitionPenalty));
  sampler.penaltyLast = options.penaltyLast.value_or(sampler.penaltyLast);
  sampler.seed = options.seed ? *options.seed : std::random_device{}();
  if (options.compat == "hf")
    sampler.compat = SamplerCompat::huggingFace;
  return sampler;
}

/// `model` is what the user named: a package may come from the cache.
static Result<Tokenizer> openTokenizer(const Package &package,
                                       const std::string &model) {
  if (package.tokenizer.empty())
    return Error{(model.empty() ? package.path : model) +
                 ": has no tokenizer, so it cannot read or write text"};
  Result<TokenizerSpec> spec = deserializeTokenizer(package.tokenizer);
  if (!spec)
    return spec.error();
  return Tokenizer::create(std::move(*spec));
}

Result<Session> Session::open(const CommandHost &host,
                              const SessionOptions &options) {
  Result<std::shared_ptr<const Package>> package = host.load(options.load);
  if (!package)
    return package.error();
  Result<Tokenizer> tokenizer = openTokenizer(**package, options.load.model);
  if (!tokenizer)
    return tokenizer.error();

  GenerationOptions generation;
  generation.sampler = chooseSampler(options, (*package)->generation);
  generation.maxTokens = options.maxTokens;
  generation.stopIds = (*package)->generation.endOfSequenceIds;
  if (generation.stopIds.empty() && tokenizer->eosId() >= 0)
    generation.stopIds.push_back(tokenizer->eosId());
  if (Result<void> checked = check(generation.sampler); !checked)
    return checked.error();

  EngineOptions engineOptions;
  engineOptions.device = options.load.device;
  engineOptions.cpuTarget = options.load.cpuTarget;
  engineOptions.threads = options.threads;
  engineOptions.context = options.context;
  engineOptions.randomWeights = options.randomWeights;
  engineOptions.loadProgress = progressLine("loading weights");
  Result<Engine> engine = Engine::create(*package, engineOptions);
  if (!engine)
    return engine.error();
  printDevice(*engine);
  Result<ChatTemplate> format =
      ChatTemplate::choose(options.chatTemplate, (*package)->chatTemplate);
  if (!format && !options.chatTemplate.empty())
    return format.error();
  return Session(std::move(*tokenizer), std::move(*engine), std::move(format),
                 std::move(generation), options.stopStrings);
}

Result<std::vector<int32_t>>
Session::encodeChat(const std::vector<ChatMessage> &messages) const {
  if (!format)
    return format.error();
  Result<std::vector<PromptPiece>> pieces =
      format->render(messages, ChatContext::of(tokenizer.spec()));
  if (!pieces)
    return pieces.error();
  return tokenizer.encode(*pieces, /*addSpecial=*/false);
}

GenerationOptions Session::generation(bool chatting) const {
  GenerationOptions options = defaults;
  if (chatting && format)
    for (int32_t id : format->stopIds(tokenizer))
      options.stopIds.push_back(id);
  return options;
}

StreamOptions Session::streaming(bool chatting) const {
  StreamOptions options;
  options.stopStrings = stopStrings;
  if (chatting && format)
    for (std::string &text : format->stopStrings(tokenizer))
      options.stopStrings.push_back(std::move(text));
  return options;
}

Result<Answer> quipu::answer(Session &session, Sequence &sequence,
                             std::span<const int32_t> prompt, bool chatting,
                             bool quiet) {
  StreamDecoder decoder(session.tokenizer, session.streaming(chatting));
  Answer answer;
  auto show = [&](const std::string &text) {
    answer.text += text;
    if (quiet || text.empty())
      return;
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  };
  GenerationOptions options = session.generation(chatting);
  options.cancelled = &InterruptFlag::raised();
  options.onToken = [&](int32_t token) {
    show(decoder.push(token));
    return !decoder.stopped();
  };
  Result<Generation> generation =
      generate(session.engine, sequence, prompt, options);
  show(decoder.flush());
  if (!generation) {
    if (!quiet && !answer.text.empty())
      std::printf("\n");
    return generation.error();
  }
  answer.generation = std::move(*generation);
  return answer;
}
