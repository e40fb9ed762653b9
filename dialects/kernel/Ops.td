//===- Ops.td - The kernel dialect: ops -----------------------------------===//
//
// The skeletons and what stands inside them. Notation as in Dialect.td: T rows
// of activations, K inputs, N outputs, D head_dim.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_DIALECTS_KERNEL_OPS_TD
#define QUIPU_DIALECTS_KERNEL_OPS_TD

include "dialects/kernel/Dialect.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "dialects/llama/Dialect.td"

class Kernel_Op<string mnemonic, list<Trait> traits = []>
    : Op<Kernel_Dialect, mnemonic, traits>;

def Kernel_Activation : TensorRankOf<[F32], [2]>;
def Kernel_Indices : TensorRankOf<[I32], [1]>;

//===----------------------------------------------------------------------===//
// Parameters and their stored formats
//===----------------------------------------------------------------------===//

def Kernel_ParamOp : Kernel_Op<"param", [Pure]> {
  let summary = "a parameter of the model, as a value";
  let description = [{
    Names a llama.param or llama.rope_table. A rope table has the shape
    (positions, D / 2, 2), cos first.

    ```mlir
    %w = kernel.param @layers.0.attn.wq : tensor<576x576x!llama.q4_1>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$name);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$name attr-dict `:` type($result)";
}

def Kernel_DecoderOp : Kernel_Op<"decoder", [Symbol, IsolatedFromAbove]> {
  let summary = "how one block of a quantized format becomes numbers";
  let description = [{
    The region receives the bytes of a block and ends in kernel.decoded, which
    gives the block's elements in order as parts, each of the affine form
    scale * quant + offset. The scale is applied after a part's dot product, so
    no expanded weight needs to exist.

    The ops that a region may use are listed in Decoders.mlir, which has a
    decoder for every format; emitters copy them as they are, and the interpreter
    of this dialect runs them.

    ```mlir
    kernel.decoder @q4_0 : !llama.q4_0 {
    ^bb0(%b: !kernel.block):
      %d16 = kernel.block_load %b[0] : f16
      %d = arith.extf %d16 : f16 to f32
      %bytes = kernel.block_load %b[2] : vector<16xi8>
      %c4 = arith.constant dense<4> : vector<16xi8>
      %c8 = arith.constant dense<8> : vector<16xi8>
      %c15 = arith.constant dense<15> : vector<16xi8>
      %low = arith.andi %bytes, %c15 : vector<16xi8>
      %high = arith.shrui %bytes, %c4 : vector<16xi8>
      %q0 = arith.subi %low, %c8 : vector<16xi8>
      %q1 = arith.subi %high, %c8 : vector<16xi8>
      kernel.decoded quants(%q0, %q1 : vector<16xi8>, vector<16xi8>)
                     scales(%d, %d)
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttr:$type);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name `:` $type $body attr-dict";
  let hasRegionVerifier = 1;
}

def Kernel_BlockLoadOp : Kernel_Op<"block_load", [Pure]> {
  let summary = "reads bytes of a block, little endian, at a constant offset";
  let description = [{
    A scalar of the result's size, or as many bytes as the vector has elements.
    They lie within the block, and need no alignment.

    ```mlir
    %d = kernel.block_load %b[0] : f16
    ```
  }];
  let arguments = (ins Kernel_Block:$block, I64Attr:$offset);
  let results = (outs AnyTypeOf<[I8, I16, I32, F16, F32, VectorOfRankAndType<[1], [I8]>]>:$result);
  let assemblyFormat = "$block `[` $offset `]` attr-dict `:` type($result)";
}

def Kernel_DecodedOp : Kernel_Op<"decoded", [Pure, Terminator,
    AttrSizedOperandSegments, HasParent<"DecoderOp">]> {
  let summary = "a block's elements: scale * quant + offset, part by part";
  let description = [{
    One scale a part; offsets for all parts or for none. Quants are signed.

    ```mlir
    kernel.decoded quants(%q0, %q1 : vector<16xi8>, vector<16xi8>)
                   scales(%d, %d) offsets(%m, %m)
    ```
  }];
  let arguments = (ins Variadic<VectorOfRankAndType<[1], [I8]>>:$quants,
                       Variadic<F32>:$scales, Variadic<F32>:$offsets);
  let assemblyFormat = [{
    `quants` `(` $quants `:` type($quants) `)` `scales` `(` $scales `)`
    (`offsets` `(` $offsets^ `)`)? attr-dict
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Skeletons over rows
//===----------------------------------------------------------------------===//

class Kernel_RowSkeleton<string mnemonic> : Kernel_Op<mnemonic, [
    NoTerminator, SingleBlock, NoRegionArguments, Pure]> {
  let arguments = (ins StrAttr:$label, Kernel_Domain:$domain,
                       OptionalAttr<Kernel_Schedule>:$schedule);
  let regions = (region SizedRegion<1>:$body);
  let results = (outs Variadic<AnyType>:$results);
  let assemblyFormat = [{
    $label $domain (`schedule` $schedule^)? `->` type($results) $body attr-dict
  }];
  let hasRegionVerifier = 1;
  let extraClassDefinition = [{
    ::llvm::LogicalResult $cppClass::verifyRegions() {
      return verifyRowSkeleton(*this);
    }
  }];
}

def Kernel_MatvecOp : Kernel_RowSkeleton<"matvec"> {
  let summary = "segments of weight rows times one row of activations";
  let description = [{
    For T = 1: every weight is read once and used once. Same meaning as
    kernel.matmul:

        y[t, n] = scale[t] * sum_k w[n, k] * map(x[t, k])

    with map and scale from the prologue (identity and 1 without), then the
    epilogue of n's segment on couples of y. Results: one per segment with
    destination `result` or `argmax`, in order; then the KV cache if a segment
    writes keys or values.

    ```mlir
    %o = kernel.matvec "layers.0.attn.o" tokens -> tensor<?x576xf32> {
      kernel.prologue %a : tensor<?x576xf32>
      kernel.segment single into result
          weights(%w : tensor<576x576x!llama.q4_1>) decoders [@q4_1] {
      ^bb0(%y: f32):
        kernel.yield %y : f32
      }
    }
    ```
  }];
}

def Kernel_MatmulOp : Kernel_RowSkeleton<"matmul"> {
  let summary = "segments of weight rows times T rows of activations";
  let description = [{
    The same formula as kernel.matvec, for any T: weights are decoded once per
    tile and used for all its tokens.

    ```mlir
    %next = kernel.matmul "lm_head" rows schedule <row_tile = 32, token_tile = 4>
        -> tensor<?xi32> {
      kernel.prologue %x : tensor<?x576xf32>
      kernel.segment single into argmax
          weights(%head : tensor<49152x576xbf16>) {
      ^bb0(%y: f32):
        kernel.yield %y : f32
      }
    }
    ```
  }];
}

def Kernel_RowwiseOp : Kernel_RowSkeleton<"rowwise"> {
  let summary = "work on rows without a matrix";
  let description = [{
    Segments have no weights. With a prologue, y[t, n] = scale[t] * map(x[t, n])
    enters the epilogue as in kernel.matmul; without one, epilogues only see what
    they read. Gathers rows where the prologue has `rows`.

    ```mlir
    %x = kernel.rowwise "embed" tokens -> tensor<?x576xf32> {
      kernel.prologue %table : tensor<49152x576xf16> rows(%tokens : tensor<?xi32>)
      kernel.segment single into result {
      ^bb0(%e: f32):
        kernel.yield %e : f32
      }
    }
    ```
  }];
}

// Parts of a skeleton are not Pure: without results they would count as dead.
def Kernel_PrologueOp : Kernel_Op<"prologue", [AttrSizedOperandSegments]> {
  let summary = "how activations are prepared, once per block of threads";
  let description = [{
    Row t of `source` is source[t, :], or source[rows[t], :] with rows; a stored
    type is decoded (by `decoder` where it is quantized).

      - map(x, column values...) -> activation; identity when absent, and a map
        that only yields x is canonicalized away. `columns` are vectors over K
        (gamma).
      - statistic(x) -> term, summed over K; scale(sum) -> the factor applied to
        the row after the dot product. Both or neither.

    ```mlir
    kernel.prologue %x : tensor<?x576xf32> columns(%gamma : tensor<576xf32>)
      map {
      ^bb0(%e: f32, %g: f32):
        %m = arith.mulf %e, %g : f32
        kernel.yield %m : f32
      } statistic {
      ^bb0(%e: f32):
        %s = arith.mulf %e, %e : f32
        kernel.yield %s : f32
      } scale {
      ^bb0(%sum: f32):
        %c = arith.constant 576.0 : f32
        %eps = arith.constant 1.0e-5 : f32
        %mean = arith.divf %sum, %c : f32
        %v = arith.addf %mean, %eps : f32
        %r = math.rsqrt %v : f32
        kernel.yield %r : f32
      }
    ```
  }];
  let arguments = (ins AnyRankedTensor:$source, Optional<Kernel_Indices>:$rows,
                       Variadic<AnyRankedTensor>:$columns,
                       OptionalAttr<FlatSymbolRefAttr>:$decoder);
  let regions = (region AnyRegion:$map, AnyRegion:$statistic, AnyRegion:$scale);
  let assemblyFormat = [{
    $source `:` type($source) (`rows` `(` $rows^ `:` type($rows) `)`)?
    (`columns` `(` $columns^ `:` type($columns) `)`)?
    (`decoder` $decoder^)?
    (`map` $map^)? (`statistic` $statistic^ `scale` $scale)? attr-dict
  }];
  let hasCanonicalizer = 1;
  let hasRegionVerifier = 1;
}

def Kernel_SegmentOp : Kernel_Op<"segment", [AttrSizedOperandSegments]> {
  let summary = "a run of outputs with one epilogue";
  let description = [{
    Outputs are grouped into couples, which one epilogue call holds:

      - single: output n alone;
      - half, head_dim D: outputs (hD + i, hD + i + D/2), i < D/2;
      - interleaved, head_dim D: outputs (2i, 2i + 1);
      - zip: output n of the first weight and output n of the second.

    The epilogue's arguments, in order, each f32:

      1. the couple's values y (none in a rowwise skeleton without prologue);
      2. for each of `elements` (T, N): its values at the couple's outputs (for
         zip: one value, at n);
      3. for each of `columns` (N): its values at the couple's outputs (for zip:
         one value, at n);
      4. with `angles` (table, positions): cos and sin of the couple's pair i at
         positions[t].

    It yields one value per output of the couple, or one for zip. Destination:
    `result` stores them at (t, n) of the next result; `keys` and `values` store
    them, rounded, in `kv` at slots[t], output n being head n / D and dimension
    n mod D, and skip slot -1; `argmax` keeps the lowest n with the largest value.

    ```mlir
    kernel.segment single into result
        weights(%w : tensor<576x576x!llama.q4_1>) decoders [@q4_1]
        elements(%residual : tensor<?x576xf32>) {
    ^bb0(%y: f32, %r: f32):
      %s = arith.addf %y, %r : f32
      kernel.yield %s : f32
    }
    ```
  }];
  let arguments = (ins Kernel_Couple:$couple, OptionalAttr<I64Attr>:$head_dim,
                       Kernel_Destination:$destination,
                       Variadic<AnyRankedTensor>:$weights,
                       OptionalAttr<ArrayAttr>:$decoders,
                       Variadic<Kernel_Activation>:$elements,
                       Variadic<AnyRankedTensor>:$columns,
                       Variadic<AnyRankedTensor>:$angles,
                       Optional<Llama_Kv>:$kv, Optional<Kernel_Indices>:$slots);
  let regions = (region SizedRegion<1>:$epilogue);
  let assemblyFormat = [{
    $couple (`head_dim` $head_dim^)? `into` $destination
    (`weights` `(` $weights^ `:` type($weights) `)`)?
    (`decoders` $decoders^)?
    (`elements` `(` $elements^ `:` type($elements) `)`)?
    (`columns` `(` $columns^ `:` type($columns) `)`)?
    (`angles` `(` $angles^ `:` type($angles) `)`)?
    (`kv` `(` $kv^ `:` qualified(type($kv)) `,` $slots `:` type($slots) `)`)?
    $epilogue attr-dict
  }];
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// N: outputs of the segment as they are stored (for zip: rows of one
    /// weight).
    int64_t getOutputs();
    /// Values y that one epilogue call receives: 0, 1 or 2.
    int64_t getArity();
    /// Couples in the segment.
    int64_t getCouples();
    /// Decoder of weight `i`, or null for float types.
    ::mlir::FlatSymbolRefAttr getDecoder(unsigned i);
  }];
}

def Kernel_YieldOp : Kernel_Op<"yield", [Pure, Terminator,
    ParentOneOf<["PrologueOp", "SegmentOp"]>]> {
  let summary = "values of a payload region";
  let description = [{
    ```mlir
    kernel.yield %s : f32
    ```
  }];
  let arguments = (ins Variadic<F32>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

//===----------------------------------------------------------------------===//
// Attention skeletons
//===----------------------------------------------------------------------===//

class Kernel_AttentionOp<string mnemonic> : Kernel_Op<mnemonic, [Pure,
    AllTypesMatch<["query", "result"]>, AllTypesMatch<["positions", "sequences"]>]> {
  let arguments = (ins StrAttr:$label, Kernel_Activation:$query, Llama_Kv:$kv,
                       Kernel_Indices:$positions, Kernel_Indices:$sequences,
                       TensorRankOf<[I32], [2]>:$pages, F32Attr:$scale,
                       OptionalAttr<Kernel_Schedule>:$schedule);
  let results = (outs Kernel_Activation:$result);
  let assemblyFormat = [{
    $label $query `,` $kv `,` $positions `,` $sequences `,` $pages `scale` $scale
    (`schedule` $schedule^)? attr-dict
    `:` type($query) `,` qualified(type($kv)) `,` type($positions) `,` type($pages)
  }];
  let extraClassDeclaration = [{
    int64_t getHeadDim() { return getKv().getType().getHeadDim(); }
    int64_t getKvHeads() { return getKv().getType().getHeads(); }
    /// Query heads that share one KV head.
    int64_t getGroup() {
      return getQuery().getType().getDimSize(1) / (getKvHeads() * getHeadDim());
    }
  }];
  let hasVerifier = 1;
  let extraClassDefinition = [{
    ::llvm::LogicalResult $cppClass::verify() { return verifyAttention(*this); }
  }];
}

def Kernel_AttentionDecodeOp : Kernel_AttentionOp<"attention_decode"> {
  let summary = "attention with the context split over tiles";
  let description = [{
    The formula of llama.attention. A tile is one token, one KV head with its
    group of query heads, and one range of the context (KernelDims::splits
    ranges of splitLength). Each leaves, per query head, a maximum, a sum of
    exponentials and a weighted sum of values; `merge` combines the ranges, of
    which later ones may be empty.

    ```mlir
    %o = kernel.attention_decode "layers.0.attention" %q, %kv, %positions,
        %sequences, %pages scale 0.125 : tensor<?x576xf32>,
        !llama.kv<3, 64, page 64, f16>, tensor<?xi32>, tensor<?x?xi32>
    ```
  }];
}

def Kernel_AttentionPrefillOp : Kernel_AttentionOp<"attention_prefill"> {
  let summary = "attention with many queries to a tile";
  let description = [{
    The formula of llama.attention. A tile is one work item (consecutive tokens
    of one sequence) and one KV head; an online softmax runs over the context in
    steps of kv_tile.

    ```mlir
    %o = kernel.attention_prefill "layers.0.attention" %q, %kv, %positions,
        %sequences, %pages scale 0.125 schedule <token_tile = 16, kv_tile = 64>
        : tensor<?x576xf32>, !llama.kv<3, 64, page 64, f16>, tensor<?xi32>,
          tensor<?x?xi32>
    ```
  }];
}

#endif // QUIPU_DIALECTS_KERNEL_OPS_TD
