//===- Words.cpp - The modifiers of PTX instructions ----------------------===//
//
// What each word behind an instruction's name sets; which words an instruction
// takes is said in Forms.cpp.
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/ptx/Forms.h"

using namespace quipu::ptx;
using Field = Word::Field;

namespace {

template <typename Enum>
constexpr Word word(Field field, std::string_view text, Enum value) {
  return {field, text, uint8_t(value)};
}
constexpr Word rounding(std::string_view text, Rounding value) {
  return word(Field::rounding, text, value);
}
constexpr Word compare(std::string_view text, Compare value) {
  return word(Field::compare, text, value);
}
constexpr Word mode(std::string_view text, Mode value) {
  return word(Field::mode, text, value);
}
constexpr Word mode2(std::string_view text, Mode value) {
  return word(Field::mode2, text, value);
}
constexpr Word cache(std::string_view text, CacheOp value) {
  return word(Field::cache, text, value);
}
constexpr Word semantics(std::string_view text, Semantics value) {
  return word(Field::semantics, text, value);
}
constexpr Word scope(std::string_view text, Scope value) {
  return word(Field::scope, text, value);
}
constexpr Word shape(std::string_view text, Shape value) {
  return word(Field::shape, text, value);
}
constexpr Word space(std::string_view text, Space value) {
  return word(Field::space, text, value);
}
constexpr Word space2(std::string_view text, Space value) {
  return word(Field::space2, text, value);
}
constexpr Word vector(std::string_view text, int value) {
  return word(Field::vector, text, value);
}
constexpr Word flag(std::string_view text, Flag value) {
  return word(Field::flag, text, value);
}
constexpr Word ignored(std::string_view text) {
  return word(Field::ignored, text, 0);
}

// clang-format off
constexpr Word allWords[] = {
    rounding("rn", Rounding::rn), rounding("rz", Rounding::rz),
    rounding("rm", Rounding::rm), rounding("rp", Rounding::rp),
    rounding("rna", Rounding::rna),
    rounding("rni", Rounding::rni), rounding("rzi", Rounding::rzi),
    rounding("rmi", Rounding::rmi), rounding("rpi", Rounding::rpi),

    compare("eq", Compare::eq), compare("ne", Compare::ne),
    compare("lt", Compare::lt), compare("le", Compare::le),
    compare("gt", Compare::gt), compare("ge", Compare::ge),
    compare("lo", Compare::lo), compare("ls", Compare::ls),
    compare("hi", Compare::hi), compare("hs", Compare::hs),
    compare("equ", Compare::equ), compare("neu", Compare::neu),
    compare("ltu", Compare::ltu), compare("leu", Compare::leu),
    compare("gtu", Compare::gtu), compare("geu", Compare::geu),
    compare("num", Compare::num), compare("nan", Compare::nan),

    mode("lo", Mode::lo), mode("hi", Mode::hi), mode("wide", Mode::wide),
    mode("l", Mode::left), mode("r", Mode::right),
    mode2("wrap", Mode::wrap), mode2("clamp", Mode::clamp),
    mode("up", Mode::up), mode("down", Mode::down),
    mode("bfly", Mode::bfly), mode("idx", Mode::idx),
    mode("all", Mode::all), mode("any", Mode::any),
    mode("uni", Mode::uni), mode("ballot", Mode::ballot),
    mode("and", Mode::bitAnd), mode("or", Mode::bitOr),
    mode("xor", Mode::bitXor),
    mode2("and", Mode::bitAnd), mode2("or", Mode::bitOr),
    mode2("xor", Mode::bitXor),
    mode("add", Mode::add), mode("exch", Mode::exch), mode("cas", Mode::cas),
    mode("min", Mode::min), mode("max", Mode::max),
    mode("inc", Mode::inc), mode("dec", Mode::dec), mode("popc", Mode::popc),
    mode("f4e", Mode::f4e), mode("b4e", Mode::b4e), mode("rc8", Mode::rc8),
    mode("ecl", Mode::ecl), mode("ecr", Mode::ecr), mode("rc16", Mode::rc16),
    mode("finite", Mode::finite), mode("infinite", Mode::infinite),
    mode("number", Mode::number), mode("notanumber", Mode::notanumber),
    mode("normal", Mode::normal), mode("subnormal", Mode::subnormal),
    mode("shiftamt", Mode::shiftamt),
    mode("async", Mode::async), mode("alias", Mode::alias),
    mode("row", Mode::rowMajor), mode("col", Mode::columnMajor),
    mode2("row", Mode::rowMajor), mode2("col", Mode::columnMajor),

    cache("ca", CacheOp::ca), cache("cg", CacheOp::cg),
    cache("cs", CacheOp::cs), cache("lu", CacheOp::lu),
    cache("cv", CacheOp::cv), cache("wb", CacheOp::wb),
    cache("wt", CacheOp::wt),

    semantics("weak", Semantics::weak),
    semantics("relaxed", Semantics::relaxed),
    semantics("acquire", Semantics::acquire),
    semantics("release", Semantics::release),
    semantics("acq_rel", Semantics::acqRel), semantics("sc", Semantics::sc),
    semantics("volatile", Semantics::isVolatile),
    semantics("mmio", Semantics::mmio),

    scope("cta", Scope::cta), scope("cluster", Scope::cluster),
    scope("gpu", Scope::gpu), scope("gl", Scope::gpu),
    scope("sys", Scope::sys),

    shape("m8n8", Shape::m8n8), shape("m16n8k4", Shape::m16n8k4),
    shape("m16n8k8", Shape::m16n8k8), shape("m16n8k16", Shape::m16n8k16),
    shape("m16n8k32", Shape::m16n8k32), shape("m16n16k16", Shape::m16n16k16),

    space("global", Space::global), space("shared", Space::shared),
    space("shared::cta", Space::shared),
    space("shared::cluster", Space::sharedCluster),
    space("local", Space::local), space("param", Space::param),
    space("const", Space::constant),
    space2("global", Space::global), space2("shared::cta", Space::shared),

    vector("v2", 2), vector("v4", 4), vector("v8", 8),
    vector("x1", 1), vector("x2", 2), vector("x4", 4),

    flag("ftz", Flag::ftz), flag("sat", Flag::sat),
    flag("satfinite", Flag::sat), flag("approx", Flag::approx),
    flag("full", Flag::full), flag("uni", Flag::uniform),
    flag("cc", Flag::carryOut), flag("to", Flag::to),
    flag("trans", Flag::trans), flag("nc", Flag::nonCoherent),
    flag("NaN", Flag::nan), flag("relu", Flag::relu),
    flag("parity", Flag::parity), flag("noinc", Flag::noinc),
    flag("read", Flag::read), flag("aligned", Flag::aligned),

    ignored("sync"), ignored("noftz"),
    {Field::policy, "L2::cache_hint", 0},
};
// clang-format on

} // namespace

std::span<const Word> quipu::ptx::words() { return allWords; }
