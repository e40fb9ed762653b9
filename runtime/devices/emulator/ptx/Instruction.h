//===- Instruction.h - One decoded PTX instruction --------------*- C++ -*-===//
//
// An instruction as an executor wants it: small enums and operands at fixed
// places, no text. Terms and meanings are those of NVIDIA's PTX ISA manual.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_INSTRUCTION_H
#define QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_INSTRUCTION_H

#include <array>
#include <cstdint>

namespace quipu::ptx {

/// What an instruction takes its operands to be. `f16x2` and `bf16x2` are two
/// numbers in 32 bits, the first in the lower half; `e4m3x2` and `e5m2x2` are
/// two in 16 bits.
enum class Type : uint8_t {
  none,
  pred,
  // clang-format off
  b8, b16, b32, b64, b128,
  u8, u16, u32, u64,
  s8, s16, s32, s64,
  f16, f16x2, bf16, bf16x2, tf32, f32, f64,
  e4m3x2, e5m2x2,
  // clang-format on
};

/// Bits of one element: 1 for pred, 32 for f16x2 and tf32.
unsigned bits(Type type);
inline bool isFloat(Type type) {
  return type >= Type::f16 && type <= Type::e5m2x2;
}
inline bool isSigned(Type type) {
  return type >= Type::s8 && type <= Type::s64;
}

/// One per mnemonic; a dotted part is in the opcode where it changes which
/// operands there are (cp.async.wait_group), and in a field where it only
/// chooses what is done (mul.hi).
enum class Opcode : uint8_t {
  // clang-format off
  // Integers, and floats where the type says so. addc, subc and madc read the
  // carry that an instruction with `carryOut` left.
  add, addc, sub, subc, mul, mad, madc, mul24, mad24, sad, div, rem,
  abs, neg, min, max, fma, copysign, testp,
  popc, clz, brev, bfind, fns, bfe, bfi, bmsk, szext, dp4a, dp2a,
  rcp, sqrt, rsqrt, sin, cos, lg2, ex2, tanh,
  // Comparison and choice.
  set, setp, selp, slct,
  // Bits. `and` is a keyword in C++.
  bitAnd, bitOr, bitXor, bitNot, cnot, lop3, shf, shl, shr, prmt,
  // Movement. movPack: register <- {vector}; movUnpack: {vector} <- register,
  // where the elements' bits are side by side, the first lowest.
  mov, movPack, movUnpack, cvt, cvta, isspacep, mapa,
  ld, st, prefetch, createpolicy,
  cpAsync, cpAsyncCommitGroup, cpAsyncWaitGroup, cpAsyncWaitAll,
  cpAsyncMbarrierArrive,
  cpAsyncBulk, cpAsyncBulkCommitGroup, cpAsyncBulkWaitGroup,
  cpAsyncBulkPrefetch,
  // Matrices.
  ldmatrix, stmatrix, movmatrix, mma,
  wmmaLoadA, wmmaLoadB, wmmaLoadC, wmmaStoreD, wmmaMma,
  // Between lanes.
  shfl, vote, match, activemask, redux, elect,
  // Between threads.
  barSync, barArrive, barRed, barWarpSync,
  clusterArrive, clusterWait,
  fence, fenceProxy, fenceMbarrierInit, membar,
  atom, red,
  mbarrierInit, mbarrierInval, mbarrierExpectTx, mbarrierCompleteTx,
  mbarrierArrive, mbarrierArriveExpectTx, mbarrierArriveDrop,
  mbarrierTestWait, mbarrierTryWait, mbarrierPendingCount,
  griddepLaunchDependents, griddepWait, setmaxnreg,
  // Control. `exit` also ends every entry's instructions; `ret` of an entry is
  // read as exit.
  bra, brx, call, ret, exit, trap, brkpt, nanosleep,
  assertFail, // a call of __assertfail
  // clang-format on
};

/// State spaces; `generic` where the instruction names none.
enum class Space : uint8_t {
  generic,
  global,
  shared,        // .shared, .shared::cta
  sharedCluster, // .shared::cluster
  local,
  param,
  constant,
};

enum class Rounding : uint8_t {
  none, // the instruction's default: rn for floats, none needed otherwise
  rn,
  rz,
  rm,
  rp,
  rna,
  rni, // rni to rpi: to an integral value
  rzi,
  rmi,
  rpi,
};

/// lo, ls, hi, hs compare unsigned; a `u` at the end accepts unordered floats.
enum class Compare : uint8_t {
  // clang-format off
  none, eq, ne, lt, le, gt, ge, lo, ls, hi, hs,
  equ, neu, ltu, leu, gtu, geu, num, nan,
  // clang-format on
};

/// The word that chooses among the things an instruction does.
enum class Mode : uint8_t {
  none,
  // clang-format off
  lo, hi, wide,                      // mul, mad, mul24, mad24; dp2a
  left, right, wrap, clamp,          // shf: mode left|right, mode2 wrap|clamp
  up, down, bfly, idx,               // shfl
  all, any, uni, ballot,             // vote, match
  bitAnd, bitOr, bitXor,             // atom, red, redux, barRed; setp: mode2
  add, exch, cas, min, max, inc, dec, // atom, red, redux; setmaxnreg: inc, dec
  popc,                              // barRed
  f4e, b4e, rc8, ecl, ecr, rc16,     // prmt
  finite, infinite, number, notanumber, normal, subnormal, // testp
  shiftamt,                          // bfind
  async, alias,                      // fenceProxy; space: of the data, if said
  rowMajor, columnMajor,             // wmma; wmmaMma: A, and B in mode2
  // clang-format on
};

enum class CacheOp : uint8_t { none, ca, cg, cs, lu, cv, wb, wt };

/// `none` is weak for ld and st, and relaxed for atom and red.
enum class Semantics : uint8_t {
  none,
  weak,
  relaxed,
  acquire,
  release,
  acqRel,
  sc,
  isVolatile,
  mmio,
};

enum class Scope : uint8_t { none, cta, cluster, gpu, sys };

/// Shape of mma (M x N x K), or of the matrices of ldmatrix and stmatrix.
enum class Shape : uint8_t {
  // clang-format off
  none, m8n8, m8n8k4, m8n8k16, m16n8k4, m16n8k8, m16n8k16, m16n8k32,
  m16n16k16,
  // clang-format on
};

enum class SpecialRegister : uint8_t {
  // clang-format off
  tidX, tidY, tidZ, ntidX, ntidY, ntidZ,
  ctaidX, ctaidY, ctaidZ, nctaidX, nctaidY, nctaidZ,
  laneid, warpid, nwarpid, smid, nsmid, gridid,
  lanemaskEq, lanemaskLe, lanemaskLt, lanemaskGe, lanemaskGt,
  clock, clockHi, clock64, globaltimer, globaltimerLo, globaltimerHi,
  dynamicSmemSize, totalSmemSize,
  clusteridX, clusteridY, clusteridZ, nclusteridX, nclusteridY, nclusteridZ,
  clusterCtaidX, clusterCtaidY, clusterCtaidZ,
  clusterNctaidX, clusterNctaidY, clusterNctaidZ,
  clusterCtarank, clusterNctarank, isExplicitCluster,
  reservedSmemBegin, reservedSmemEnd, reservedSmemCap, reservedSmem0,
  reservedSmem1, aggregateSmemSize,
  envreg0, // to envreg31, of which the grid's workspace is in 1 (upper) and 2
  envreg1, envreg2, envreg31 = envreg0 + 31,
  // clang-format on
};

/// Registers are numbered densely from 0 within each class of a function. A
/// declared `.f32` is a b32: PTX lets an instruction of either type use it.
enum class RegisterClass : uint8_t { pred, b16, b32, b64 };
inline constexpr unsigned registerClasses = 4;

enum class OperandKind : uint8_t {
  none,      // an optional operand that is absent
  reg,       // `index` in `regClass`; `negated` for !%p
  immediate, // `value`: the operand's bits; those above its width are zero
  special,   // SpecialRegister(index); only as the source of a mov
  vector,    // elements [index, index + count) of Function::elements
  address,   // [...]: see Operand
  symbol,    // the address of a variable as a number: as `address`, no base
  label,     // instruction `index`
  table,     // Function::branchTables[index]
  function,  // Module::functions[index]
  sink,      // `_`: nothing is written; in a vector too
};

/// 16 bytes. A vector's elements are reg, immediate or sink.
///
/// An address is base + value, in bytes. The base is the register `index` of
/// class `regClass` (b32 or b64) where `hasBase`, else nothing. Where `space`
/// is not generic, a variable is named, and `value` includes its offset in
///   param, shared, local: the function's parameter block, static shared
///     memory or local depot;
///   global, constant: nothing; the executor adds where it placed
///     Module::variables[index].
/// So a named variable and a base register exclude each other.
struct Operand {
  OperandKind kind = OperandKind::none;
  RegisterClass regClass = RegisterClass::pred;
  uint8_t count = 0;                // vector: elements
  Space space : 6 = Space::generic; // address, symbol: where the variable is
  bool negated : 1 = false;         // !%p
  bool hasBase : 1 = false;         // address
  uint32_t index = 0;
  uint64_t value = 0; // immediate; address, symbol: offset, two's complement
};
static_assert(sizeof(Operand) == 16);

inline constexpr unsigned maxOperands = 6;
inline constexpr uint32_t noInstruction = UINT32_MAX;

/// 128 bytes. Operands stand in the order of the PTX manual, destinations
/// first; an optional one that is absent keeps its place with kind none:
///   setp    p, q?, a, b, c?          shfl   d, p?, a, b, c, mask
///   barSync id, threads?             barRed d, id, threads?, p
///   elect   d, p, mask               match  d, p?, a, mask
///   cpAsync [dst], [src], bytes, sourceBytes?, policy?
///   cvt     d, a, b?                 (two sources: a goes to the upper half)
///   ld      d, [a], policy?          st     [a], b, policy?
///   atom    d, [a], b, c?, policy?   red    [a], b, policy?
///   ldmatrix {d}, [a]                mma    {d}, {a}, {b}, {c}
///   wmmaLoadA {d}, [a], stride?      wmmaStoreD [a], {d}, stride?
///   mbarrierArrive state?, [a], count?
///   mbarrierTestWait, mbarrierTryWait  p, [a], state or parity, hint?
///   cpAsyncBulk [dst], [src], bytes, [mbarrier]?, policy?
///   bra     label                    brx    index, table
///   call    function, {returns}?, {arguments}?   (elements: param symbols)
///   assertFail [message], [file], [line]    (in local memory)
///   lop3    d, a, b, c, table        shf    d, a, b, c
///   bfi     d, a, b, position, length
struct Instruction {
  Opcode opcode = Opcode::exit;
  Type type = Type::none;       // mma: of D; cvt, set, slct: of the destination
  Type type2 = Type::none;      // mma: of A; cvt, set, slct: of the source
  Type type3 = Type::none;      // mma: of B
  Type type4 = Type::none;      // mma: of C
  Space space = Space::generic; // of the address; cvta, isspacep: named one;
                                // cpAsync, cpAsyncBulk: of the destination
  Space space2 = Space::generic; // cpAsync, cpAsyncBulk: of the source
  uint8_t vectorWidth = 1;       // ld, st: elements; ldmatrix: matrices
  Rounding rounding = Rounding::none;
  Compare compare = Compare::none;
  Mode mode = Mode::none;
  Mode mode2 = Mode::none;
  CacheOp cache = CacheOp::none;
  Semantics semantics = Semantics::none;
  Scope scope = Scope::none;
  Shape shape = Shape::none;

  bool ftz : 1 = false;
  bool sat : 1 = false; // .sat, .satfinite
  bool approx : 1 = false;
  bool full : 1 = false;        // div.full
  bool uniform : 1 = false;     // bra.uni, call.uni
  bool carryOut : 1 = false;    // .cc
  bool to : 1 = false;          // cvta.to
  bool trans : 1 = false;       // ldmatrix, stmatrix
  bool nonCoherent : 1 = false; // ld.global.nc
  bool nan : 1 = false;         // min, max: .NaN
  bool relu : 1 = false;
  bool parity : 1 = false;  // mbarrier waits: a parity, not a state
  bool noinc : 1 = false;   // cpAsyncMbarrierArrive
  bool read : 1 = false;    // cpAsyncBulkWaitGroup.read
  bool aligned : 1 = false; // .aligned: all threads of the warp execute it
  bool guardNegated : 1 = false;

  uint8_t operandCount = 0; // 1 + the last place that is not none
  uint8_t destinations = 0; // leading places that are written
  int32_t guard = -1;       // predicate register of @p, or -1: always
  uint32_t line = 0;        // in the source, from 1

  /// Where lanes that part at this bra or brx meet again: the instruction that
  /// is its immediate post-dominator, or noInstruction where only the end of
  /// the function is.
  uint32_t reconverge = noInstruction;
  std::array<Operand, maxOperands> operands;
};
static_assert(sizeof(Instruction) == 128);

} // namespace quipu::ptx

#endif // QUIPU_RUNTIME_DEVICES_EMULATOR_PTX_INSTRUCTION_H
