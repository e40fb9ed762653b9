//===- Dialect.td - The kernel dialect: types and attributes --------------===//
//
// How a fused group runs on a device: a skeleton (which loops, which data
// movement), payload regions (which arithmetic) and a schedule (which sizes).
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_DIALECTS_KERNEL_DIALECT_TD
#define QUIPU_DIALECTS_KERNEL_DIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"

def Kernel_Dialect : Dialect {
  let name = "kernel";
  let cppNamespace = "::quipu::kernel";
  let summary = "How one group of ops runs on a device";
  let description = [{
    One skeleton op per group, on tensors with value semantics. Payload regions
    work on f32 scalars and say nothing of tiles or lanes; emitters vectorize
    them. Shapes: T rows of activations (tokens or selected rows), K inputs, N
    outputs.
  }];
  let dependentDialects = ["::quipu::llama::LlamaDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::vector::VectorDialect"];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
}

def Kernel_Block : TypeDef<Kernel_Dialect, "Block"> {
  let mnemonic = "block";
  let summary = "the stored bytes of one block of a quantized row";
}

class Kernel_Enum<string name, string what, list<string> cases>
    : I32EnumAttr<name, what,
        !foreach(i, !range(!size(cases)), I32EnumAttrCase<cases[i], i>)> {
  let cppNamespace = "::quipu::kernel";
}

def Kernel_Couple : Kernel_Enum<"Couple", "which outputs one epilogue call holds",
    ["single", "half", "interleaved", "zip"]>;

def Kernel_Destination : Kernel_Enum<"Destination", "where an epilogue's values go",
    ["result", "keys", "values", "argmax"]>;

def Kernel_Domain : Kernel_Enum<"Domain", "what the leading dimension counts",
    ["tokens", "rows"]>;

def Kernel_Arithmetic : Kernel_Enum<"Arithmetic", "types that products are formed in",
    ["f32", "bf16", "f16"]>;

def Kernel_Schedule : AttrDef<Kernel_Dialect, "Schedule"> {
  let mnemonic = "schedule";
  let summary = "sizes that an emitter works with";
  let description = [{
    A tile is the unit of the launch grid: row_tile outputs (a whole number of
    couples) by token_tile rows of activations; for attention, one KV head by
    token_tile queries. Inside a tile the micro kernel keeps row_unroll x
    token_unroll accumulators of `vector` f32 lanes and forms products in
    `arithmetic`. kv_tile is the number of KV positions handled at a time.
    row_streams places of a weight, far apart, are read in turns row after row;
    0 and 1 mean one.

    Tile sizes decide the grid, which all CPU variants share; vector, unrolls,
    streams and arithmetic are chosen per variant.

    On a GPU a tile is the work of one block of `threads` threads at a time, with
    `stages` steps of `k_tile` elements of K on their way from memory; `vector` is
    the number of elements that a thread loads at once.
  }];
  let parameters = (ins
    DefaultValuedParameter<"int64_t", "1">:$row_tile,
    DefaultValuedParameter<"int64_t", "1">:$token_tile,
    DefaultValuedParameter<"int64_t", "0">:$kv_tile,
    DefaultValuedParameter<"int64_t", "0">:$vector,
    DefaultValuedParameter<"int64_t", "0">:$row_unroll,
    DefaultValuedParameter<"int64_t", "0">:$token_unroll,
    DefaultValuedParameter<"::quipu::kernel::Arithmetic",
                           "::quipu::kernel::Arithmetic::f32">:$arithmetic,
    DefaultValuedParameter<"int64_t", "0">:$threads,
    DefaultValuedParameter<"int64_t", "0">:$k_tile,
    DefaultValuedParameter<"int64_t", "0">:$stages,
    DefaultValuedParameter<"int64_t", "0">:$row_streams);
  let builders = [
    AttrBuilder<(ins "int64_t":$rowTile, "int64_t":$tokenTile, "int64_t":$kvTile,
                     "int64_t":$vector, "int64_t":$rowUnroll,
                     "int64_t":$tokenUnroll, "Arithmetic":$arithmetic), [{
      return $_get($_ctxt, rowTile, tokenTile, kvTile, vector, rowUnroll,
                   tokenUnroll, arithmetic, /*threads=*/0, /*kTile=*/0,
                   /*stages=*/0, /*rowStreams=*/0);
    }]>
  ];
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

#endif // QUIPU_DIALECTS_KERNEL_DIALECT_TD
